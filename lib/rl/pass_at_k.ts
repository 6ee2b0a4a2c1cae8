/** How often at least one of k attempts succeeds. */

/**
 * pass@k = 1 − C(n−c, k) / C(n, k), without bias from n ≥ k attempts of which c succeeded.
 *
 * Tests: `tests/rl/pass_at_k_test.ts` (oracle `pass_at_k`).
 *
 * @throws {RangeError} unless 0 ≤ correct ≤ attempts and 1 ≤ k ≤ attempts, all whole
 * @see Chen et al. 2021, "Evaluating large language models trained on code", eq. 1
 * @example
 * ```ts
 * import { passAtK } from "@logratio/logratio";
 * passAtK({ attempts: 10, correct: 3 }, 4); // 0.8333
 * ```
 */
export function passAtK(seen: { readonly attempts: number; readonly correct: number }, k: number): number {
  const { attempts, correct } = seen;
  const whole = [attempts, correct, k].every(Number.isInteger);
  if (!whole || correct < 0 || correct > attempts || k < 1 || k > attempts) {
    throw new RangeError(
      "Cannot compute passAtK as 0 ≤ correct ≤ attempts and 1 ≤ k ≤ attempts must be whole numbers: " +
        `correct is ${correct}, attempts ${attempts}, k ${k}`,
    );
  }
  let missed = 1;
  for (let i = 0; i < k; i++) missed *= Math.max(attempts - correct - i, 0) / (attempts - i);
  return 1 - missed;
}
