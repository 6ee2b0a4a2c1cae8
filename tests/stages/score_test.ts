import { assertAlmostEquals, assertEquals } from "@std/assert";
import { finish, run } from "../../lib/flow/run.ts";
import { initReward } from "../../lib/model/heads.ts";
import { right } from "../../lib/result.ts";
import type { Reward } from "../../lib/data/reward.ts";
import { rewardsOf } from "../../lib/stages/reward_state.ts";
import { examplesOf } from "../../lib/stages/rollout.ts";
import { score } from "../../lib/stages/score.ts";
import { key } from "../../lib/tensor/random.ts";
import type { Prompt } from "../../lib/data/chat.ts";
import { model, promptOf, rolloutOf } from "./rollouts.ts";
import { finished, untied } from "./tiny.ts";

const rollouts = ["a", "bb", ""].map((text, i) => rolloutOf(text, { prompt: promptOf("xyz"[i] as string) }));
const warnings = (events: readonly { readonly type: string; readonly message?: string }[]): readonly unknown[] =>
  events.flatMap((e) => e.type === "warning" ? [e.message] : []);

Deno.test("score() is the reward model's reward of the rollouts' own tokens, in its unit", async () => {
  const reward = { ...initReward(key(5), model.policy), mean: 0.25, deviation: 2 };
  const { state } = await finished(score(), { rollouts, reward, config: untied });
  const raw = rewardsOf(reward, untied, examplesOf(rollouts));
  state.scores.forEach((s, b) => assertAlmostEquals(s, ((raw[b] as number) - 0.25) / 2, 1e-12));
});

Deno.test("score() of a source gives the function prompts and completions as texts", async () => {
  const reward: Reward<Prompt> = (prompt, completion) => completion.length + (prompt === "y" ? 10 : 0);
  const { state, events } = await finished(score(() => right(reward)), { rollouts });
  assertEquals([...state.scores], [1, 12, 0]);
  assertEquals(warnings(events), []);
});

Deno.test("score() warns where all rewards are equal, and fails with the prompt's name where one is no number", async () => {
  const { events } = await finished(score(() => right(() => 3)), { rollouts });
  assertEquals(warnings(events), ["All 3 rollouts have the reward 3: there is nothing to learn from them."]);
  const nan = score(() => right((prompt: Prompt) => prompt === "z" ? NaN : 0));
  const ended = await finish(run(nan, { seed: 0, given: { rollouts } }));
  assertEquals(ended._tag === "Left" && [ended.left.kind, ...ended.left.sentences], [
    "run",
    "Cannot score the reply to z as a reward must be a finite number: current value is NaN",
  ]);
});
