/** The stage that learns a reward: Bradley–Terry on preference pairs. */
import { splitByPrompt } from "../data/split.ts";
import { logLoss, temperatureScale } from "../evaluation/calibration.ts";
import { pipeline } from "../flow/pipeline.ts";
import { attempt, once, type Stage } from "../flow/stage.ts";
import { scale } from "../grad/ops.ts";
import type { DecoderParams } from "../model/decoder.ts";
import { initReward } from "../model/heads.ts";
import { inputFailure, right } from "../result.ts";
import { forecastsOf } from "./evaluate_reward.ts";
import { earlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
import { normaliseReward, type NormaliseRewardOptions } from "./normalise_reward.ts";
import {
  logOddsOf,
  type RewardModel,
  type RewardState,
  type SurpriseState,
  type ValidationState,
} from "./reward_state.ts";
import { readSurprise } from "./read_surprise.ts";
import { rewardUpdate, type RewardUpdateOptions } from "./reward_update.ts";
import type { PolicyState, RowState } from "./state.ts";

/** Options of `fitBradleyTerry`. */
export interface FitBradleyTerryOptions
  extends
    RewardUpdateOptions,
    NormaliseRewardOptions,
    Partial<Pick<EarlyStoppingOptions<never>, "evaluations" | "patience">> {
  /** Share of the training prompts that tell when to stop, in (0, 1). Default 0.1. */
  readonly validation?: number;
  /**
   * Whether the model also reads how surprising each token was to the policy it began as: then it need not learn again what
   * the policy knows to be so. Not for a policy that was trained on one side of these very pairs, as its surprise would
   * tell which. Default false.
   */
  readonly surprise?: boolean;
  /**
   * Whether the rewards are divided at last by the temperature that fits the validation rows best, so that their differences
   * are the nats that they are taken for: p̂ = σ(r_w − r_l). Which completion is favoured stays as it is. Default false.
   */
  readonly calibrated?: boolean;
}

/**
 * Fits a reward model to tokenized pairs, from the policy's own trunk: part of the training prompts is set aside, training
 * stops early by the log loss on them, the best parameters are kept, and the rewards of the policy's own replies become
 * the unit of the normalised reward. The policy stays as it is.
 *
 * @see Ouyang et al. 2022, "Training language models to follow instructions", section 3.5
 * @example
 * ```ts
 * import { evaluateReward, fitBradleyTerry, pipeline } from "@logratio/logratio";
 * // From tokenized pairs and a policy to a reward model, judged on held-out pairs.
 * const fit = pipeline("fit", [fitBradleyTerry({ lr: 3e-4, batchSize: 64, epochs: 2 }), evaluateReward()]);
 * ```
 */
export function fitBradleyTerry(
  options: FitBradleyTerryOptions,
): Stage<PolicyState & Pick<RowState, "rows">, RewardState & ValidationState & SurpriseState> {
  const { validation = 0.1, evaluations = 10, patience = 3, surprise = false, calibrated = false } = options;
  return pipeline("fitBradleyTerry", [
    validationSplit(validation),
    initRewardModel({ surprise }),
    readSurprise(),
    earlyStopping(rewardUpdate(options), {
      evaluations,
      patience,
      needs: ["config", "policy", "reward", "validationRows"],
      evalLoss: ({ reward, policy, config, validationRows }: Judged) =>
        logLoss(forecastsOf(validationRows, logOddsOf(withReader(reward, policy), config, validationRows))),
    }),
    keepReader(),
    calibrateReward(calibrated),
    normaliseReward(options),
  ]);
}

/** What early stopping judges by. */
type Judged = RewardState & Pick<PolicyState, "config" | "policy"> & Pick<ValidationState, "validationRows">;

/** The reward model with the policy as its reader, if it reads. */
function withReader(reward: RewardModel, policy: DecoderParams): RewardModel {
  return reward.surprise === undefined ? reward : { ...reward, reader: policy };
}

/** The policy as it is now stays with a reward model that reads it: the same immutable tensors, no copy. */
function keepReader(): Stage<RewardState & Pick<PolicyState, "policy">, RewardState> {
  return once("keepReader", ({ reward, policy }: RewardState & Pick<PolicyState, "policy">) => (
    { reward: withReader(reward, policy) }
  ), { needs: ["policy", "reward"], adds: ["reward"] });
}

/**
 * score ← score / T with the temperature of the validation rows: the head is linear, so every reward is divided by it. A
 * temperature of 0 or ∞, which says that these rows tell nothing, leaves the head as it is.
 */
function calibrateReward(
  calibrated: boolean,
): Stage<RewardState & Pick<PolicyState, "config"> & Pick<ValidationState, "validationRows">, RewardState> {
  type Needs = RewardState & Pick<PolicyState, "config"> & Pick<ValidationState, "validationRows">;
  return once("calibrateReward", ({ reward, config, validationRows }: Needs) => {
    if (!calibrated) return { reward };
    const temperature = temperatureScale(forecastsOf(validationRows, logOddsOf(reward, config, validationRows)));
    const isKnown = temperature > 0 && temperature < Infinity;
    return { reward: isKnown ? { ...reward, score: scale(reward.score, 1 / temperature) } : reward };
  }, { needs: ["config", "reward", "validationRows"], adds: ["reward"] });
}

/** Sets a share of the training prompts aside. */
function validationSplit(share: number): Stage<Pick<RowState, "rows">, ValidationState> {
  return attempt("validationSplit", ({ rows }: Pick<RowState, "rows">, { key }) => {
    const named = rows.map((row) => ({ prompt: row.prompt.join(" "), row }));
    const { train, heldOut } = splitByPrompt(key, named, share);
    if (train.length === 0 || heldOut.length === 0) {
      const number = new Set(named.map(({ prompt }) => prompt)).size;
      return inputFailure(
        `Cannot fit a reward model as pairs of other prompts must say when to stop, besides those held out to judge by: ` +
          `current number of prompts to learn from is ${number}`,
      );
    }
    return right({ fitRows: train.map(({ row }) => row), validationRows: heldOut.map(({ row }) => row) });
  }, { needs: ["rows"], adds: ["fitRows", "validationRows"] });
}

/** A fresh reward model on the policy's trunk. */
function initRewardModel(
  options: Pick<FitBradleyTerryOptions, "surprise">,
): Stage<Pick<PolicyState, "policy">, RewardState> {
  return once(
    "initReward",
    ({ policy }: Pick<PolicyState, "policy">, { key }) => (
      { reward: { ...initReward(key, policy, options), mean: 0, deviation: 1 } }
    ),
    { needs: ["policy"], adds: ["reward"] },
  );
}
