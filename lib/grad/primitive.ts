/**
 * How derivatives are recorded: a primitive is a forward with its vjp beside it.
 *
 * `derive` hangs on a result the tensors it came from and the function that turns the result's gradient into theirs.
 * There is no tape: the graph is reachable from the loss alone, and ends with it.
 */
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Vector–Jacobian product: from the gradient of the result to the gradients of its parents, in their order.
 * Parents whose `needs` is false may be left undefined.
 */
export type Vjp = (g: Tensor, needs: readonly boolean[]) => readonly (Tensor | RowGradient | undefined)[];

/**
 * The gradient of a table `[V, d]` of which a few rows were read: Σ rows[i] in row ids[i], and 0 elsewhere. It is added to
 * another gradient without ever existing as a table.
 */
export interface RowGradient {
  /** `[T, d]` */
  readonly rows: Tensor;
  /** `[T]` */
  readonly ids: Int32Array;
}

/** Where a traced tensor came from; a leaf has no parents. */
export interface Node {
  readonly parents: readonly Tensor[];
  readonly vjp: Vjp;
}

const nodes = new WeakMap<Tensor, Node>();

/** The node of a traced tensor; undefined for a constant. */
export function nodeOf(t: Tensor): Node | undefined {
  return nodes.get(t);
}

/** Marks a fresh tensor as a leaf that gradients are wanted for. */
export function traceLeaf(t: Tensor): Tensor {
  nodes.set(t, { parents: [], vjp: () => [] });
  return t;
}

/**
 * Records that `out` came from `parents`, if any of them is traced; returns `out`.
 *
 * @example
 * ```ts
 * import { derive, mul, neg, shift, square, type Tensor, tensor } from "@logratio/logratio";
 * // tanh x; its derivative is 1 − tanh² x.
 * function tanh(x: Tensor): Tensor {
 *   const out = tensor(x.shape, Array.from(x.data, Math.tanh), x.dtype);
 *   return derive(out, [x], (g) => [mul(g, shift(neg(square(out)), 1))]);
 * }
 * ```
 */
export function derive(out: Tensor, parents: readonly Tensor[], vjp: Vjp): Tensor {
  if (parents.some((p) => nodes.has(p))) nodes.set(out, { parents, vjp });
  return out;
}
