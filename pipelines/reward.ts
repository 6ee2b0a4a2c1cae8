/** A reward model, fitted to preference pairs by Bradley–Terry: `deno run pipelines/reward.ts`. */
import {
  count,
  define,
  evaluateReward,
  fitBradleyTerry,
  type FitBradleyTerryOptions,
  loadPairs,
  number,
  oneOf,
  pipeline,
  tokenize,
} from "../mod.ts";
import { main } from "./main.ts";
import { rewardSizes } from "./sizes.ts";
import { rewardSummary } from "./reward_summary.ts";
import { overflowOf, pairsOf, probabilityOfChosen, SETUP, vocabulary, warmStart } from "./setup.ts";

const { world: _, prompts: __, ...setup } = SETUP;

export const settings = define({
  lr: number(6e-4, { above: 0, help: "peak learning rate" }),
  epochs: number(2, { above: 0, help: "passes over the pairs, unless the validation prompts say stop" }),
  batchSize: count(16, { atLeast: 1, help: "pairs of one optimizer step" }),
  centering: number(0.01, { atLeast: 0, help: "coefficient that holds the mean reward near 0" }),
  labelSmoothing: number(0, { atLeast: 0, below: 0.5, help: "probability that a label is wrong" }),
  validation: number(0.1, { above: 0, below: 1, help: "share of the training prompts that tell when to stop" }),
  weightDecay: number(1, { atLeast: 0, help: "λ of the decay lr·λ·θ" }),
  surprise: oneOf(["auto", "read", "ignore"], {
    help: "how surprising each token was to the policy; auto: read in the world, whose policy never saw the pairs",
  }),
  ...setup,
  pairs: count(8000, { atLeast: 20, help: SETUP.pairs.help }),
});

/** How a reward model is fitted to pairs. */
export function fitting(
  s: Omit<typeof settings.values, Exclude<keyof typeof setup, "data"> | "pairs">,
): FitBradleyTerryOptions {
  const { lr, epochs, batchSize, validation, centering, labelSmoothing, weightDecay } = s;
  const surprise = s.surprise === "auto" ? s.data === null : s.surprise === "read";
  return {
    ...{ lr, epochs, batchSize, validation, centering, labelSmoothing, weightDecay, surprise },
    evaluations: 5,
  };
}

/** What follows when the pairs are there. */
export const learnReward = (s: typeof settings.values) =>
  [
    vocabulary(s),
    tokenize(overflowOf(s)),
    warmStart(s),
    fitBradleyTerry(fitting(s)),
    evaluateReward({ probability: probabilityOfChosen(s) }),
  ] as const;

export const reward = (s: typeof settings.values) =>
  pipeline("reward", [loadPairs(pairsOf(s), { heldOut: s.heldOut }), ...learnReward(s)]);

if (import.meta.main) await main(reward, settings, rewardSummary, rewardSizes);
