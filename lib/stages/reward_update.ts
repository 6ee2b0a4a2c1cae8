/** The training of a reward model: Bradley–Terry on pairs, a gradient step at a time. */
import type { Stage } from "../flow/stage.ts";
import { take } from "../grad/layers.ts";
import { bradleyTerryLoss, type BradleyTerryOptions } from "../losses/bradley_terry.ts";
import { type RewardReading, rewards } from "../model/heads.ts";
import { pack } from "../tensor/ragged.ts";
import { ownTerms } from "./own_terms.ts";
import { exampleOf, pairTokens, side } from "./reference.ts";
import type { FitRow, RewardModel, RewardState, ValidationState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";
import { update, type UpdateOptions } from "./update.ts";

/** Options of `rewardUpdate`: those of the loss that are not a pair's own, and those of the training loop. */
export interface RewardUpdateOptions extends Pick<BradleyTerryOptions, "centering" | "labelSmoothing">, UpdateOptions {}

/** What was read of the rows beforehand, as a batch of them has it. */
function readingOf(rows: readonly FitRow[]): RewardReading {
  const read = rows.flatMap(({ surprisals }) => surprisals ? Array.from(surprisals) : []);
  return read.length > 0 ? { surprisals: read } : {};
}

/**
 * Trains a reward model by `bradleyTerryLoss` on `fitRows`; rows with a `margin`, `label` or `weight` use it, and so does a
 * model that reads surprise those of `readSurprise`. What is trained is the model without its reader.
 *
 * @param options.centering default 0
 */
export function rewardUpdate(
  options: RewardUpdateOptions,
): Stage<
  Pick<PolicyState, "config"> & RewardState & Pick<ValidationState, "fitRows">,
  RewardState
> {
  const { centering = 0, labelSmoothing = 0, gradientCheckpointing = false } = options;
  return update("rewardUpdate", {
    needs: ["config", "reward", "fitRows"],
    params: ({ reward: { reader: _, ...reward } }): RewardModel => reward,
    rows: ({ fitRows }) => fitRows,
    tokens: ({ fitRows }) => (row) => pairTokens(fitRows[row] as FitRow),
    loss: ({ config, fitRows }) => (reward, numbers) => {
      const pairs = Array.from(numbers, (n) => fitRows[n] as FitRow);
      const reading = { ...readingOf(pairs), gradientCheckpointing };
      const all = rewards(reward, config, pack(pairs.map(exampleOf)), reading);
      const [chosen, rejected] = [take(all, side(0, pairs.length)), take(all, side(1, pairs.length))];
      return bradleyTerryLoss({ chosen, rejected }, { centering, ...ownTerms(pairs, labelSmoothing) });
    },
  }, { ...options, adds: "reward" });
}
