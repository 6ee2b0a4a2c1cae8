/** Direct preference optimisation: the policy is its own reward model. */
import type { Loss } from "../grad/value_and_grad.ts";
import { add, logSigmoid, mul, neg, scale, stopGradient, sub, sum } from "../grad/ops.ts";
import { type Mean, meanOf } from "../tensor/mean.ts";
import { floats, showShape, type Tensor, tensor } from "../tensor/tensor.ts";
import { type PairTermOptions, type PairTerms, pairTerms } from "./pair_terms.ts";

/** Log-probabilities of whole completions under policy and reference, nats, `[B]` each. */
export type PairLogps = Readonly<Record<"chosen" | "rejected" | "refChosen" | "refRejected", Tensor>>;

/** Options of `dpoLoss`: a pair's own terms beside its strength. */
export interface DpoOptions extends PairTermOptions {
  /** Strength of the pull to the reference, > 0; the reward is beta nats of log ratio. */
  readonly beta: number;
}

/**
 * L = −Σ_b w·[ p log σ(z − m) + (1−p) log σ(−z − m) ] / Σ_b w,
 * z = beta·[(log π(y_w) − log π_ref(y_w)) − (log π(y_l) − log π_ref(y_l))],
 * with weight w, margin m and p = 1 − labelSmoothing, or the soft label of the pair. p = 1, m = 0 and w = 1 is the loss of
 * the paper; its gradient by log π(y_w) is −beta·σ(−z)/B. A margin is the offset of ODPO: the implicit reward of the better
 * completion should win by so many nats, and not just win.
 *
 * Metrics have TRL's names, and weigh as the loss does; `rewards/accuracies` counts chosen > rejected only, and `ties` says
 * how many were equal.
 * Tests: `tests/losses/dpo_test.ts`, `tests/losses/dpo_laws_test.ts`, `tests/losses/dpo_terms_test.ts`.
 *
 * @param logps log π(completion | prompt), nats, `[B]` each; no gradient flows to the reference's
 * @throws {RangeError} if an option is out of range or has not one entry a pair
 * @throws {TypeError} if the four shapes differ
 * @see Rafailov et al. 2023, "Direct preference optimization", eq. 7; Mitchell 2023, "A note on DPO with noisy preferences",
 * eq. 3; Amini et al. 2024, "Direct preference optimization with an offset", eq. 8 (margin)
 * @example
 * ```ts
 * import { dpoLoss, tensor } from "@logratio/logratio";
 * const [chosen, rejected, ref] = [tensor([1], [-4]), tensor([1], [-6]), tensor([1], [-5])];
 * const logps = { chosen, rejected, refChosen: ref, refRejected: ref };
 * const { loss } = dpoLoss(logps, { beta: 0.5 }); // −log σ(1) = 0.3133
 * ```
 */
export function dpoLoss(logps: PairLogps, options: DpoOptions): Loss {
  const { labels, margin, weights } = termsOf(logps, options);
  const chosenRewards = scale(sub(logps.chosen, stopGradient(logps.refChosen)), options.beta);
  const rejectedRewards = scale(sub(logps.rejected, stopGradient(logps.refRejected)), options.beta);
  const z = sub(chosenRewards, rejectedRewards);
  const column = (values: readonly number[]): Tensor => tensor(z.shape, values, z.dtype);
  const m = column(margin);
  const better = mul(column(labels), logSigmoid(sub(z, m)));
  const worse = mul(column(labels.map((p) => 1 - p)), logSigmoid(neg(add(z, m))));
  const mean = (values: ArrayLike<number>): Mean => meanOf(values, weights);
  return {
    loss: { sum: sum(mul(column(weights), neg(add(better, worse)))), count: mean(weights).count },
    metrics: {
      "rewards/chosen": mean(floats(chosenRewards)),
      "rewards/rejected": mean(floats(rejectedRewards)),
      "rewards/margins": mean(floats(z)),
      "rewards/accuracies": mean(floats(z).map((m) => Number(m > 0))),
      "rewards/ties": mean(floats(z).map((m) => Number(m === 0))),
      "logps/chosen": mean(floats(logps.chosen)),
      "logps/rejected": mean(floats(logps.rejected)),
    },
  };
}

/** The terms of every pair; checks everything. */
function termsOf({ chosen, rejected, refChosen, refRejected }: PairLogps, options: DpoOptions): PairTerms {
  const { beta } = options;
  if (!(beta > 0 && beta < Infinity)) {
    throw new RangeError(`Cannot compute dpoLoss as beta must be > 0 and finite: current value is ${beta}`);
  }
  const shapes = [chosen, rejected, refChosen, refRejected].map((t) => showShape(t.shape));
  if (new Set(shapes).size > 1 || chosen.shape.length !== 1) {
    throw new TypeError(`Cannot compute dpoLoss as the four log-probabilities must be [B]: ${shapes.join(", ")}`);
  }
  return pairTerms("dpoLoss", chosen.shape[0] as number, options);
}
