/** Several losses at once: policy, critic and entropy on one trunk. */
import { add, scale } from "../grad/ops.ts";
import type { Loss } from "../grad/value_and_grad.ts";
import { joinMeans } from "../tensor/mean.ts";

/**
 * Σ_i weight_i · L_i, with the metrics of all. The losses must be means over as many terms, as they are where all reduce
 * the same tokens in the same way: then parts of a batch join to the whole.
 *
 * @throws {RangeError} if there is no loss, the counts differ, or a weight is not finite
 * @example
 * ```ts
 * import { entropyBonus, tensor, valueLoss, weightedSum } from "@logratio/logratio";
 * const offsets = Int32Array.of(0, 2);
 * const tokens = { values: tensor([2], [1, 0]), returns: tensor([2], [0, 0.5]) };
 * const critic = valueLoss(tokens, offsets, { type: "plain", reduction: "token" });
 * const bonus = entropyBonus(tensor([2], [1.5, 0.5]), offsets, { coef: 0.01, reduction: "token" });
 * const { loss } = weightedSum([[0.1, critic], [1, bonus]]); // 0.0625 − 0.02, count 2
 * ```
 */
export function weightedSum(losses: readonly (readonly [weight: number, loss: Loss])[]): Loss {
  const counts = losses.map(([, { loss }]) => loss.count);
  if (new Set(counts).size !== 1) {
    throw new RangeError(`Cannot add losses as their counts must be equal: ${counts.join(", ") || "there is none"}`);
  }
  const infinite = losses.find(([weight]) => !Number.isFinite(weight));
  if (infinite !== undefined) {
    throw new RangeError(`Cannot add losses as weights must be finite: current value is ${infinite[0]}`);
  }
  return losses
    .map(([weight, { loss, metrics }]): Loss => ({
      loss: { sum: scale(loss.sum, weight), count: loss.count },
      metrics,
    }))
    .reduce((a, b) => ({
      loss: { sum: add(a.loss.sum, b.loss.sum), count: a.loss.count },
      metrics: joinMeans(a.metrics, b.metrics),
    }));
}
