/**
 * Optimizers as transforms of gradients, closed under composition: a chain of transforms is a transform.
 *
 * A transform turns gradients into updates, which are *added* to the params. It **consumes** the updates and the state
 * it is given (their memory becomes the results'), as the loop that calls it holds the only reference.
 */
import { kernels } from "../kernels/provider.ts";
import { consume, floats } from "../tensor/tensor.ts";
import { treeMap } from "../tensor/tree.ts";

/** What a transform returns: updates in the place of the gradients, its next state, and figures worth showing. */
export interface Updated<P, S> {
  readonly updates: P;
  readonly state: S;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A step of an optimizer over any tree of params. */
export interface Transform<S = unknown> {
  /** State for the first step; it shares no memory with the params. */
  readonly init: (params: unknown) => S;
  /** From gradients (or the updates of the transform before), state and params to updates. */
  readonly update: <P>(updates: P, state: S, params: P) => Updated<P, S>;
}

/** One transform after another; states and metrics are kept in order. */
export function chain(...transforms: readonly Transform[]): Transform<readonly unknown[]> {
  return {
    init: (params) => transforms.map((t) => t.init(params)),
    update: (updates, states, params) => {
      const next: unknown[] = [];
      let [current, metrics] = [updates, {}];
      transforms.forEach((transform, i) => {
        const result = transform.update(current, states[i], params);
        current = result.updates;
        metrics = { ...metrics, ...result.metrics };
        next.push(result.state);
      });
      return { updates: current, state: next, metrics };
    },
  };
}

/** params + updates. Consumes the params; the updates stay. */
export function applyUpdates<P>(params: P, updates: P): P {
  return treeMap(
    (p, u) => consume(p, (out) => kernels(p.dtype).axpy(1, floats(u), out, out)),
    params,
    updates,
  );
}
