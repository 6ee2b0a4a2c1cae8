/** The training of a reward model: Bradley–Terry on pairs, a gradient step at a time. */
import type { TokenPair } from "../data/token_pair.ts";
import type { Stage } from "../flow/stage.ts";
import { take } from "../grad/layers.ts";
import { bradleyTerryLoss, type BradleyTerryOptions } from "../losses/bradley_terry.ts";
import { type RewardReading, rewards } from "../model/heads.ts";
import { pack } from "../tensor/ragged.ts";
import { ownTerms } from "./own_terms.ts";
import { exampleOf, pairTokens, side } from "./reference.ts";
import type { FitSurprise, RewardModel, RewardState, SurpriseState, ValidationState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";
import { update, type UpdateOptions } from "./update.ts";

/** Options of `rewardUpdate`: those of the loss that are not a pair's own, and those of the training loop. */
export interface RewardUpdateOptions extends Pick<BradleyTerryOptions, "centering" | "labelSmoothing">, UpdateOptions {}

/** What was read beforehand of rows, as a batch of them has it: of the prompt's tokens, which nobody said, nothing. */
function readingOf(
  rows: readonly TokenPair[],
  numbers: Int32Array,
  fitSurprise: FitSurprise | undefined,
): RewardReading {
  if (fitSurprise === undefined || fitSurprise.surprisals.length === 0) return {};
  const at = (place: number): Float32Array =>
    fitSurprise.surprisals[fitSurprise.numbers[place] as number] as Float32Array;
  return {
    surprisals: Array.from(numbers).flatMap((row) => [
      ...new Float32Array((rows[row] as TokenPair).prompt.length),
      ...at(2 * row),
      ...at(2 * row + 1),
    ]),
  };
}

/**
 * Trains a reward model by `bradleyTerryLoss` on `fitRows`; rows with a `margin`, `label` or `weight` use it, and so does a
 * model that reads surprise the field `fitSurprise` of `readSurprise`. What is trained is the model without its reader.
 *
 * @param options.centering default 0
 */
export function rewardUpdate(
  options: RewardUpdateOptions,
): Stage<
  Pick<PolicyState, "config"> & RewardState & Pick<ValidationState, "fitRows"> & Partial<SurpriseState>,
  RewardState
> {
  const { centering = 0, labelSmoothing = 0, gradientCheckpointing = false } = options;
  return update("rewardUpdate", {
    needs: ["config", "reward", "fitRows"],
    params: ({ reward: { reader: _, ...reward } }): RewardModel => reward,
    rows: ({ fitRows }) => fitRows,
    tokens: ({ fitRows }) => (row) => pairTokens(fitRows[row] as TokenPair),
    loss: ({ config, fitRows, fitSurprise }) => (reward, numbers) => {
      const pairs = Array.from(numbers, (n) => fitRows[n] as TokenPair);
      const reading = { ...readingOf(fitRows, numbers, fitSurprise), gradientCheckpointing };
      const all = rewards(reward, config, pack(pairs.map(exampleOf)), reading);
      const [chosen, rejected] = [take(all, side(0, pairs.length)), take(all, side(1, pairs.length))];
      return bradleyTerryLoss({ chosen, rejected }, { centering, ...ownTerms(pairs, labelSmoothing) });
    },
  }, { ...options, adds: "reward" });
}
