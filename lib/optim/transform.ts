/**
 * Optimizers as transforms of gradients, closed under composition: a chain of transforms is a transform.
 *
 * A transform turns gradients into updates, which are *added* to the params. It **consumes** the updates and the state
 * it is given (their memory becomes the results'), as the loop that calls it holds the only reference.
 */
import { kernels } from "../kernels/provider.ts";
import { consume, floats, scalar, type Tensor } from "../tensor/tensor.ts";
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
  /**
   * Where `update` multiplies all updates by one number: that number. What comes after may do it in a pass of its own; the
   * updates are only read.
   */
  readonly scaling?: (updates: unknown, state: S) => Omit<Updated<unknown, S>, "updates"> & { readonly factor: number };
  /**
   * `update` of the updates times a factor, and its sum with the params, in one pass over the memory of them all. Consumes
   * the params too; the bits are those of one after the other.
   */
  readonly move?: <P>(updates: P, state: S, params: P, options: { readonly factor: number }) => Moved<P, S>;
}

/** What params become in a step, the optimizer's next state, and figures worth showing. */
export interface Moved<P, S> extends Omit<Updated<P, S>, "updates"> {
  /** The params after the step. */
  readonly params: P;
}

/** All updates times a factor, in their memory. */
export function scaleUpdates<P>(updates: P, factor: number): P {
  const scaled = (u: Tensor): Tensor => {
    const by = floats(scalar(factor, u.dtype));
    return consume(u, (out) => kernels(u.dtype).zip("mul", out, by, out));
  };
  return factor === 1 ? updates : treeMap(scaled, updates);
}

/**
 * A step of an optimizer: its update of the gradients, added to the params. Consumes all three, in as few passes over
 * their memory as the transform offers: its `move`, or `update` and `applyUpdates`.
 *
 * @param options.factor what the gradients are multiplied by first, 1 if not given
 * @example
 * ```ts
 * import { adamw, moveParams, scope, sum, square, type Tensor, tensor, valueAndGrad } from "@logratio/logratio";
 * const loss = (p: { w: Tensor }) => ({ loss: { sum: sum(square(p.w)), count: 1 }, metrics: {} });
 * const optimizer = adamw({ lr: 0.1 });
 * const params = { w: tensor([2], [3, -4]) };
 * const { grads } = valueAndGrad(loss)(params);
 * const next = moveParams(optimizer, grads, { state: optimizer.init(params), params }); // next.params.w is near [2.9, -3.9]
 * ```
 */
export function moveParams<P, S>(
  transform: Transform<S>,
  grads: P,
  { state, params, factor = 1 }: { readonly state: S; readonly params: P; readonly factor?: number },
): Moved<P, S> {
  if (transform.move !== undefined) return transform.move(grads, state, params, { factor });
  const { updates, ...rest } = transform.update(scaleUpdates(grads, factor), state, params);
  return { ...rest, params: applyUpdates(params, updates) };
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
    move: (updates, states, params, { factor }) => {
      const start = { updates, factor, state: [] as readonly unknown[], metrics: {} };
      const before = list.slice(0, -1).reduce((before, transform, i) => {
        const { factor = 1, ...next } = reduced(transform, before, { state: states[i], params });
        return {
          ...{ updates: next.updates, factor },
          state: [...before.state, next.state],
          metrics: { ...before.metrics, ...next.metrics },
        };
      }, start);
      const i = list.length - 1;
      const last = moveParams(list[i] ?? nothing, before.updates, { state: states[i], params, factor: before.factor });
      return {
        params: last.params,
        state: (i < 0 ? [] : [...before.state, last.state]) as readonly unknown[] as S,
        metrics: { ...before.metrics, ...last.metrics },
      };
    },
  };
}

/** What a transform makes of updates times a factor; where it only scales, they stay, with another factor. */
function reduced<P>(
  transform: Transform<unknown>,
  { updates, factor }: { readonly updates: P; readonly factor: number },
  { state, params }: { readonly state: unknown; readonly params: P },
): Updated<P, unknown> & { readonly factor?: number } {
  const given = scaleUpdates(updates, factor);
  return transform.scaling === undefined
    ? transform.update(given, state, params)
    : { updates: given, ...transform.scaling(given, state) };
}

/** The transform of a chain of none. */
const nothing: Transform<unknown> = {
  init: () => null,
  update: (updates, state) => ({ updates, state, metrics: {} }),
};

/** params + updates. Consumes the params; the updates stay. */
export function applyUpdates<P>(params: P, updates: P): P {
  return treeMap(
    (p, u) => consume(p, (out) => kernels(p.dtype).axpy(1, floats(u), out, out)),
    params,
    updates,
  );
}
