/** Whitening: numbers of mean 0 and variance 1. */
import { sameLength } from "./segments.ts";

/** Options of `whiten`. */
export interface WhitenOptions {
  /** Whether the mean is taken away (advantages) or stays (rewards, whose sign means something). Default true. */
  readonly shiftMean?: boolean;
  /** 1 where a number counts, 0 where it does not and becomes 0, `[N]`. Default: all count. */
  readonly mask?: ArrayLike<number>;
  /** Added to the variance. Default 1e-8. */
  readonly eps?: number;
}

/**
 * (x − mean) / √(var + eps), with the unbiased variance Σ (x − mean)² / (n − 1) of the numbers that count; without
 * `shiftMean` the mean is added back afterwards.
 *
 * Tests: `tests/rl/whiten_test.ts` (oracles `whiten_*`, TRL).
 *
 * @throws {RangeError} if fewer than two numbers count, as they have no unbiased variance
 * @example
 * ```ts
 * import { whiten } from "@logratio/logratio";
 * whiten([1, 2, 3]); // −1, 0, 1
 * whiten([1, 2, 3], { shiftMean: false }); // 1, 2, 3
 * ```
 */
export function whiten(values: ArrayLike<number>, options: WhitenOptions = {}): Float64Array {
  const { shiftMean = true, mask, eps = 1e-8 } = options;
  if (mask !== undefined) sameLength({ mask }, values.length);
  const counts = (i: number): boolean => mask === undefined || mask[i] !== 0;
  const counted = Array.from(values).filter((_, i) => counts(i));
  const n = counted.length;
  if (n < 2) {
    throw new RangeError(`Cannot whiten as an unbiased variance needs at least 2 values: current number is ${n}`);
  }
  const mean = counted.reduce((a, b) => a + b) / n;
  const variance = counted.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const back = shiftMean ? 0 : mean;
  return Float64Array.from(values, (x, i) => counts(i) ? (x - mean) / Math.sqrt(variance + eps) + back : 0);
}
