/** Distance of a policy from its reference: estimators, the exact value, and where the pull may be put. */

/** Estimators of KL(π‖π_ref) from one token drawn from π. */
export type KlEstimator = "k1" | "k2" | "k3";

/**
 * Estimator and place of the pull to the reference. Those whose gradient is not that of KL(π‖π_ref) over sequences, even
 * on average, must be asked for by `biased: true`.
 *
 * - k1 in the reward: the policy gradient of −klCoef·Σ_t k1, unbiased.
 * - k2 of whole sequences in the loss: unbiased too (while the tokens are drawn from the policy that is trained).
 * - k2 or k3 in the reward: the gradient of another quantity, for k3 KL(π‖π_ref) − KL(π_ref‖π) at a state.
 * - any of them token by token in the loss: leaves out what a token does to the states after it; k1's is zero.
 */
export type KlPlacement =
  | { readonly place: "reward"; readonly estimator: "k1" }
  | { readonly place: "loss"; readonly estimator: "k2"; readonly over: "sequence" }
  | { readonly place: "reward"; readonly estimator: "k2" | "k3"; readonly biased: true }
  | { readonly place: "loss"; readonly estimator: KlEstimator; readonly over: "token"; readonly biased: true };

const estimators: Readonly<Record<KlEstimator, (d: number) => number>> = {
  k1: (d) => d,
  k2: (d) => d ** 2 / 2,
  k3: (d) => Math.expm1(-d) + d,
};

/**
 * The placement itself, if its gradient is right for sequences or the bias was asked for.
 *
 * @throws {RangeError} otherwise, naming the combination
 */
export function checkKlPlacement<P extends KlPlacement>(kl: P): P {
  const { place, estimator, over, biased } = kl as {
    place: string;
    estimator: string;
    over?: string;
    biased?: unknown;
  };
  if (!(estimator in estimators) || (place !== "reward" && place !== "loss")) {
    throw new RangeError(
      "Cannot place KL as the estimator must be k1, k2 or k3 and the place reward or loss: " +
        `current values are ${estimator} and ${place}`,
    );
  }
  const right = place === "reward" ? estimator === "k1" : estimator === "k2" && over === "sequence";
  const possible = place === "reward" || over === "token";
  if (!right && !(possible && biased === true)) {
    throw new RangeError(
      `Cannot place ${estimator} in the ${place === "reward" ? "reward" : `loss over ${over}`} as its gradient is ` +
        "biased for sequences: take k1 in the reward or k2 over sequence in the loss, or say biased: true",
    );
  }
  return kl;
}

/**
 * Estimates of KL(π‖π_ref) at each token, with d = log π(t) − log π_ref(t) and t drawn from π:
 * k1 = d, k2 = ½ d², k3 = e^(−d) − 1 + d.
 *
 * k1 and k3 have the right mean, k3 is never negative; k2 is biased and of little variance. In double precision.
 * Tests: `tests/rl/kl_test.ts` (oracles `kl_*`).
 *
 * @param logps log π(t), nats, `[T]`
 * @param refLogps log π_ref(t), nats, `[T]`
 * @throws {RangeError} if the lengths differ
 * @see Schulman 2020, "Approximating KL divergence"
 * @example
 * ```ts
 * import { klEstimates } from "@logratio/logratio";
 * klEstimates([-1, -2], [-1.5, -1], "k1"); // 0.5, −1
 * ```
 */
export function klEstimates(
  logps: ArrayLike<number>,
  refLogps: ArrayLike<number>,
  estimator: KlEstimator,
): Float64Array {
  if (logps.length !== refLogps.length) {
    throw new RangeError(
      `Cannot estimate KL as there must be as many logps as refLogps: ${logps.length} and ${refLogps.length}`,
    );
  }
  const f = estimators[estimator];
  return Float64Array.from(logps, (x, t) => f(x - (refLogps[t] as number)));
}

/**
 * KL(p‖q) = Σ_v p_v (log p_v − log q_v) of each row, exactly; a token that p never takes counts nothing, one that only p
 * takes makes it infinite.
 *
 * @param logp log-probabilities of p, `[N, V]`; −Infinity where p is 0
 * @param logq log-probabilities of q, `[N, V]`
 * @param vocab V
 * @returns `[N]`, nats
 * @throws {RangeError} if the lengths differ or are no multiple of V
 * @example
 * ```ts
 * import { exactKl } from "@logratio/logratio";
 * exactKl([0, -Infinity], [Math.log(0.5), Math.log(0.5)], 2); // ln 2
 * ```
 */
export function exactKl(logp: ArrayLike<number>, logq: ArrayLike<number>, vocab: number): Float64Array {
  if (!(vocab >= 1) || logp.length !== logq.length || logp.length % vocab !== 0) {
    throw new RangeError(
      `Cannot compute exactKl as both must have rows of ${vocab}: they have ${logp.length} and ${logq.length} entries`,
    );
  }
  return Float64Array.from({ length: logp.length / vocab }, (_, row) => {
    let sum = 0;
    for (let v = row * vocab; v < (row + 1) * vocab; v++) {
      const [p, q] = [logp[v] as number, logq[v] as number];
      if (p > -Infinity) sum += Math.exp(p) * (p - q);
    }
    return sum;
  });
}
