/** Adam with decoupled weight decay. */
import type { AdamStep, Floats } from "../kernels/kernels.ts";
import { kernels } from "../kernels/provider.ts";
import { consumeAll, dispose, type Dtype, floats, type Tensor, zeros } from "../tensor/tensor.ts";
import { treeMap } from "../tensor/tree.ts";
import type { Schedule } from "./schedule.ts";
import type { Moved, Transform } from "./transform.ts";

/** Options of `adamw`, under the paper's names. */
export interface AdamwOptions {
  /** Learning rate, or a schedule of it. */
  readonly lr: number | Schedule;
  /** Decay of the first moment. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the second moment. Default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the second moment, outside of it. Default 1e-8. */
  readonly eps?: number;
  /** λ of the decay lr·λ·θ. Default 0. */
  readonly weightDecay?: number;
  /** Which params decay, by path and value. Default: matrices, not norms and biases. */
  readonly decays?: (path: string, param: Tensor) => boolean;
}

/** Moments of every param, and how many steps were taken. */
export interface AdamwState {
  /** Steps taken. */
  readonly step: number;
  /** m of every param: a tree of their structure. */
  readonly first: unknown;
  /** v of every param: a tree of their structure. */
  readonly second: unknown;
}

/** A param with its gradient and moments, and the λ it decays by. */
interface Slot extends Readonly<Record<"g" | "m" | "v" | "p", Tensor>> {
  readonly path: string;
  readonly decay: number;
}

/** What a step made of a param, by its path: its update or itself, and its moments. */
type Next = readonly [path: string, next: readonly [out: Tensor, m: Tensor, v: Tensor]];

/**
 * What a step makes, by path: updates in the memory of gradients, or params in their own and the gradients' memory is
 * free; moments in theirs.
 */
function stepped(slots: readonly Slot[], step: AdamStep): readonly Next[] {
  const isMove = step.into === "p";
  const ofType = (dtype: Dtype): readonly Next[] => {
    const own = slots.filter(({ g }) => g.dtype === dtype);
    const written = own.flatMap(({ g, m, v, p }) => [g, m, v, ...isMove ? [p] : []]);
    const size = isMove ? 4 : 3;
    const next = consumeAll(written, (...numbers) => {
      const arrays = own.map(({ p, decay }, i) => {
        const [g, m, v, moved] = numbers.slice(size * i, size * (i + 1)) as [Floats, Floats, Floats, Floats];
        return { g, m, v, p: isMove ? moved : floats(p), decay };
      });
      kernels(dtype).adamw(arrays, step);
    });
    return own.map(({ path }, i) => {
      const [g, m, v, moved] = next.slice(size * i, size * (i + 1)) as [Tensor, Tensor, Tensor, Tensor];
      if (isMove) dispose(g);
      return [path, [isMove ? moved : g, m, v]];
    });
  };
  return [...new Set(slots.map(({ g }) => g.dtype))].flatMap(ofType);
}

/**
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², update = −lr·( m̂ / (√v̂ + eps) + λθ ) with m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ).
 *
 * Reports `learning_rate`. Consumes gradients and moments.
 *
 * @throws {RangeError} if an option is out of range
 * @see Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2; the order of operations is PyTorch's
 * @example
 * ```ts
 * import { adamw, moveParams, mul, scope, sum, type Tensor, tensor, valueAndGrad } from "@logratio/logratio";
 * const loss = (p: { w: Tensor }) => ({ loss: { sum: sum(mul(p.w, p.w)), count: 1 }, metrics: {} });
 * const optimizer = adamw({ lr: 0.1 });
 * let params = { w: tensor([2], [3, -4]) };
 * let state = optimizer.init(params);
 * for (let step = 0; step < 100; step++) {
 *   ({ params, state } = scope(() => moveParams(optimizer, valueAndGrad(loss)(params).grads, { params, state })));
 * }
 * ```
 */
export function adamw(options: AdamwOptions): Transform<AdamwState> {
  const { lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 } = options;
  const { decays = (_path, param) => param.shape.length > 1 } = options;
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    if (!(beta >= 0 && beta < 1)) {
      throw new RangeError(`Cannot make adamw as ${name} must be in [0, 1): current value is ${beta}`);
    }
  }
  if (typeof lr === "number" && !(lr >= 0 && lr < Infinity)) {
    throw new RangeError(`Cannot make adamw as lr must be ≥ 0 and finite: current value is ${lr}`);
  }
  if (!(eps >= 0 && weightDecay >= 0)) {
    throw new RangeError(
      `Cannot make adamw as eps and weightDecay must be ≥ 0: current values are ${eps}, ${weightDecay}`,
    );
  }
  const rateAt = typeof lr === "number" ? () => lr : lr;
  const zerosLike = (tree: unknown): unknown => treeMap((t) => zeros(t.dtype, t.shape), tree);
  const take = <P>(
    { grads, params, state }: Given<P>,
    how: Pick<AdamStep, "factor" | "into">,
  ): Moved<P, AdamwState> => {
    const rate = rateAt(state.step), t = state.step + 1;
    const corrections = { correction1: 1 - beta1 ** t, correction2: 1 - beta2 ** t };
    const slots = slotsOf({ grads, params, state }, (path, p) => decays(path, p) ? weightDecay : 0);
    const next = new Map(stepped(slots, { ...how, rate, beta1, beta2, eps, ...corrections }));
    const part = <T>(tree: T, i: 0 | 1 | 2): T => treeMap((_, path) => next.get(path)![i], tree);
    return {
      params: part(grads, 0),
      state: { step: t, first: part(state.first, 1), second: part(state.second, 2) },
      metrics: { learning_rate: rate },
    };
  };
  return {
    init: (params) => ({ step: 0, first: zerosLike(params), second: zerosLike(params) }),
    update: (grads, state, params) => {
      const { params: updates, ...rest } = take({ grads, params, state }, { factor: 1, into: "g" });
      return { ...rest, updates };
    },
    move: (grads, state, params, { factor }) => take({ grads, params, state }, { factor, into: "p" }),
  };
}

/** What a step begins with. */
interface Given<P> {
  readonly grads: P;
  readonly params: P;
  readonly state: AdamwState;
}

/** The params with all that is theirs. */
function slotsOf<P>({ grads, params, state }: Given<P>, decayOf: (path: string, p: Tensor) => number): readonly Slot[] {
  const { first, second } = state as { readonly first: P; readonly second: P };
  const moments = new Map<string, readonly [m: Tensor, v: Tensor]>();
  treeMap((g, m, v, path) => (moments.set(path, [m, v]), g), grads, first, second);
  const slots: Slot[] = [];
  treeMap(
    (g, p, path) => {
      const [m, v] = moments.get(path)!;
      slots.push({ path, g, m, v, p, decay: decayOf(path, p) });
      return g;
    },
    grads,
    params,
  );
  return slots;
}
