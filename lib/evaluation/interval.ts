/** Estimates with their 95 % intervals. */
import { meanOf } from "../tensor/mean.ts";
import { fold, type Key, uniform } from "../tensor/random.ts";

/** An estimate, the ends of its 95 % interval, and how many cases it is from. */
export interface Estimate {
  /** The best guess, in the unit of the cases. */
  readonly estimate: number;
  /** Lower end of the 95 % interval. */
  readonly low: number;
  /** Upper end of the 95 % interval. */
  readonly high: number;
  /** Cases it is from. */
  readonly n: number;
}

/** A share of comparisons won. A tie counts half, and how many there were is said. */
export interface Share extends Estimate {
  /** Comparisons that neither side won, counted half. */
  readonly ties: number;
}

const Z95 = 1.959963984540054;

/**
 * Wilson's interval of a share p of n cases: (p + z²/2n ± z√(p(1−p)/n + z²/4n²)) / (1 + z²/n). Of nothing NaN.
 *
 * @param p the share, in [0, 1]
 * @param n cases it is of; may be an effective number
 * @param z of the confidence, default 1.96 for 95 %
 * @see Wilson 1927, "Probable inference, the law of succession, and statistical inference"
 */
export function shareInterval(p: number, n: number, z = Z95): { readonly low: number; readonly high: number } {
  const centre = p + z ** 2 / (2 * n);
  const half = z * Math.sqrt(p * (1 - p) / n + z ** 2 / (4 * n ** 2));
  const scale = 1 + z ** 2 / n;
  return { low: (centre - half) / scale, high: (centre + half) / scale };
}

/**
 * A share of comparisons won, with Wilson's interval. Of nothing it is NaN. Comparisons of unequal weight are as good as
 * (Σw)²/Σw² equal ones: the interval is that of so many.
 *
 * @param margins of each comparison: > 0 won, < 0 lost, 0 tied
 * @param weights how much each counts, ≥ 0; without them all alike. `n` and `ties` count comparisons all the same
 * @see Kish 1965, "Survey sampling", section 11.7 (the effective number)
 * @example
 * ```ts
 * import { shareWon } from "@logratio/logratio";
 * const { estimate, low, high } = shareWon([2, 1, 0, -1]); // 0.625, between 0.22 and 0.91
 * ```
 */
export function shareWon(margins: readonly number[], weights?: readonly number[]): Share {
  const n = margins.length, w = weights ?? margins.map(() => 1);
  const sum = (of: (margin: number, weight: number) => number): number =>
    margins.reduce((total, margin, i) => total + of(margin, w[i] as number), 0);
  const total = sum((_, weight) => weight), effective = total ** 2 / sum((_, weight) => weight ** 2);
  const tied = sum((m, weight) => m === 0 ? weight : 0);
  const p = (sum((m, weight) => m > 0 ? weight : 0) + tied / 2) / total;
  return { estimate: p, ...shareInterval(p, effective), n, ties: margins.filter((m) => m === 0).length };
}

/**
 * A mean with its normal interval: x̄ ± 1.96·√(n/(n−1)·Σ w²(x − x̄)²) / Σw, x̄ = Σ w·x / Σw, which without weights is
 * x̄ ± 1.96·s/√n. Of a single value the interval is NaN, of nothing all is.
 *
 * @param values independent cases
 * @param weights how much each counts, ≥ 0; without them all alike
 * @see Gatz & Smith 1995, "The standard error of a weighted mean concentration", which finds this one (Cochran's) closest
 * to the bootstrap's
 */
export function meanEstimate(
  values: readonly number[],
  weights?: readonly number[],
): Estimate & { readonly standardError: number } {
  const n = values.length, { sum, count } = meanOf(values, weights), mean = sum / count;
  const squares = values.reduce((a, x, i) => a + ((weights?.[i] ?? 1) * (x - mean)) ** 2, 0);
  const standardError = Math.sqrt(squares / (n - 1) / (count ** 2 / n));
  return { estimate: mean, low: mean - Z95 * standardError, high: mean + Z95 * standardError, n, standardError };
}

/**
 * How often score a beats score b on the same prompts, ties half, with a percentile bootstrap over prompts.
 *
 * @param key draws the resamples
 * @param scores of a and b, prompt by prompt
 * @param options.rounds resamples, default 2000
 * @throws {RangeError} if the two lists differ in length or are empty
 * @see Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 13
 * @example
 * ```ts
 * import { key, winRate } from "@logratio/logratio";
 * const { estimate, low, high, ties } = winRate(key(0), [[1, 3, 2, 2], [0, 1, 2, 3]]); // 0.625 with one tie
 * ```
 */
export function winRate(
  key: Key,
  [a, b]: readonly [readonly number[], readonly number[]],
  options: { readonly rounds?: number } = {},
): Share {
  const { rounds = 2000 } = options;
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(
      `Cannot compute winRate as both need the scores of the same prompts: there are ${a.length} and ${b.length}`,
    );
  }
  const points = a.map((x, i) => 0.5 + 0.5 * Math.sign(x - (b[i] as number)));
  const n = points.length;
  const total = points.reduce((s, x) => s + x, 0);
  const means = Float64Array.from({ length: rounds }, (_, round) => {
    let sum = 0;
    for (const u of uniform(fold(key, round), n)) sum += points[Math.floor(u * n)] as number;
    return sum / n;
  }).sort();
  const at = (q: number): number => means[Math.min(rounds - 1, Math.floor(q * rounds))] as number;
  return { estimate: total / n, low: at(0.025), high: at(0.975), n, ties: points.filter((p) => p === 0.5).length };
}

/**
 * How much of the possible win rate was reached: (win − ½) / (ceiling − ½). 0 is no better than before, 1 is perfect.
 *
 * @param win win rate in [0, 1], ties half
 * @param ceiling win rate of a perfect policy, > ½
 */
export function shareOfCeiling(win: number, ceiling: number): number {
  return (win - 0.5) / (ceiling - 0.5);
}
