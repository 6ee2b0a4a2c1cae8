/** From a loss of every token to one number: what is averaged is said, never assumed. */
import { div, mul, scale, segmentSum, sum } from "../grad/ops.ts";
import { type Mean, meanOf } from "../tensor/mean.ts";
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

/** Options of `reduce`. */
export interface ReduceOptions {
  /** How much each completion counts, ≥ 0, `[B]`: Σ w over what the completion adds, and so is the count. Default 1. */
  readonly weights?: ArrayLike<number> | undefined;
}

/**
 * Σ and count of a loss over tokens. Parts of a batch join to the whole under each reduction.
 *
 * With weights w of completions, token: Σ_b w_b Σ_t x_t / Σ_b w_b T_b; sequence: Σ_b w_b (Σ_t x_t / T_b) / Σ_b w_b; the others
 * are means over completions too.
 *
 * Tests: `tests/losses/reduction_test.ts` (oracle `loss_aggregation`).
 *
 * @param losses `[T]`
 * @param offsets completion b holds the entries offsets[b] … offsets[b+1]−1, `[B+1]`
 * @throws {RangeError} if the reduction is none of these, a completion without a token has no mean, or there is not one
 * weight a completion, ≥ 0 and finite
 * @see Yu et al. 2025, "DAPO", section 3.3 (token); Liu et al. 2025, "Understanding R1-Zero-like training", section 3 (constant length)
 * @example
 * ```ts
 * import { reduce, tensor } from "@logratio/logratio";
 * const [losses, offsets] = [tensor([3], [1, 3, 5]), Int32Array.of(0, 2, 3)];
 * reduce(losses, offsets, "token"); // sum 9, count 3
 * reduce(losses, offsets, "sequence"); // sum 2 + 5, count 2
 * ```
 */
export function reduce(
  losses: Tensor,
  offsets: Int32Array,
  reduction: Reduction,
  { weights }: ReduceOptions = {},
): Mean<Tensor> {
  const lengths = Array.from(offsets.subarray(1), (end, b) => end - (offsets[b] as number));
  const sums = weighted(segmentSum(losses, offsets), weights);
  const { sum: tokens, count } = meanOf(lengths, weights);
  if (reduction === "token") return { sum: sum(sums), count: tokens };
  if (reduction === "sequenceSum") return { sum: sum(sums), count };
  if (reduction === "sequence") {
    const empty = lengths.indexOf(0);
    if (empty >= 0) throw new RangeError(`Cannot take the mean of completion ${empty} as it has no token`);
    return { sum: sum(div(sums, tensor([lengths.length], lengths, sums.dtype))), count };
  }
  const length = typeof reduction === "object" ? reduction.sequenceSumOver : NaN;
  if (!(length > 0 && length < Infinity)) {
    throw new RangeError(
      "Cannot reduce a loss as the reduction must be token, sequence, sequenceSum or { sequenceSumOver: > 0 }: " +
        `current value is ${JSON.stringify(reduction)}`,
    );
  }
  return { sum: scale(sum(sums), 1 / length), count };
}

/** Each completion's sum, as often as it counts. */
function weighted(sums: Tensor, weights: ArrayLike<number> | undefined): Tensor {
  if (weights === undefined) return sums;
  const [completions] = sums.shape as [number];
  if (weights.length !== completions) {
    throw new RangeError(
      `Cannot reduce a loss as there must be ${completions} weights: current value is ${weights.length}`,
    );
  }
  const wrong = Array.from(weights).find((weight) => !(weight >= 0 && weight < Infinity));
  if (wrong !== undefined) {
    throw new RangeError(`Cannot reduce a loss as weights must be ≥ 0 and finite: current value is ${wrong}`);
  }
  return mul(sums, tensor([completions], weights, sums.dtype));
}
