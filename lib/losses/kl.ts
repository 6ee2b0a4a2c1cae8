/** The pull to the reference as a term of the loss. */
import { exp, neg, scale, segmentSum, shift, square, stopGradient, sub } from "../grad/ops.ts";
import type { Loss } from "../grad/value_and_grad.ts";
import { meanOf } from "../tensor/mean.ts";
import { item, showShape, type Tensor } from "../tensor/tensor.ts";
import { reduce, type Reduction } from "./reduction.ts";

/** Which estimator is differentiated, over what. */
export type KlLossOptions =
  /** ½ (Σ_t log ratio)² of whole completions: its gradient is that of KL(π‖π_ref) on average. */
  | { readonly estimator: "k2"; readonly over: "sequence" }
  /** Token by token: the gradient leaves out what a token does to the states after it, and k1's is nothing at all. */
  | {
    readonly estimator: "k1" | "k2" | "k3";
    readonly over: "token";
    readonly biased: true;
    readonly reduction: Reduction;
  };

/**
 * A term whose gradient pulls the policy to the reference, from log-probabilities of tokens that the policy drew.
 *
 * `sequence`: mean_b ½ d_b², d_b = Σ_t (log π(t) − log π_ref(t)); its gradient d_b·∇log π(y_b) averages to ∇KL(π‖π_ref).
 * `token`: the reduced k1 = d, k2 = ½ d², or k3 = e^(−d) − 1 + d of d_t = log π(t) − log π_ref(t), differentiated as
 * they stand. On average k1 has no gradient, k2 that of KL(π‖π_ref) and k3 that of KL(π_ref‖π) *at each state*: none of
 * them counts that a token decides which states follow, so they must be asked for by `biased: true`. The value is the
 * loss of that term, not an estimate of KL; the metric `objective/kl` is, mean over completions of Σ_t d_t.
 * Tests: `tests/losses/kl_test.ts` (oracle `kl_gradient_identities`, and every sequence of a small language).
 *
 * @param tokens `tokenLogps` and `refLogps`, log-probabilities of the tokens, nats, `[T]` each; the reference is constant
 * @param offsets completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`
 * @throws {RangeError} if the combination is biased and that was not asked for
 * @throws {TypeError} if the shapes differ
 * @see Schulman 2020, "Approximating KL divergence"; Tang & Munos 2025, "On a few pitfalls in KL divergence gradient
 * estimation for RL"
 */
export function klLoss(
  tokens: Readonly<Record<"tokenLogps" | "refLogps", Tensor>>,
  offsets: Int32Array,
  options: KlLossOptions,
): Loss {
  check(tokens, options);
  const d = sub(tokens.tokenLogps, stopGradient(tokens.refLogps));
  const sums = segmentSum(d, offsets);
  const kl = meanOf(sums.data);
  const loss = options.over === "sequence"
    ? reduce(scale(square(sums), 0.5), Int32Array.from(offsets, (_, b) => b), "token")
    : reduce(estimators[options.estimator](d), offsets, options.reduction);
  return { loss, metrics: { "objective/kl": kl, "loss/kl_avg": { sum: item(loss.sum), count: loss.count } } };
}

const estimators = {
  k1: (d: Tensor): Tensor => d,
  k2: (d: Tensor): Tensor => scale(square(d), 0.5),
  k3: (d: Tensor): Tensor => sub(shift(exp(neg(d)), -1), neg(d)),
};

function check({ tokenLogps, refLogps }: Record<"tokenLogps" | "refLogps", Tensor>, options: KlLossOptions): void {
  const { estimator, over } = options;
  const asked = "biased" in options && options.biased;
  if (!(estimator in estimators) || (over !== "token" && over !== "sequence")) {
    throw new RangeError(
      `Cannot compute klLoss as the estimator must be k1, k2 or k3 over token or sequence: ` +
        `current values are ${estimator} and ${over}`,
    );
  }
  if (over === "sequence" ? estimator !== "k2" : !asked) {
    throw new RangeError(
      `Cannot compute klLoss as the gradient of ${estimator} over ${over} is biased for sequences: ` +
        "take k2 over sequence, or k1 in the reward; biased: true allows a term over token",
    );
  }
  const shapes = [tokenLogps, refLogps].map((t) => showShape(t.shape));
  if (shapes[0] !== shapes[1] || tokenLogps.shape.length !== 1) {
    throw new TypeError(`Cannot compute klLoss as tokenLogps and refLogps must be [T]: ${shapes.join(", ")}`);
  }
}
