/** Lifetimes: `scope` frees what a computation made except what it returns. */
import { freeRegion, leaveRegion, openRegion } from "../kernels/memory.ts";
import { carryOut, type HalfTensor, livesIn, type Tensor } from "./tensor.ts";
import { treeMap } from "./tree.ts";

/**
 * Runs a synchronous `body` and frees every tensor made inside it, except those in the tree it returns, which move to
 * the caller's scope. A freed tensor throws when read.
 *
 * @throws {TypeError} if the body returns a promise: its tensors would be freed before it ends
 * @example
 * ```ts
 * import { item, mul, scope, sum, tensor } from "@logratio/logratio";
 * const x = tensor([3], [1, 2, 3]);
 * const norm = scope(() => item(sum(mul(x, x)))); // the product is gone, 14 stays
 * ```
 */
export function scope<T>(body: () => T): T {
  const region = openRegion();
  try {
    let result: T;
    try {
      result = body();
      if (result instanceof Promise) {
        throw new TypeError("Cannot run a scope as its body must be synchronous: it returned a promise");
      }
    } finally {
      leaveRegion(region);
    }
    const moved = new Map<Tensor | HalfTensor, Tensor>();
    return treeMap((leaf) => {
      if (!livesIn(leaf, region)) return leaf;
      const kept = moved.get(leaf) ?? carryOut(leaf);
      moved.set(leaf, kept);
      return kept;
    }, result);
  } finally {
    freeRegion(region);
  }
}
