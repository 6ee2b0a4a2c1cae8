/** Supervised fine-tuning: the policy learns to give completions it is shown. */
import { once, type Stage } from "../flow/stage.ts";
import { sftLoss, type SftOptions } from "../losses/sft.ts";
import type { DecoderParams } from "../model/decoder.ts";
import { tokenLogps } from "../model/logps.ts";
import { type Example, pack } from "../tensor/ragged.ts";
import type { PolicyState, RowState } from "./state.ts";
import { update, type UpdateOptions } from "./update.ts";

/** Texts as tokens: what to learn is every completion. */
export interface DemonstrationState {
  readonly demonstrations: readonly { readonly id: string; readonly example: Example }[];
}

/** The chosen completions of the training pairs, as demonstrations. */
export function demonstrateChosen(): Stage<RowState, DemonstrationState> {
  return once("demonstrateChosen", ({ rows }: RowState) => ({
    demonstrations: rows.map(({ id, prompt, chosen }) => ({ id, example: { prompt, completions: [chosen] } })),
  }), { needs: ["rows"], adds: ["demonstrations"] });
}

type Needs = PolicyState & DemonstrationState;

/** Trains the policy by `sftLoss` on demonstrations. */
export function sftUpdate(options: SftOptions & UpdateOptions): Stage<Needs, { readonly policy: DecoderParams }> {
  return update("sftUpdate", {
    params: ({ policy }: Needs) => policy,
    rows: ({ demonstrations }) => demonstrations,
    loss: ({ config, demonstrations }) => (policy, numbers) => {
      const batch = pack(Array.from(numbers, (n) => (demonstrations[n] as Needs["demonstrations"][number]).example));
      return sftLoss(tokenLogps(policy, config, batch), batch.offsets, options);
    },
  }, { ...options, adds: "policy" });
}
