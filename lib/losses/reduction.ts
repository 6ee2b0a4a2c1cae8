/** From a loss of every token to one number: what is averaged is said, never assumed. */
import { div, scale, segmentSum, sum } from "../grad/ops.ts";
import type { Mean } from "../tensor/mean.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

/**
 * What a loss over tokens is the mean of.
 *
 * - `token`: every token of the batch alike (long completions weigh more).
 * - `sequence`: every completion's own mean (a token of a long one weighs less).
 * - `sequenceSum`: every completion's sum.
 * - `{ sequenceSumOver: L }`: every completion's sum over a constant length L (no completion's length enters).
 */
export type Reduction = "token" | "sequence" | "sequenceSum" | { readonly sequenceSumOver: number };

/**
 * Σ and count of a loss over tokens. Parts of a batch join to the whole under each reduction.
 *
 * Tests: `tests/losses/reduction_test.ts` (oracle `loss_aggregation`).
 *
 * @param losses `[T]`
 * @param offsets completion b holds the entries offsets[b] … offsets[b+1]−1, `[B+1]`
 * @throws {RangeError} if the reduction is none of these, or a completion without a token has no mean
 * @see Yu et al. 2025, "DAPO", section 3.3 (token); Liu et al. 2025, "Understanding R1-Zero-like training", section 3 (constant length)
 * @example
 * ```ts
 * import { reduce, tensor } from "@logratio/logratio";
 * const [losses, offsets] = [tensor([3], [1, 3, 5]), Int32Array.of(0, 2, 3)];
 * reduce(losses, offsets, "token"); // sum 9, count 3
 * reduce(losses, offsets, "sequence"); // sum 2 + 5, count 2
 * ```
 */
export function reduce(losses: Tensor, offsets: Int32Array, reduction: Reduction): Mean<Tensor> {
  const sums = segmentSum(losses, offsets);
  const lengths = Array.from(offsets.subarray(1), (end, b) => end - (offsets[b] as number));
  if (reduction === "token") return { sum: sum(sums), count: offsets.at(-1) as number };
  if (reduction === "sequenceSum") return { sum: sum(sums), count: lengths.length };
  if (reduction === "sequence") {
    const empty = lengths.indexOf(0);
    if (empty >= 0) throw new RangeError(`Cannot take the mean of completion ${empty} as it has no token`);
    return { sum: sum(div(sums, tensor([lengths.length], lengths, sums.dtype))), count: lengths.length };
  }
  const length = typeof reduction === "object" ? reduction.sequenceSumOver : NaN;
  if (!(length > 0 && length < Infinity)) {
    throw new RangeError(
      "Cannot reduce a loss as the reduction must be token, sequence, sequenceSum or { sequenceSumOver: > 0 }: " +
        `current value is ${JSON.stringify(reduction)}`,
    );
  }
  return { sum: scale(sum(sums), 1 / length), count: lengths.length };
}
