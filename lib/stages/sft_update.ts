/** Supervised fine-tuning: the policy learns to give completions it is shown. */
import { once, type Stage } from "../flow/stage.ts";
import { sftLoss, type SftOptions } from "../losses/sft.ts";
import { tokenLogps } from "../model/logps.ts";
import { type Example, pack } from "../tensor/ragged.ts";
import type { PolicyState, RowState } from "./state.ts";
import { unusedFields } from "./unused_fields.ts";
import { update, type UpdateOptions } from "./update.ts";

/** A text as tokens: what to learn is its completion. */
export interface Demonstration {
  /** Names the row, in reports. */
  readonly id: string;
  /** A prompt with one completion. */
  readonly example: Example;
}

/** Texts to learn, and to judge by. */
export interface DemonstrationState {
  /** To learn from. */
  readonly demonstrations: readonly Demonstration[];
  /** To judge by. */
  readonly heldOutDemonstrations: readonly Demonstration[];
}

/** The chosen completions of pairs, as demonstrations. A remark says which numbers of the rows that leaves unused. */
export function demonstrateChosen(): Stage<RowState, DemonstrationState> {
  const demonstrated = (rows: RowState["rows"]): readonly Demonstration[] =>
    rows.map(({ id, prompt, chosen }) => ({ id, example: { prompt, completions: [chosen] } }));
  return once("demonstrateChosen", ({ rows, heldOutRows }: RowState, { emit }) => {
    const message = unusedFields(rows, "Fine-tuning learns every chosen completion alike");
    if (message !== undefined) emit({ type: "remark", message });
    return { demonstrations: demonstrated(rows), heldOutDemonstrations: demonstrated(heldOutRows) };
  }, { needs: ["rows", "heldOutRows"], adds: ["demonstrations", "heldOutDemonstrations"] });
}

/**
 * Trains the policy by `sftLoss` on demonstrations.
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
      const batch = pack(Array.from(numbers, (n) => (demonstrations[n] as Demonstration).example));
      return sftLoss(tokenLogps(policy, config, batch, options), batch.offsets, options);
    },
  }, { ...options, adds: "policy" });
}
