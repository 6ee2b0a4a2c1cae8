/** A reward model, fitted to preference pairs by Bradley–Terry: `deno run pipelines/reward.ts`. */
import { count, define, evaluateReward, fitBradleyTerry, loadPairs, number, pipeline, tokenize } from "../mod.ts";
import { main } from "./main.ts";
import { rewardSummary } from "./reward_summary.ts";
import { overflowOf, pairsOf, probabilityOfChosen, SETUP, vocabulary, warmStart } from "./setup.ts";

const { world: _, prompts: __, ...setup } = SETUP;

export const settings = define({
  lr: number(1e-3, { above: 0, help: "peak learning rate" }),
  epochs: number(2, { above: 0, help: "passes over the pairs, unless the validation prompts say stop" }),
  batchSize: count(32, { atLeast: 1, help: "pairs of one optimizer step" }),
  centering: number(0.01, { atLeast: 0, help: "coefficient that holds the mean reward near 0" }),
  labelSmoothing: number(0, { atLeast: 0, below: 0.5, help: "probability that a label is wrong" }),
  validation: number(0.1, { above: 0, below: 1, help: "share of the training prompts that tell when to stop" }),
  ...setup,
});

export const reward = (s: typeof settings.values) =>
  pipeline("reward", [
    loadPairs(pairsOf(s), { heldOut: s.heldOut }),
    vocabulary(s),
    tokenize(overflowOf(s)),
    warmStart(s),
    fitBradleyTerry({
      ...{ lr: s.lr, epochs: s.epochs, batchSize: s.batchSize, validation: s.validation },
      ...{ centering: s.centering, labelSmoothing: s.labelSmoothing },
    }),
    evaluateReward({ probability: probabilityOfChosen(s) }),
  ]);

if (import.meta.main) await main(reward, settings, rewardSummary);
