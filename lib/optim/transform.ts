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
  /** What is to be added to the params: a tree of their structure. */
  readonly updates: P;
  /** State for the next step. */
  readonly state: S;
  /** Figures of this step, such as `grad_norm`. */
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * A step of an optimizer over any tree of params.
 *
 * @example
 * ```ts
 * import { scale, type Transform, treeMap } from "@logratio/logratio";
 * // Plain gradient descent: update = −lr·g.
 * const sgd = (lr: number): Transform<null> => ({
 *   init: () => null,
 *   update: (grads, state) => ({ updates: treeMap((g) => scale(g, -lr), grads), state, metrics: {} }),
 * });
 * ```
 */
export interface Transform<S> {
  /** State for the first step; it shares no memory with the params. */
  readonly init: (params: unknown) => S;
  /** From gradients (or the updates of the transform before), state and params to updates. */
  readonly update: <P>(updates: P, state: S, params: P) => Updated<P, S>;
}

/**
 * One transform after another; the states are kept in order, metrics are joined.
 *
 * @example
 * ```ts
 * import { adamw, chain, clipByGlobalNorm, linearSchedule } from "@logratio/logratio";
 * const optimizer = chain(clipByGlobalNorm(1), adamw({ lr: linearSchedule({ lr: 3e-4, warmup: 10, steps: 100 }) }));
 * ```
 */
export function chain<const S extends readonly unknown[]>(
  ...transforms: { readonly [I in keyof S]: Transform<S[I]> }
): Transform<S> {
  const list = transforms as readonly Transform<unknown>[];
  return {
    init: (params) => list.map((t) => t.init(params)) as unknown as S,
    update: (updates, states, params) => {
      const start = { updates, state: [] as readonly unknown[], metrics: {} };
      const { state, ...rest } = list.reduce((before, transform, i) => {
        const next = transform.update(before.updates, states[i], params);
        return {
          updates: next.updates,
          state: [...before.state, next.state],
          metrics: { ...before.metrics, ...next.metrics },
        };
      }, start);
      return { ...rest, state: state as S };
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
