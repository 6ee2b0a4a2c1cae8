/** The Bradley–Terry loss of a reward model: the better completion should have the higher reward. */
import type { Loss } from "../grad/value_and_grad.ts";
import { add, logSigmoid, mul, neg, scale, square, sub, sum } from "../grad/ops.ts";
import { meanOf } from "../tensor/mean.ts";
import { floats, showShape, type Tensor, tensor } from "../tensor/tensor.ts";

/** Rewards of whole completions, nats of log odds, `[B]` each. */
export type PairRewards = Readonly<Record<"chosen" | "rejected", Tensor>>;

/** Options of `bradleyTerryLoss`; lists have one entry a pair, `[B]`. */
export interface BradleyTerryOptions {
  /** By how much the better completion should at least win, nats: inside the sigmoid, subtracted. Default 0. */
  readonly margin?: ArrayLike<number>;
  /** Coefficient, ≥ 0, of the square of a pair's summed rewards: it holds the mean reward near 0. Default 0. */
  readonly centering?: number;
  /** Probability that a label is flipped, in [0, ½). Default 0. */
  readonly labelSmoothing?: number;
  /** Probability that `chosen` is the better one, in place of `labelSmoothing`. */
  readonly labels?: ArrayLike<number>;
  /** How much a pair counts, ≥ 0 and not all 0. Default 1. */
  readonly weights?: ArrayLike<number>;
}

/**
 * L = Σ_b w·[ −p log σ(d − m) − (1−p) log σ(−d − m) + c·(r_w + r_l)² ] / Σ_b w,  d = r_w − r_l, with margin m,
 * centering c, weight w and p = 1 − labelSmoothing, or the soft label of the pair. For p = 1, m = 0 and c = 0 it is
 * −log σ(d), whose gradient by r_w is −σ(−d) and by r_l is σ(−d).
 *
 * Only differences matter but for c: a constant added to all rewards of a prompt changes nothing.
 * Metrics have the names of TRL's reward trainer; `accuracy` counts chosen > rejected only, `ties` says how many were
 * equal. Of a batch in parts `min_reward` and `max_reward` are the means of the parts' own.
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
  const { labels, margin, weights, centering } = termsOf(rewards, options);
  const column = (values: readonly number[]): Tensor => tensor(chosen.shape, values, chosen.dtype);
  const [m, d] = [column(margin), sub(chosen, rejected)];
  const better = mul(column(labels), logSigmoid(sub(d, m)));
  const worse = mul(column(labels.map((p) => 1 - p)), logSigmoid(neg(add(d, m))));
  const centred = scale(square(add(chosen, rejected)), centering);
  const losses = sub(centred, add(better, worse));
  const all = [...floats(chosen), ...floats(rejected)];
  const differences = floats(d);
  return {
    loss: { sum: sum(mul(column(weights), losses)), count: weights.reduce((a, b) => a + b) },
    metrics: {
      accuracy: meanOf(differences.map((x) => Number(x > 0))),
      ties: meanOf(differences.map((x) => Number(x === 0))),
      margin: meanOf(differences),
      mean_reward: meanOf(all),
      min_reward: meanOf([Math.min(...all)]),
      max_reward: meanOf([Math.max(...all)]),
    },
  };
}

/** The terms of every pair as plain numbers, checked. */
interface Terms extends Readonly<Record<"labels" | "margin" | "weights", readonly number[]>> {
  readonly centering: number;
}

function termsOf({ chosen, rejected }: PairRewards, options: BradleyTerryOptions): Terms {
  const { centering = 0, labelSmoothing = 0, labels, margin, weights } = options;
  const refuse = (rule: string, value: unknown): never => {
    throw new RangeError(`Cannot compute bradleyTerryLoss as ${rule}: current value is ${value}`);
  };
  const shapes = [chosen, rejected].map((t) => showShape(t.shape));
  if (shapes[0] !== shapes[1] || chosen.shape.length !== 1) {
    throw new TypeError(`Cannot compute bradleyTerryLoss as both rewards must be [B]: ${shapes.join(", ")}`);
  }
  if (!(centering >= 0 && centering < Infinity)) refuse("centering must be ≥ 0 and finite", centering);
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) refuse("labelSmoothing must be in [0, 0.5)", labelSmoothing);
  if (labels && labelSmoothing > 0) refuse("labels and labelSmoothing exclude each other", labelSmoothing);
  const [count] = chosen.shape as [number];
  const column = (name: string, rule: string, given: ArrayLike<number>, fits: (x: number) => boolean): number[] => {
    if (given.length !== count) refuse(`there must be ${count} ${name}`, given.length);
    return Array.from(given, (x) => fits(x) ? x : refuse(`${name} must be ${rule}`, x));
  };
  const same = (value: number): readonly number[] => Array<number>(count).fill(value);
  const weighed = column("weights", "≥ 0 and finite", weights ?? same(1), (x) => x >= 0 && x < Infinity);
  if (!weighed.some((w) => w > 0)) refuse("a weight must be > 0", weighed.join(", "));
  return {
    centering,
    weights: weighed,
    labels: column("labels", "in [0, 1]", labels ?? same(1 - labelSmoothing), (x) => x >= 0 && x <= 1),
    margin: column("margins", "finite", margin ?? same(0), Number.isFinite),
  };
}
