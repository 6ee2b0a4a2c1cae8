/** A reward model, fitted to preference pairs by Bradley–Terry: `deno run pipelines/reward.ts`. */
import {
  count,
  define,
  evaluateReward,
  fitBradleyTerry,
  type FitBradleyTerryOptions,
  loadPairs,
  number,
  once,
  oneOf,
  type PairState,
  pipeline,
  type PolicyState,
  type RewardEvaluation,
  type RewardState,
  type RowState,
  type Stage,
  tokenize,
  type ValidationState,
} from "../mod.ts";
import { main } from "./main.ts";
import { MARGINS, margins } from "./margins.ts";
import { rewardSizes } from "./sizes.ts";
import { rewardSummary } from "./reward_summary.ts";
import { ratesWith, training, trainingFields } from "./training.ts";
import { overflowOf, pairsOf, probabilityOfChosen, SETUP, vocabulary, warmStart } from "./setup.ts";

const { world: _, prompts: __, refModel: ___, ...setup } = SETUP;

export const settings = define({
  lr: number(9e-4, { above: 0, help: "peak learning rate", defaultWith: { ...ratesWith(1e-5), data: 6e-4 } }),
  epochs: number(1, {
    above: 0,
    help: "passes over the pairs, unless the validation prompts say stop",
    defaultWith: { data: 2 },
  }),
  batchSize: count(16, { atLeast: 1, help: "pairs of one optimizer step" }),
  centering: number(0.01, { atLeast: 0, help: "coefficient that holds the mean reward near 0" }),
  labelSmoothing: number(0, { atLeast: 0, below: 0.5, help: "probability that a label is wrong" }),
  validation: number(0.1, { above: 0, below: 1, help: "share of the training prompts that tell when to stop" }),
  margins: MARGINS,
  surprise: oneOf(["auto", "read", "ignore"], {
    help: "how surprising each token was to the policy; auto: read in the world, whose policy never saw the pairs",
  }),
  calibrate: oneOf(["auto", "on", "off"], {
    help: "divide rewards by the temperature that fits the validation prompts best; auto: in the world",
  }),
  ...trainingFields({ weightDecay: 1 }),
  ...setup,
  pairs: count(12_000, { atLeast: 20, help: SETUP.pairs.help }),
});

/** How a reward model is fitted to pairs. */
export function fitting(
  s: Omit<typeof settings.values, Exclude<keyof typeof setup, "data"> | "pairs">,
): FitBradleyTerryOptions {
  const { validation, centering, labelSmoothing } = s;
  const surprise = s.surprise === "auto" ? s.data === null : s.surprise === "read";
  const calibrated = s.calibrate === "auto" ? s.data === null : s.calibrate === "on";
  return {
    ...{ ...training(s), validation, centering, labelSmoothing, surprise, calibrated },
    evaluations: 5,
  };
}

/** What follows when the pairs are there. */
export const learnReward = (s: typeof settings.values) =>
  [
    vocabulary(s),
    tokenize(overflowOf(s)),
    warmStart(s),
    margins(s),
    fitBradleyTerry(fitting(s)),
    judgeReward(s),
  ] as const;

/** Judges the reward model on the held-out pairs; null where none are. */
export function judgeReward(
  s: Parameters<typeof probabilityOfChosen>[0],
): Stage<Fitted, { readonly rewardEvaluation: RewardEvaluation | null }> {
  return s.heldOut > 0 ? evaluateReward({ probability: probabilityOfChosen(s) }) : once(
    "evaluateReward",
    () => ({ rewardEvaluation: null }),
    { needs: [], adds: ["rewardEvaluation"] },
  );
}

/** What a reward model is judged by. */
type Fitted = RewardState & Pick<PolicyState, "config"> & ValidationState & PairState & RowState;

export const reward = (s: typeof settings.values) =>
  pipeline("reward", [loadPairs(pairsOf(s, "asked"), { heldOut: s.heldOut }), ...learnReward(s)]);

if (import.meta.main) await main(reward, settings, rewardSummary, rewardSizes);
