/** Proximal policy optimisation: a policy gradient that ends where the ratio leaves its bounds. */
import { clamp, exp, max, min, mul, neg, stopGradient, sub } from "../grad/ops.ts";
import type { Loss } from "../grad/value_and_grad.ts";
import { type Mean, meanOf } from "../tensor/mean.ts";
import { floats, item, showShape, type Tensor, tensor } from "../tensor/tensor.ts";
import { reduce, type Reduction } from "./reduction.ts";

/** What is known of each token that the policy chose, `[T]` each. */
export interface PpoTokens {
  /** log π(token) under the policy that is trained, nats. */
  readonly tokenLogps: Tensor;
  /** log π_old(token) under the policy that chose it, nats; a constant. */
  readonly oldLogps: Tensor;
  /** How much better the token was than expected; a constant. */
  readonly advantages: Tensor;
}

/** Where the ratio ρ = π/π_old stops to count. */
export type PpoClip =
  /** ρ in 1 ± clipRange. */
  | { readonly type: "clip"; readonly clipRange: number }
  /** ρ in [1 − clipLow, 1 + clipHigh]: DAPO's "clip higher". */
  | { readonly type: "asymmetric"; readonly clipLow: number; readonly clipHigh: number }
  /** As `asymmetric`, and where A < 0 the loss of a token ends at −dualClip·A; dualClip > 1, usually 3. */
  | { readonly type: "dual"; readonly clipLow: number; readonly clipHigh: number; readonly dualClip: number };

/** Options of `ppoLoss`. */
export type PpoOptions = PpoClip & {
  /** What is averaged. */
  readonly reduction: Reduction;
  /** Largest |log ρ|, nats, beyond which the ratio and its gradient end. Default 80: e⁸⁰ is near the end of f32. */
  readonly logRatioClamp?: number;
};

/**
 * L = −mean_t min(ρ_t A_t, clip(ρ_t, 1 − ε, 1 + ε) A_t),  ρ_t = exp(log π(t) − log π_old(t)).
 *
 * The gradient by log π(t) is −ρ_t A_t / count, and 0 exactly where (A > 0 ∧ ρ > 1+ε) ∨ (A < 0 ∧ ρ < 1−ε): outside the
 * bounds on the other side it still flows, and leads back. `dual` is max(·, c·A) where A < 0, and adds (A < 0 ∧ ρ > c).
 * At ρ ≡ 1 it is the policy gradient.
 *
 * Metrics have TRL's names, over tokens: `policy/clipfrac_avg` (tokens stopped by the bounds), `policy/approxkl_avg`
 * (½ log² ρ), `policy/approxkl_k3_avg` (ρ − 1 − log ρ, never negative), `val/ratio`, `loss/policy_avg`; for `dual`
 * `policy/dualclipfrac_avg`.
 * Tests: `tests/losses/ppo_test.ts` (oracles `ppo_*`, TRL), `tests/losses/ppo_laws_test.ts`.
 *
 * @param offsets completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`
 * @throws {RangeError} if a bound is out of range
 * @throws {TypeError} if the three shapes differ
 * @see Schulman et al. 2017, "Proximal policy optimization algorithms", eq. 7; Ye et al. 2020, "Mastering complex control
 * in MOBA games", eq. 5 (dual clip); Yu et al. 2025, "DAPO", eq. 10 (clip higher)
 * @example
 * ```ts
 * import { ppoLoss, tensor } from "@logratio/logratio";
 * const [old, advantages] = [tensor([2], [-1, -2]), tensor([2], [1, -1])];
 * const tokens = { tokenLogps: tensor([2], [-0.5, -2]), oldLogps: old, advantages };
 * const options = { type: "clip", clipRange: 0.2, reduction: "token" } as const;
 * const { loss } = ppoLoss(tokens, Int32Array.of(0, 2), options); // −1.2 + 1, count 2
 * ```
 */
export function ppoLoss(tokens: PpoTokens, offsets: Int32Array, options: PpoOptions): Loss {
  const { low, high, dualClip, largest } = boundsOf(tokens, options);
  const [oldLogps, advantages] = [tokens.oldLogps, tokens.advantages].map(stopGradient) as [Tensor, Tensor];
  const logRatio = clamp(sub(tokens.tokenLogps, oldLogps), -largest, largest);
  const ratio = exp(logRatio);
  const free = mul(ratio, advantages);
  // Inside the bounds both are equal: min() takes one of them, so the gradient is that of the free one, and flows once.
  const bounded = min(free, mul(clamp(ratio, low, high), advantages));
  const least = tensor(free.shape, floats(advantages).map((a) => a < 0 ? dualClip * a : -Infinity), free.dtype);
  const loss = reduce(neg(max(bounded, least)), offsets, options.reduction);
  const share = (holds: (i: number) => boolean): Mean => meanOf(Array.from(floats(free), (_, i) => Number(holds(i))));
  const number = (x: Tensor, i: number): number => floats(x)[i] as number;
  const stopped = share((i) => number(bounded, i) < number(free, i));
  const dual = { "policy/dualclipfrac_avg": share((i) => number(bounded, i) < number(least, i)) };
  return {
    loss,
    metrics: {
      "loss/policy_avg": { sum: item(loss.sum), count: loss.count },
      "policy/clipfrac_avg": stopped,
      ...(options.type === "dual" ? dual : {}),
      "policy/approxkl_avg": meanOf(floats(logRatio).map((d) => d ** 2 / 2)),
      "policy/approxkl_k3_avg": meanOf(Float64Array.from(floats(logRatio), (d) => Math.expm1(d) - d)),
      "val/ratio": meanOf(floats(ratio)),
    },
  };
}

/** The bounds of the options as numbers: of the ratio, of a loss where A < 0, of |log ρ|; checks everything. */
interface Bounds extends Readonly<Record<"low" | "high" | "dualClip" | "largest", number>> {}

function boundsOf({ tokenLogps, oldLogps, advantages }: PpoTokens, options: PpoOptions): Bounds {
  const { logRatioClamp = 80 } = options;
  const positive = (name: string, value: number, above = 0): number => {
    if (value > above && value < Infinity) return value;
    throw new RangeError(
      `Cannot compute ppoLoss as ${name} must be > ${above} and finite: current value is ${value}`,
    );
  };
  const shapes = [tokenLogps, oldLogps, advantages].map((t) => showShape(t.shape));
  if (new Set(shapes).size > 1 || tokenLogps.shape.length !== 1) {
    throw new TypeError(
      `Cannot compute ppoLoss as tokenLogps, oldLogps and advantages must be [T]: ${shapes.join(", ")}`,
    );
  }
  const largest = positive("logRatioClamp", logRatioClamp);
  switch (options.type) {
    case "clip": {
      const range = positive("clipRange", options.clipRange);
      return { low: 1 - range, high: 1 + range, dualClip: Infinity, largest };
    }
    case "asymmetric":
    case "dual": {
      const [low, high] = [positive("clipLow", options.clipLow), positive("clipHigh", options.clipHigh)];
      const dualClip = options.type === "dual" ? positive("dualClip", options.dualClip, 1) : Infinity;
      return { low: 1 - low, high: 1 + high, dualClip, largest };
    }
    default:
      throw new RangeError(
        `Cannot compute ppoLoss as type must be clip, asymmetric or dual: current value is ${
          (options as { type: unknown }).type
        }`,
      );
  }
}
