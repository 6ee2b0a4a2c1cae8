/** What a fit predicts: chances of outcomes, and soft labels for preference pairs. */

import type { StrengthFit } from "./fit_strengths.ts";
import { outcomeModel } from "./outcome_model.ts";

/** Chances of the three outcomes of one comparison; they sum to one. */
export interface OutcomeChances {
  /** Of the first item. */
  readonly win: number;
  /** Of the second item. */
  readonly loss: number;
  /** Of neither. */
  readonly tie: number;
}

/**
 * The chances when items i and j meet, without covariates of the contest.
 *
 * With ties as half wins there is no third outcome: `win` then is the expected score, P(i beats j) = σ(λ_i − λ_j + δ z).
 *
 * @param options.order +1 if i is at home or shown first, −1 if j is, 0 if nobody
 */
export function outcomeChances(
  fit: StrengthFit,
  [i, j]: readonly [number, number],
  { order = 0 }: { readonly order?: -1 | 0 | 1 } = {},
): OutcomeChances {
  const outcome = outcomeModel(fit.tieParameter === undefined ? "half" : fit.model.ties!);
  const effect = fit.orderEffect ?? 0;
  const eta = fit.logAbility[i]! - fit.logAbility[j]! + effect * order;
  const beaver = fit.model.ties === "davidson-beaver" ? -Math.abs(order) * effect / 2 : 0;
  const [win, loss, tie] = outcome.logProbabilities(eta, (fit.tieParameter ?? 0) + beaver);
  return { win: Math.exp(win), loss: Math.exp(loss), tie: outcome.tieParameter ? Math.exp(tie) : 0 };
}

/**
 * Soft labels for preference pairs: for each (chosen, rejected) the probability that chosen is better, ties halved, as
 * the `label` of a preference pair wants it.
 *
 * @example
 * ```ts
 * import { comparisons, fitStrengths, preferenceLabels } from "@logratio/logratio";
 * const games = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [7], winsSecond: [3] });
 * const fit = fitStrengths(games);
 * if (fit._tag === "Right") preferenceLabels(fit.right, [[0, 1]]); // [0.7]
 * ```
 */
export function preferenceLabels(fit: StrengthFit, pairs: readonly (readonly [number, number])[]): Float64Array {
  return Float64Array.from(pairs, (pair) => {
    const { win, tie } = outcomeChances(fit, pair);
    return win + tie / 2;
  });
}
