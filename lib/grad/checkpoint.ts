/** Gradient checkpointing: intermediate values that are not kept, but computed again when the backward walk needs them. */
import { alias, type Tensor } from "../tensor/tensor.ts";
import { scope } from "../tensor/scope.ts";
import { leaves, treeMap } from "../tensor/tree.ts";
import { derive, nodeOf, traceLeaf } from "./primitive.ts";
import { backward } from "./value_and_grad.ts";

/** Whether gradients may be wanted for a tensor of a tree. */
export function isTraced(tree: unknown): boolean {
  return leaves(tree).some(([, leaf]) => nodeOf(leaf) !== undefined);
}

/**
 * f(params, x), in the memory of its result alone: value and gradients have the bits of f(params, x) itself, for the
 * time of one more computation of f in the backward walk.
 *
 * @param f a pure function; a tensor that it uses beside its arguments counts as constant
 * @see Chen et al. 2016, "Training deep nets with sublinear memory cost"
 */
export function checkpoint<P>(f: (params: P, x: Tensor) => Tensor, params: P, x: Tensor): Tensor {
  const parents = [...new Set([x, ...leaves(params).map(([, leaf]) => leaf)])];
  const plain = (t: Tensor): Tensor => alias(t);
  const out = scope(() => f(treeMap(plain, params), plain(x)));
  return derive(out, parents, (g, needs) =>
    scope(() => {
      const twins = new Map(parents.map((t) => [t, alias(t)]));
      const twin = (t: Tensor): Tensor => twins.get(t) as Tensor;
      parents.forEach((t, i) => needs[i] && traceLeaf(twin(t)));
      const found = backward(f(treeMap(twin, params), twin(x)), g);
      return parents.map((t) => found.get(twin(t)));
    }));
}
