/** Reinforcement learning from human feedback, with PPO: `deno run pipelines/ppo.ts`. */
import {
  advantages,
  collectPrompts,
  count,
  define,
  evaluatePairs,
  evaluateReward,
  fitBradleyTerry,
  freezeRef,
  initCritic,
  loadPairs,
  monitor,
  number,
  oneOf,
  pipeline,
  ppoUpdate,
  type PpoUpdateOptions,
  repeat,
  rollout,
  score,
  tokenize,
  tokenRewards,
} from "../mod.ts";
import { main } from "./main.ts";
import {
  judgeLabels,
  judgeReplies,
  overflowOf,
  pairsOf,
  probabilityOfChosen,
  SETUP,
  truthOf,
  vocabulary,
  warmStart,
} from "./setup.ts";
import { summary } from "./summary.ts";

export const settings = define({
  iterations: count(16, { atLeast: 1, help: "times to roll out and learn" }),
  rollouts: count(256, { atLeast: 2, help: "completions of an iteration, one a prompt" }),
  maxNewTokens: count(24, { atLeast: 1, help: "most tokens of a completion" }),
  minibatch: count(64, { atLeast: 1, help: "rollouts of one optimizer step" }),
  epochs: count(4, { atLeast: 1, help: "times that each rollout is used" }),
  lr: number(3e-4, { above: 0, help: "peak learning rate of the policy" }),
  valueLr: number(3e-4, { above: 0, help: "peak learning rate of the critic" }),
  klCoef: number(0.05, { atLeast: 0, help: "price of a nat of KL to the reference policy" }),
  clipRange: number(0.2, { above: 0, help: "the ratio counts in 1 ± this" }),
  gamma: number(1, { atLeast: 0, atMost: 1, help: "discount" }),
  lambda: number(0.95, { atLeast: 0, atMost: 1, help: "of the advantage estimator" }),
  rewardEpochs: number(2, { above: 0, help: "passes of the reward model over the pairs" }),
  rewardLr: number(1e-3, { above: 0, help: "peak learning rate of the reward model" }),
  ...SETUP,
});

type Settings = typeof settings.values;

/** How the policy and its critic learn, over all iterations. */
export function learning(s: Settings): PpoUpdateOptions {
  return {
    lr: s.lr,
    valueOptimizer: { lr: s.valueLr },
    minibatch: s.minibatch,
    epochs: s.epochs,
    clip: { type: "clip", clipRange: s.clipRange },
    totalSteps: s.iterations * s.epochs * Math.ceil(s.rollouts / s.minibatch),
  };
}

export const ppo = (s: Settings) =>
  pipeline("ppo", [
    loadPairs(pairsOf(s), { heldOut: s.heldOut }),
    vocabulary(s),
    tokenize(overflowOf(s)),
    warmStart(s),
    freezeRef(),
    fitBradleyTerry({ lr: s.rewardLr, epochs: s.rewardEpochs, batchSize: 32, centering: 0.01 }),
    evaluateReward({ probability: probabilityOfChosen(s) }),
    collectPrompts(),
    initCritic({ klControl: { type: "fixed", klCoef: s.klCoef }, update: learning(s) }),
    repeat(
      "iterations",
      s.iterations,
      pipeline("iteration", [
        rollout({ prompts: s.rollouts, maxNewTokens: s.maxNewTokens }),
        score(),
        tokenRewards(),
        advantages({ gamma: s.gamma, lambda: s.lambda }),
        ppoUpdate(learning(s)),
        monitor({ truth: truthOf(s) }),
      ]),
    ),
    evaluatePairs(),
    judgeLabels(s),
    judgeReplies(s),
  ]);

if (import.meta.main) await main(ppo, settings, summary);
