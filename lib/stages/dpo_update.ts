/** The stage that aligns: DPO on preference pairs. */
import type { TokenPair } from "../data/token_pair.ts";
import type { Stage } from "../flow/stage.ts";
import { take } from "../grad/layers.ts";
import { dpoLoss, type DpoOptions } from "../losses/dpo.ts";
import { logps } from "../model/logps.ts";
import { pack } from "../tensor/ragged.ts";
import { tensor } from "../tensor/tensor.ts";
import { ownTerms } from "./own_terms.ts";
import { exampleOf, pairTokens, side } from "./reference.ts";
import type { PolicyState, RefLogpsState, RowState } from "./state.ts";
import { update, type UpdateOptions } from "./update.ts";

/** Options of `dpoUpdate`: those of the loss and those of the training loop. */
export interface DpoUpdateOptions extends Pick<DpoOptions, "beta" | "labelSmoothing">, UpdateOptions {}

/**
 * Trains the policy on preference pairs; the reference enters by its log-probabilities alone. Rows with a
 * `label`, `margin` or `weight` use it.
 *
 * @see `dpoLoss`
 * @example
 * ```ts
 * import { dpoUpdate, evaluatePairs, freezeRef, pipeline, refLogps } from "@logratio/logratio";
 * // From tokenized pairs and a policy to an aligned policy, judged on held-out pairs.
 * const train = dpoUpdate({ beta: 0.1, lr: 3e-4, batchSize: 64 });
 * const align = pipeline("align", [freezeRef(), refLogps(), train, evaluatePairs()]);
 * ```
 */
export function dpoUpdate(
  options: DpoUpdateOptions,
): Stage<PolicyState & RowState & RefLogpsState, Pick<PolicyState, "policy">> {
  const { beta, labelSmoothing = 0 } = options;
  return update("dpoUpdate", {
    needs: ["config", "policy", "rows", "refLogps"],
    params: ({ policy }) => policy,
    rows: ({ rows }) => rows,
    tokens: ({ rows }) => (row) => pairTokens(rows[row] as TokenPair),
    loss: ({ config, rows, refLogps }) => (policy, numbers) => {
      const pairs = Array.from(numbers, (n) => rows[n] as TokenPair);
      const all = logps(policy, config, pack(pairs.map(exampleOf)), options);
      const refOf = (which: 0 | 1): Float64Array =>
        Float64Array.from(numbers, (n) => refLogps[2 * n + which] as number);
      return dpoLoss({
        chosen: take(all, side(0, pairs.length)),
        rejected: take(all, side(1, pairs.length)),
        refChosen: tensor([pairs.length], refOf(0), all.dtype),
        refRejected: tensor([pairs.length], refOf(1), all.dtype),
      }, { beta, ...ownTerms(pairs, labelSmoothing) });
    },
  }, { ...options, adds: "policy" });
}
