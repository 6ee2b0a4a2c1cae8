import { assertAlmostEquals, assertEquals } from "@std/assert";
import { encodeCompletion, encodePrompt } from "../../lib/data/chat.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward } from "../../lib/model/heads.ts";
import { learnedReward, type Reward, scoreSamples } from "../../lib/stages/reward_function.ts";
import { rewardsOf } from "../../lib/stages/reward_state.ts";
import { key } from "../../lib/tensor/random.ts";
import { config, tokenizer } from "./tiny.ts";

const samples = [
  { id: "row 1", prompt: "Who bakes?", completion: "Ida." },
  { id: "row 2", prompt: "Who sails?", completion: "Nobody can know." },
];
const length = (_prompt: string, completion: string): number => completion.length;

Deno.test("scoreSamples() takes a reward that answers at once, later, or for all together", async () => {
  const rewards: readonly Reward[] = [
    length,
    (prompt, completion) => Promise.resolve(length(prompt, completion)),
    { batch: (all) => all.map(({ prompt, completion }) => length(prompt, completion)) },
    { batch: (all) => Promise.resolve(all.map(({ completion }) => completion.length)) },
  ];
  for (const reward of rewards) {
    const scored = await scoreSamples(reward, samples);
    assertEquals(scored._tag === "Right" && scored.right, [4, 16]);
  }
});

Deno.test("scoreSamples() of a reward that throws, is no number, or leaves one out is a failure that names the prompt", async () => {
  const sentence = async (reward: Reward): Promise<string | undefined> => {
    const scored = await scoreSamples(reward, samples);
    return scored._tag === "Left" && scored.left.kind === "run" ? scored.left.sentences[0] : undefined;
  };
  const onSecond = (f: () => number): Reward => (_, completion) => completion.length > 4 ? f() : 1;
  const broken = (): never => {
    throw new Error("no answer");
  };
  assertEquals(await sentence(onSecond(broken)), "Cannot score the reply to row 2 as the reward failed: no answer");
  assertEquals(
    await sentence(onSecond(() => NaN)),
    "Cannot score the reply to row 2 as a reward must be a finite number: current value is NaN",
  );
  assertEquals(await sentence({ batch: broken }), "Cannot score 2 replies as the reward failed: no answer");
  assertEquals(await sentence({ batch: () => [1] }), "Cannot score 2 replies as each must have a reward: there are 1");
});

Deno.test("learnedReward() is the model's reward of the texts in the model's unit", async () => {
  const reward = { ...initReward(key(5), initDecoder(key(4), config)), mean: 0.25, deviation: 2 };
  const scored = await scoreSamples(learnedReward({ config, tokenizer, reward }), samples);
  const raw = rewardsOf(
    reward,
    config,
    samples.map(({ prompt, completion }) => (
      { prompt: encodePrompt(tokenizer, prompt), completions: [encodeCompletion(tokenizer, completion)] }
    )),
  );
  if (scored._tag === "Left") throw new Error(scored.left.sentences.join());
  scored.right.forEach((r, i) => assertAlmostEquals(r, ((raw[i] as number) - 0.25) / 2, 1e-12));
});
