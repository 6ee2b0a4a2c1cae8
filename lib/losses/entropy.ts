/** The entropy bonus: a reward for staying undecided. */
import { scale } from "../grad/ops.ts";
import type { Loss } from "../grad/value_and_grad.ts";
import { item, type Tensor } from "../tensor/tensor.ts";
import { reduce, type Reduction } from "./reduction.ts";

/** Options of `entropyBonus`. */
export interface EntropyOptions {
  /** How much a nat of entropy is worth, ≥ 0. */
  readonly coef: number;
  /** What is averaged. */
  readonly reduction: Reduction;
}

/**
 * L = −coef · mean_t H_t,  H_t = −Σ_v π(v) log π(v): the loss falls where the policy is undecided.
 *
 * The entropies come from `entropies`; −log π of the token that was drawn is no substitute, as its own gradient has mean
 * zero. The metric `policy/entropy_avg` is the mean entropy. Tests: `tests/losses/entropy_test.ts` (oracle `entropy_and_grad`).
 *
 * @param entropies entropy of the distribution each token was drawn from, nats, `[T]`
 * @param offsets completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`
 * @throws {RangeError} if coef is not ≥ 0 and finite
 * @see Mnih et al. 2016, "Asynchronous methods for deep reinforcement learning", section 4
 */
export function entropyBonus(entropies: Tensor, offsets: Int32Array, options: EntropyOptions): Loss {
  const { coef, reduction } = options;
  if (!(coef >= 0 && coef < Infinity)) {
    throw new RangeError(`Cannot compute entropyBonus as coef must be ≥ 0 and finite: current value is ${coef}`);
  }
  const { sum, count } = reduce(entropies, offsets, reduction);
  return { loss: { sum: scale(sum, -coef), count }, metrics: { "policy/entropy_avg": { sum: item(sum), count } } };
}
