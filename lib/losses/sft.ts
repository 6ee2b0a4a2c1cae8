/** Supervised fine-tuning: the likelihood of completions. */
import type { Loss } from "../grad/value_and_grad.ts";
import { neg } from "../grad/ops.ts";
import { item, type Tensor } from "../tensor/tensor.ts";
import { reduce, type Reduction } from "./reduction.ts";

/** Options of `sftLoss`. */
export interface SftOptions {
  /** What is averaged: every token of the batch alike, or every completion's own mean. Default `token`. */
  readonly reduction?: Extract<Reduction, "token" | "sequence">;
}

/** Options of `sftLoss` beside it: what a completion says of itself. */
export interface SftLossOptions extends SftOptions {
  /** How much each completion counts, ≥ 0, `[B]`: the loss is a weighted mean, and so is its metric. Default 1. */
  readonly weights?: ArrayLike<number> | undefined;
}

/**
 * Negative log-likelihood of completion tokens, in nats.
 *
 * token: L = −Σ_b w_b Σ_t log π(t) / Σ_b w_b T_b, over all tokens of the batch; sequence: the mean over completions, weighted
 * by w, of −Σ_t log π(t) / T. The prompt's tokens are not in it.
 *
 * Tests: `tests/losses/sft_test.ts` (oracles `sft_token_mean`, `sft_sequence_mean`, `sft_grad_accumulation`).
 *
 * @param tokenLogps log-probabilities of completion tokens `[T]`, nats
 * @param offsets completion b holds the entries offsets[b] … offsets[b+1]−1, `[B+1]`
 * @throws {RangeError} if a completion has no token, as it has no mean, the reduction is none of the two, or there is not
 * one weight a completion, ≥ 0 and finite
 * @example
 * ```ts
 * import { sftLoss, tensor } from "@logratio/logratio";
 * const tokenLogps = tensor([3], [-1, -2, -6]); // two completions: one of two tokens, one of a single token
 * const { loss } = sftLoss(tokenLogps, Int32Array.of(0, 2, 3)); // sum 9, count 3: the mean is 3 nats a token
 * ```
 */
export function sftLoss(tokenLogps: Tensor, offsets: Int32Array, options: SftLossOptions = {}): Loss {
  const { reduction = "token", weights } = options;
  if (reduction !== "token" && reduction !== "sequence") {
    throw new RangeError(
      `Cannot compute sftLoss as reduction must be token or sequence: current value is ${reduction}`,
    );
  }
  const lengths = Array.from(offsets.subarray(1), (end, b) => end - (offsets[b] as number));
  const empty = lengths.indexOf(0);
  if (empty >= 0) throw new RangeError(`Cannot compute sftLoss as completion ${empty} has no token`);
  const nll = neg(tokenLogps);
  const total = reduce(nll, offsets, "token", { weights });
  const metrics = { nll: { sum: item(total.sum), count: total.count } };
  return { loss: reduction === "token" ? total : reduce(nll, offsets, reduction, { weights }), metrics };
}
