/** How much of the returns the critic foresees. */
import { sameLength } from "./segments.ts";

/**
 * 1 − Var(returns − values) / Var(returns): 1 for a perfect critic, 0 for a constant one, below for a misleading one;
 * undefined where all returns are equal, as then there is nothing to foresee.
 *
 * Tests: `tests/rl/explained_variance_test.ts` (oracle `explained_variance`).
 *
 * @param returns `[N]`
 * @param values `[N]`
 * @throws {RangeError} if the lengths differ
 */
export function explainedVariance(returns: ArrayLike<number>, values: ArrayLike<number>): number | undefined {
  sameLength({ values }, returns.length);
  const total = scatter(Array.from(returns));
  if (!(total > 0)) return undefined;
  return 1 - scatter(Array.from(returns, (r, i) => r - (values[i] as number))) / total;
}

/** Σ (x − mean)². */
function scatter(x: readonly number[]): number {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  return x.reduce((sum, v) => sum + (v - mean) ** 2, 0);
}
