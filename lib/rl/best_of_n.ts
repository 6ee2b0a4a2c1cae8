/** Best of n: draw n, keep the one with the highest reward. What that gains, and how far it leads from the base. */
import { sameLength } from "./segments.ts";

/** The distribution of the best of n, exactly. */
export interface BestOfN {
  /** Probability of each outcome. */
  readonly probabilities: Float64Array;
  /** KL(best of n ‖ base), nats. */
  readonly kl: number;
  /** Mean reward of the best of n. */
  readonly expectedReward: number;
}

/**
 * The best of n draws from a known distribution; among draws of equal reward each is as likely to be kept.
 *
 * Outcomes of one reward have together F(r)ⁿ − F(r−)ⁿ, with F(r) the base probability of a reward ≤ r, shared in
 * proportion to their own. Tests: `tests/rl/best_of_n_test.ts` (oracle `bon_exact_ties_2`).
 *
 * @param probabilities of the base, `[Y]`
 * @param rewards `[Y]`
 * @throws {RangeError} if n is no whole number ≥ 1, the lengths differ, or the probabilities do not sum to 1
 * @example
 * ```ts
 * import { bestOfN } from "@logratio/logratio";
 * const { expectedReward } = bestOfN([0.5, 0.3, 0.2], [0, 1, 1], 2); // 1 − 0.5² = 0.75
 * ```
 */
export function bestOfN(probabilities: ArrayLike<number>, rewards: ArrayLike<number>, n: number): BestOfN {
  checkN(n);
  sameLength({ rewards }, probabilities.length);
  const base = Array.from(probabilities);
  const total = base.reduce((a, b) => a + b, 0);
  if (!(Math.abs(total - 1) < 1e-6) || base.some((p) => !(p >= 0))) {
    throw new RangeError(`Cannot compute bestOfN as the probabilities must be ≥ 0 and sum to 1: their sum is ${total}`);
  }
  const mass = (holds: (reward: number) => boolean): number =>
    base.reduce((sum, p, y) => holds(rewards[y] as number) ? sum + p : sum, 0);
  const best = Float64Array.from(base, (p, y) => {
    const reward = rewards[y] as number;
    const [below, equal] = [mass((r) => r < reward), mass((r) => r === reward)];
    return p === 0 ? 0 : ((below + equal) ** n - below ** n) * p / equal;
  });
  return {
    probabilities: best,
    kl: best.reduce((sum, p, y) => p > 0 ? sum + p * Math.log(p / (base[y] as number)) : sum, 0),
    expectedReward: best.reduce((sum, p, y) => sum + p * (rewards[y] as number), 0),
  };
}

/**
 * log n − (n − 1)/n: KL(best of n ‖ base) where no two draws are equal, else an upper bound.
 *
 * @throws {RangeError} if n is no whole number ≥ 1
 * @see Stiennon et al. 2020, "Learning to summarize from human feedback", appendix G.3; Beirami et al. 2024, "Theoretical
 * guarantees on the best-of-n alignment policy", theorem 1
 */
export function bestOfNKlBound(n: number): number {
  checkN(n);
  return Math.log(n) - (n - 1) / n;
}

/**
 * An estimate of KL(best of n ‖ base) from the completion that was kept, better than the bound where completions repeat:
 * with ε its base probability, (1−ε)ⁿ (log n + (n−1) log(1−ε) − (n−1)/n) + (1 − (1−ε)ⁿ) log((1 − (1−ε)ⁿ)/ε).
 * Its limits are the bound at ε → 0 and 0 at ε = 1; average it over prompts.
 *
 * @param logp log-probability of the kept completion under the base, nats, ≤ 0
 * @throws {RangeError} if n is no whole number ≥ 1 or logp is > 0
 * @see Beirami et al. 2024, "Theoretical guarantees on the best-of-n alignment policy", section 4
 */
export function bestOfNKlEstimate(logp: number, n: number): number {
  checkN(n);
  if (!(logp <= 0)) {
    throw new RangeError(`Cannot estimate KL of the best of n as logp must be ≤ 0: current value is ${logp}`);
  }
  if (logp === 0) return 0;
  const logMiss = Math.log1p(-Math.exp(logp)); // log(1 − ε)
  const logHit = Math.log(-Math.expm1(n * logMiss)); // log(1 − (1−ε)ⁿ)
  const unseen = Math.exp(n * logMiss) * (Math.log(n) + (n - 1) * logMiss - (n - 1) / n);
  return unseen + (logHit > -Infinity ? Math.exp(logHit) * (logHit - logp) : 0);
}

/**
 * n / (n + 1): how often the best of n beats one draw, where no two draws are equal.
 *
 * @throws {RangeError} if n is no whole number ≥ 1
 */
export function bestOfNWinRate(n: number): number {
  checkN(n);
  return n / (n + 1);
}

function checkN(n: number): void {
  if (!Number.isInteger(n) || n < 1) {
    throw new RangeError(`Cannot take the best of n as n must be a whole number ≥ 1: current value is ${n}`);
  }
}
