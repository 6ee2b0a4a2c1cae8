/** The Bradley–Terry loss of a reward model: the better completion should have the higher reward. */
import type { Loss } from "../grad/value_and_grad.ts";
import { add, logSigmoid, mul, neg, scale, square, sub, sum } from "../grad/ops.ts";
import { type Mean, meanOf } from "../tensor/mean.ts";
import { floats, showShape, type Tensor, tensor } from "../tensor/tensor.ts";
import { type PairTermOptions, type PairTerms, pairTerms } from "./pair_terms.ts";

/** Rewards of whole completions, nats of log odds, `[B]` each. */
export type PairRewards = Readonly<Record<"chosen" | "rejected", Tensor>>;

/** Options of `bradleyTerryLoss`: a pair's own terms, and what holds the mean. */
export interface BradleyTerryOptions extends PairTermOptions {
  /** Coefficient, ≥ 0, of the square of a pair's summed rewards: it holds the mean reward near 0. Default 0. */
  readonly centering?: number;
}

/**
 * L = Σ_b w·[ −p log σ(d − m) − (1−p) log σ(−d − m) + c·(r_w + r_l)² ] / Σ_b w,  d = r_w − r_l, with margin m,
 * centering c, weight w and p = 1 − labelSmoothing, or the soft label of the pair. For p = 1, m = 0 and c = 0 it is
 * −log σ(d), whose gradient by r_w is −σ(−d) and by r_l is σ(−d).
 *
 * Only differences matter but for c: a constant added to all rewards of a prompt changes nothing.
 * Metrics have the names of TRL's reward trainer and weigh as the loss does; `accuracy` counts chosen > rejected only,
 * `ties` says how many were equal. Of a batch in parts `min_reward` and `max_reward` are the means of the parts' own.
 * Tests: `tests/losses/bradley_terry_test.ts` (oracles `bt_*`).
 *
 * @throws {RangeError} if an option is out of range or has not one entry a pair
 * @throws {TypeError} if the two shapes differ
 * @see Bradley & Terry 1952; Ouyang et al. 2022, "Training language models to follow instructions", eq. 1; Touvron et al.
 * 2023, "Llama 2", eq. 2 (margin); Eisenstein et al. 2023, "Helping or herding?", section 2 (centering)
 * @example
 * ```ts
 * import { bradleyTerryLoss, tensor } from "@logratio/logratio";
 * const rewards = { chosen: tensor([2], [1, -2]), rejected: tensor([2], [0, -2]) };
 * const { loss } = bradleyTerryLoss(rewards); // −log σ(1) − log σ(0) = 0.3133 + 0.6931, count 2
 * ```
 */
export function bradleyTerryLoss(rewards: PairRewards, options: BradleyTerryOptions = {}): Loss {
  const { chosen, rejected } = rewards;
  const { labels, margin, weights } = termsOf(rewards, options);
  const column = (values: readonly number[]): Tensor => tensor(chosen.shape, values, chosen.dtype);
  const [m, d] = [column(margin), sub(chosen, rejected)];
  const better = mul(column(labels), logSigmoid(sub(d, m)));
  const worse = mul(column(labels.map((p) => 1 - p)), logSigmoid(neg(add(d, m))));
  const centred = scale(square(add(chosen, rejected)), options.centering ?? 0);
  const losses = sub(centred, add(better, worse));
  const all = [...floats(chosen), ...floats(rejected)];
  const differences = floats(d);
  const mean = (values: ArrayLike<number>): Mean => meanOf(values, weights);
  return {
    loss: { sum: sum(mul(column(weights), losses)), count: mean(weights).count },
    metrics: {
      accuracy: mean(differences.map((x) => Number(x > 0))),
      ties: mean(differences.map((x) => Number(x === 0))),
      margin: mean(differences),
      mean_reward: meanOf(all, [...weights, ...weights]),
      min_reward: meanOf([Math.min(...all)]),
      max_reward: meanOf([Math.max(...all)]),
    },
  };
}

/** The terms of every pair; checks everything. */
function termsOf({ chosen, rejected }: PairRewards, options: BradleyTerryOptions): PairTerms {
  const { centering = 0 } = options;
  const shapes = [chosen, rejected].map((t) => showShape(t.shape));
  if (shapes[0] !== shapes[1] || chosen.shape.length !== 1) {
    throw new TypeError(`Cannot compute bradleyTerryLoss as both rewards must be [B]: ${shapes.join(", ")}`);
  }
  if (!(centering >= 0 && centering < Infinity)) {
    throw new RangeError(
      `Cannot compute bradleyTerryLoss as centering must be ≥ 0 and finite: current value is ${centering}`,
    );
  }
  return pairTerms("bradleyTerryLoss", chosen.shape[0] as number, options);
}
