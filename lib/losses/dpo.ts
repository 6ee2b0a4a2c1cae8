/** Direct preference optimisation: the policy is its own reward model. */
import type { Loss } from "../grad/value_and_grad.ts";
import { add, logSigmoid, mul, neg, scale, stopGradient, sub, sum } from "../grad/ops.ts";
import { meanOf } from "../tensor/mean.ts";
import { floats, showShape, type Tensor, tensor } from "../tensor/tensor.ts";

/** Log-probabilities of whole completions under policy and reference, nats, `[B]` each. */
export type PairLogps = Readonly<Record<"chosen" | "rejected" | "refChosen" | "refRejected", Tensor>>;

/** Options of `dpoLoss`. */
export interface DpoOptions {
  /** Strength of the pull to the reference, > 0; the reward is beta nats of log ratio. */
  readonly beta: number;
  /** Probability that a label is flipped, in [0, ½): conservative DPO. Default 0. */
  readonly labelSmoothing?: number;
  /** Probability that `chosen` is the better one `[B]`, in place of `labelSmoothing`. */
  readonly labels?: ArrayLike<number>;
}

/**
 * L = −mean_b [ p log σ(z) + (1−p) log σ(−z) ],  z = beta·[(log π(y_w) − log π_ref(y_w)) − (log π(y_l) − log π_ref(y_l))],
 * with p = 1 − labelSmoothing, or the soft label of the pair. p = 1 is the loss of the paper; its gradient by
 * log π(y_w) is −beta·σ(−z)/B.
 *
 * Metrics have TRL's names; `rewards/accuracies` counts chosen > rejected only, and `ties` says how many were equal.
 * Tests: `tests/losses/dpo_test.ts`, `tests/losses/dpo_laws_test.ts`.
 *
 * @param logps log π(completion | prompt), nats, `[B]` each; no gradient flows to the reference's
 * @throws {RangeError} if beta, labelSmoothing or a label is out of range
 * @throws {TypeError} if the four shapes differ
 * @see Rafailov et al. 2023, "Direct preference optimization", eq. 7; Mitchell 2023, "A note on DPO with noisy preferences", eq. 3
 * @example
 * ```ts
 * import { dpoLoss, tensor } from "@logratio/logratio";
 * const [chosen, rejected, ref] = [tensor([1], [-4]), tensor([1], [-6]), tensor([1], [-5])];
 * const logps = { chosen, rejected, refChosen: ref, refRejected: ref };
 * const { loss } = dpoLoss(logps, { beta: 0.5 }); // −log σ(1) = 0.3133
 * ```
 */
export function dpoLoss(logps: PairLogps, options: DpoOptions): Loss {
  const labels = labelsOf(logps, options);
  const chosenRewards = scale(sub(logps.chosen, stopGradient(logps.refChosen)), options.beta);
  const rejectedRewards = scale(sub(logps.rejected, stopGradient(logps.refRejected)), options.beta);
  const z = sub(chosenRewards, rejectedRewards);
  const p = tensor(z.shape, labels, z.dtype);
  const q = tensor(z.shape, labels.map((x) => 1 - x), z.dtype);
  const losses = neg(add(mul(p, logSigmoid(z)), mul(q, logSigmoid(neg(z)))));
  return {
    loss: { sum: sum(losses), count: labels.length },
    metrics: {
      "rewards/chosen": meanOf(floats(chosenRewards)),
      "rewards/rejected": meanOf(floats(rejectedRewards)),
      "rewards/margins": meanOf(floats(z)),
      "rewards/accuracies": meanOf(floats(z).map((m) => Number(m > 0))),
      "rewards/ties": meanOf(floats(z).map((m) => Number(m === 0))),
      "logps/chosen": meanOf(floats(logps.chosen)),
      "logps/rejected": meanOf(floats(logps.rejected)),
    },
  };
}

/** The probability that each chosen completion is the better one; checks everything. */
function labelsOf({ chosen, rejected, refChosen, refRejected }: PairLogps, options: DpoOptions): readonly number[] {
  const { beta, labelSmoothing = 0, labels } = options;
  const refuse = (rule: string, value: unknown): never => {
    throw new RangeError(`Cannot compute dpoLoss as ${rule}: current value is ${value}`);
  };
  if (!(beta > 0 && beta < Infinity)) refuse("beta must be > 0 and finite", beta);
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) refuse("labelSmoothing must be in [0, 0.5)", labelSmoothing);
  const shapes = [chosen, rejected, refChosen, refRejected].map((t) => showShape(t.shape));
  if (new Set(shapes).size > 1 || chosen.shape.length !== 1) {
    throw new TypeError(`Cannot compute dpoLoss as the four log-probabilities must be [B]: ${shapes.join(", ")}`);
  }
  const [count] = chosen.shape as [number];
  if (labels === undefined) return Array<number>(count).fill(1 - labelSmoothing);
  if (labelSmoothing > 0) refuse("labels and labelSmoothing exclude each other", labelSmoothing);
  if (labels.length !== count) refuse(`there must be ${count} labels`, labels.length);
  return Array.from(labels, (p) => p >= 0 && p <= 1 ? p : refuse("labels must be in [0, 1]", p));
}
