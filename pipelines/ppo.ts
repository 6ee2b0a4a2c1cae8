/** Reinforcement learning from human feedback, with PPO: `deno run pipelines/ppo.ts`. */
import {
  advantages,
  collectPrompts,
  count,
  define,
  evaluatePairs,
  loadPairs,
  monitor,
  number,
  pipeline,
  ppoUpdate,
  repeat,
  rollout,
  tokenize,
  tokenRewards,
} from "../mod.ts";
import { main } from "./main.ts";
import { critic, learning, OPTIMIZER, REWARD, reward, scoring } from "./ppo_setup.ts";
import { ppoSummary } from "./ppo_summary.ts";
import {
  judgeLabels,
  judgeReplies,
  overflowOf,
  pairsOf,
  reference,
  SETUP,
  truthOf,
  vocabulary,
  warmStart,
} from "./setup.ts";
import { reinforcementSizes } from "./sizes.ts";

export const settings = define({
  iterations: count(16, { atLeast: 1, help: "times to roll out and learn" }),
  rollouts: count(256, { atLeast: 2, help: "completions of an iteration, each of another prompt" }),
  maxNewTokens: count(24, { atLeast: 1, help: "most tokens of a completion" }),
  ...OPTIMIZER,
  gamma: number(1, { atLeast: 0, atMost: 1, help: "discount" }),
  lambda: number(0.95, { atLeast: 0, atMost: 1, help: "of the advantage estimator: bias for variance" }),
  missingEos: number(1, { atLeast: 0, help: "what a completion without an end token loses of its score" }),
  ...REWARD,
  ...SETUP,
});

export const ppo = (s: typeof settings.values) =>
  pipeline("ppo", [
    loadPairs(pairsOf(s), { heldOut: s.heldOut }),
    vocabulary(s),
    tokenize(overflowOf(s)),
    warmStart(s),
    reference(s),
    collectPrompts(),
    reward(s),
    critic(s),
    repeat(
      "iterations",
      s.iterations,
      pipeline("iteration", [
        rollout({ prompts: s.rollouts, maxNewTokens: s.maxNewTokens }),
        scoring(s),
        tokenRewards({ klPlace: s.klPlace, missingEos: { type: "subtract", penalty: s.missingEos } }),
        advantages({ gamma: s.gamma, lambda: s.lambda }),
        ppoUpdate(learning(s)),
        monitor({ truth: truthOf(s) }),
      ]),
    ),
    evaluatePairs(),
    judgeLabels(s),
    judgeReplies(s),
  ]);

if (import.meta.main) await main(ppo, settings, ppoSummary, reinforcementSizes);
