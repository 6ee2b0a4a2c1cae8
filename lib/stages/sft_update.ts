/** Supervised fine-tuning: the policy learns to give completions it is shown. */
import { once, type Stage } from "../flow/stage.ts";
import { sftLoss, type SftOptions } from "../losses/sft.ts";
import { tokenLogps } from "../model/logps.ts";
import { type Example, pack } from "../tensor/ragged.ts";
import { weightsOf } from "./own_terms.ts";
import type { PolicyState, RowState } from "./state.ts";
import { unusedFields } from "./unused_fields.ts";
import { update, type UpdateOptions } from "./update.ts";

/** A text as tokens: what to learn is its completion. */
export interface Demonstration {
  /** Names the row, in reports. */
  readonly id: string;
  /** A prompt with one completion. */
  readonly example: Example;
  /** How much it counts, > 0. Default 1. */
  readonly weight?: number;
}

/** Texts to learn, and to judge by. */
export interface DemonstrationState {
  /** To learn from. */
  readonly demonstrations: readonly Demonstration[];
  /** To judge by. */
  readonly heldOutDemonstrations: readonly Demonstration[];
}

/** The chosen completions of pairs, as demonstrations. A remark says of how many rows labels or margins stay unused. */
export function demonstrateChosen(): Stage<RowState, DemonstrationState> {
  const demonstrated = (rows: RowState["rows"]): readonly Demonstration[] =>
    rows.map(({ id, prompt, chosen, weight }) => ({
      id,
      example: { prompt, completions: [chosen] },
      ...weight !== undefined && { weight },
    }));
  return once("demonstrateChosen", ({ rows, heldOutRows }: RowState, { emit }) => {
    const message = unusedFields(rows, "Fine-tuning learns chosen completions alone", ["label", "margin"]);
    if (message !== undefined) emit({ type: "remark", message });
    return { demonstrations: demonstrated(rows), heldOutDemonstrations: demonstrated(heldOutRows) };
  }, { needs: ["rows", "heldOutRows"], adds: ["demonstrations", "heldOutDemonstrations"] });
}

/**
 * Trains the policy by `sftLoss` on demonstrations; those with a `weight` use it.
 *
 * @example
 * ```ts
 * import { demonstrateChosen, initPolicy, pipeline, sftUpdate } from "@logratio/logratio";
 * // A first policy from tokenized pairs: one that has learned to give the chosen replies.
 * const warmStart = pipeline("warmStart", [initPolicy(), demonstrateChosen(), sftUpdate({ lr: 2e-3, batchSize: 32 })]);
 * ```
 */
export function sftUpdate(
  options: SftOptions & UpdateOptions,
): Stage<PolicyState & Pick<DemonstrationState, "demonstrations">, Pick<PolicyState, "policy">> {
  return update("sftUpdate", {
    needs: ["config", "policy", "demonstrations"],
    params: ({ policy }) => policy,
    rows: ({ demonstrations }) => demonstrations,
    tokens: ({ demonstrations }) => (row) => {
      const { prompt, completions } = (demonstrations[row] as Demonstration).example;
      const processed = completions.reduce((n, { length }) => n + length, prompt.length);
      return { real: processed, processed };
    },
    loss: ({ config, demonstrations }) => (policy, numbers) => {
      const shown = Array.from(numbers, (n) => demonstrations[n] as Demonstration);
      const batch = pack(shown.map(({ example }) => example));
      return sftLoss(tokenLogps(policy, config, batch, options), batch.offsets, { ...options, ...weightsOf(shown) });
    },
  }, { ...options, adds: "policy" });
}
