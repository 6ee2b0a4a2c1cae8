/** Adam with decoupled weight decay. */
import { kernels } from "../kernels/provider.ts";
import { consume, consumeAll, floats, scalar, type Tensor, zeros } from "../tensor/tensor.ts";
import { treeMap } from "../tensor/tree.ts";
import type { Schedule } from "./schedule.ts";
import type { Transform } from "./transform.ts";

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

/**
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², update = −lr·( m̂ / (√v̂ + eps) + λθ ) with m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ).
 *
 * Reports `learning_rate`. Consumes gradients and moments.
 *
 * @throws {RangeError} if an option is out of range
 * @see Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2; the order of operations is PyTorch's
 * @example
 * ```ts
 * import { adamw, applyUpdates, mul, scope, sum, type Tensor, tensor, valueAndGrad } from "@logratio/logratio";
 * const loss = (p: { w: Tensor }) => ({ loss: { sum: sum(mul(p.w, p.w)), count: 1 }, metrics: {} });
 * const optimizer = adamw({ lr: 0.1 });
 * let params = { w: tensor([2], [3, -4]) };
 * let state = optimizer.init(params);
 * for (let step = 0; step < 100; step++) {
 *   [params, state] = scope(() => {
 *     const next = optimizer.update(valueAndGrad(loss)(params).grads, state, params);
 *     return [applyUpdates(params, next.updates), next.state];
 *   });
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
  return {
    init: (params) => ({ step: 0, first: zerosLike(params), second: zerosLike(params) }),
    update: (grads, state, params) => {
      const rate = rateAt(state.step);
      const t = state.step + 1;
      const step = { beta1, beta2, eps, correction1: 1 - beta1 ** t, correction2: 1 - beta2 ** t };
      const next = new Map<string, Tensor[]>();
      const direction = treeMap(
        (g, m, v, path) => {
          const { adam } = kernels(g.dtype);
          const [u, ...moments] = consumeAll([g, m, v], (x, m, v) => adam(x, m, v, m, v, x, step));
          next.set(path, moments);
          return u;
        },
        grads,
        state.first as typeof grads,
        state.second as typeof grads,
      );
      const moments = (i: 0 | 1): unknown => treeMap((_, path) => next.get(path)?.[i] as Tensor, state.first);
      const updates = treeMap(
        (u, p, path) => {
          const { zip, axpy } = kernels(u.dtype), by = floats(scalar(-rate, u.dtype));
          return consume(u, (out) => {
            zip("mul", out, by, out);
            if (weightDecay > 0 && decays(path, p)) axpy(-rate * weightDecay, floats(p), out, out);
          });
        },
        direction,
        params,
      );
      return {
        updates,
        state: { step: t, first: moments(0), second: moments(1) },
        metrics: { learning_rate: rate },
      };
    },
  };
}
