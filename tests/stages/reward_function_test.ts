import { assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import { encodeCompletion, encodePrompt } from "../../lib/data/chat.ts";
import type { Reward } from "../../lib/data/reward.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward } from "../../lib/model/heads.ts";
import { right } from "../../lib/result.ts";
import { learnedReward, type ScoreOptions, scoreSamples } from "../../lib/stages/reward_function.ts";
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

/** Why scoring failed. */
async function sentence(reward: Reward, options?: ScoreOptions, of = samples): Promise<string | undefined> {
  const scored = await scoreSamples(reward, of, options);
  return scored._tag === "Left" && scored.left.kind === "run" ? scored.left.sentences[0] : undefined;
}

const onSecond = (f: () => number | Promise<number>): Reward => (_, completion) => completion.length > 4 ? f() : 1;
const broken = (): never => {
  throw new Error("no answer");
};
const silent = new Promise<never>(() => {});

Deno.test("scoreSamples() of a reward that throws, is no number, or leaves one out is a failure that names the prompt", async () => {
  const second = "Cannot score the reply to row 2 as";
  const both = "Cannot score the replies to row 1, row 2 as";
  const number = "a reward must be a finite number: current value is";
  assertEquals(await sentence(onSecond(broken)), `${second} the reward failed: no answer`);
  assertEquals(await sentence(onSecond(() => Promise.reject("busy"))), `${second} the reward failed: busy`);
  assertEquals(await sentence(onSecond(() => NaN)), `${second} ${number} NaN`);
  assertEquals(await sentence({ batch: () => [1, -Infinity] }), `${second} ${number} -Infinity`);
  assertEquals(await sentence({ batch: broken }), `${both} the reward failed: no answer`);
  assertEquals(await sentence({ batch: () => [1] }), `${both} each must have a reward: there are 1`);
  const five = ["a", "b", "c", "d", "e"].map((id) => ({ id, prompt: "", completion: "" }));
  assertEquals(
    await sentence({ batch: broken }, {}, five),
    "Cannot score the replies to a, b, c and 2 more as the reward failed: no answer",
  );
});

Deno.test("scoreSamples() quotes a text that should have been a number", async () => {
  const untyped = (() => "3") as unknown as Reward;
  assertEquals(
    await sentence(untyped),
    'Cannot score the reply to row 1 as a reward must be a finite number: current value is "3"',
  );
});

Deno.test("scoreSamples() of a reward that hangs ends when its time is over, and leaves no timer", async () => {
  const late = "it must answer within 0.02 s: it did not";
  const options = { timeoutSeconds: 0.02 };
  assertEquals(await sentence(onSecond(() => silent), options), `Cannot score the reply to row 2 as ${late}`);
  assertEquals(
    await sentence({ batch: () => silent }, options),
    `Cannot score the replies to row 1, row 2 as ${late}`,
  );
  // Each call has its own time: together these take longer than one may.
  const slow: Reward = () => new Promise((resolve) => setTimeout(resolve, 60, 1));
  const scored = await scoreSamples(slow, samples, { timeoutSeconds: 0.1 });
  assertEquals(scored._tag === "Right" && scored.right, [1, 1]);
  await assertRejects(
    () => scoreSamples(length, samples, { timeoutSeconds: 0 }),
    RangeError,
    "Cannot score samples as timeoutSeconds must be > 0: current value is 0",
  );
});

Deno.test("scoreSamples() gives up at once when the signal is raised", async () => {
  const abort = new AbortController();
  const began = performance.now();
  setTimeout(() => abort.abort(), 5);
  const told = await sentence(onSecond(() => silent), { signal: abort.signal });
  assertEquals(told, "Cannot score the reply to row 2 as the run was stopped");
  assertLess(performance.now() - began, 30_000); // not the 60 s of a call
  const calls: string[] = [];
  const counted: Reward = (prompt) => calls.push(prompt);
  assertEquals(
    await sentence(counted, { signal: abort.signal }),
    "Cannot score the reply to row 1 as the run was stopped",
  );
  assertEquals(calls, []);
});

Deno.test("scoreSamples() asks in order, one after the other, and nothing for no samples", async () => {
  let busy = 0;
  const most: number[] = [];
  const alone: Reward = async (_, completion) => {
    most.push(++busy);
    await Promise.resolve();
    busy--;
    return completion.length;
  };
  const scored = await scoreSamples(alone, samples);
  assertEquals([scored._tag === "Right" && scored.right, most], [[4, 16], [1, 1]]);
  assertEquals(await scoreSamples({ batch: broken }, []), right([]));
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
