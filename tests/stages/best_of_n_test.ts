/** Best of n held to its exact distribution over every completion of a small vocabulary. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { finish, run } from "../../lib/flow/run.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward } from "../../lib/model/heads.ts";
import { inputFailure, right } from "../../lib/result.ts";
import { bestOfN, bestOfNKlBound, bestOfNKlEstimate } from "../../lib/rl/best_of_n.ts";
import { bestOfNSamples } from "../../lib/stages/best_of_n.ts";
import { learnedReward, scoreSamples } from "../../lib/stages/reward_function.ts";
import type { RewardState } from "../../lib/stages/reward_state.ts";
import type { PolicyState } from "../../lib/stages/state.ts";
import { key } from "../../lib/tensor/random.ts";
import { config, finished, tokenizer, unigram, untied } from "./tiny.ts";

const PROBS = { a: 0.5, b: 0.2 } as const;
const END = 0.3;
const MOST = 3; // tokens

interface Outcome {
  readonly text: string;
  readonly p: number;
}

/** All completions there are: those that ended, and those of three tokens that were cut off. Their texts differ. */
function outcomes(text = "", p = 1): readonly Outcome[] {
  if (text.length === MOST) return [{ text, p }];
  const longer = Object.entries(PROBS).flatMap(([letter, q]) => outcomes(text + letter, p * q));
  return [{ text, p: p * END }, ...longer];
}

const all = outcomes();
const n = 4;
const prompts = Array.from({ length: 900 }, (_, i) => ({ id: `row ${i}`, text: `prompt ${i}` }));
const given: PolicyState = { config: untied, tokenizer, policy: unigram(PROBS) };
/** A number for every text, no two the same, and the most probable are not the best. */
const distinct = (_: unknown, text: string): number => [...text].reduce((sum, c) => 3 * sum + (c === "a" ? 1 : 2), 0);
/** The other way round: the most probable, which are drawn again and again, are the best. */
const probable = (_: unknown, text: string): number => -distinct("", text);
const ties = (_: unknown, text: string): number => text.split("b").length;
const options = { n, prompts, reward: () => right(distinct), maxNewTokens: MOST };

const exact = (reward: typeof distinct) => bestOfN(all.map(({ p }) => p), all.map(({ text }) => reward("", text)), n);
const standardError = (values: readonly number[]): number => {
  const mean = values.reduce((a, b) => a + b) / values.length;
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0)) / values.length;
};

Deno.test("bestOfNSamples() keeps the best of n draws, and knows with what probability it was drawn", async () => {
  assertEquals([all.length, new Set(all.map(({ text }) => text)).size], [15, 15]);
  assertAlmostEquals(all.reduce((sum, { p }) => sum + p, 0), 1, 1e-12);
  const { state: { bestOfN, candidates } } = await finished(bestOfNSamples(options), given);
  assertEquals(bestOfN.replies.map(({ id }) => id), prompts.map(({ id }) => id));
  bestOfN.replies.forEach(({ before, after }, i) => {
    const own = candidates[i] ?? [];
    const rewards = own.map(({ text }) => distinct("", text));
    assertEquals([own.length, before.text, after.reward], [n, own[0]?.text, Math.max(...rewards)]);
    for (const { text, logp, reward } of [before, after]) {
      assertEquals(reward, distinct("", text));
      assertAlmostEquals(logp, Math.log(all.find((outcome) => outcome.text === text)?.p as number), 1e-5);
    }
  });
});

for (const [name, reward] of Object.entries({ distinct, probable, ties })) {
  Deno.test(`bestOfNSamples() has the exact distribution, gain and KL estimate of the best of n: ${name} rewards`, async () => {
    const { state } = await finished(bestOfNSamples({ ...options, reward: () => right(reward) }), given);
    const { replies, reward: mean, kl } = state.bestOfN;
    const best = exact(reward);
    const chiSquare = all.reduce((sum, { text }, y) => {
      const expected = prompts.length * (best.probabilities[y] as number);
      const observed = replies.filter(({ after }) => after.text === text).length;
      return sum + (expected > 0 ? (observed - expected) ** 2 / expected : observed);
    }, 0);
    assertLess(chiSquare, 29.1); // 1 % of chi-square with 14 degrees of freedom
    const base = all.reduce((sum, { text, p }) => sum + p * reward("", text), 0);
    const near = (found: number, expected: number, values: readonly number[]): void =>
      assertLess(Math.abs(found - expected), 3 * standardError(values));
    near(mean.before.estimate, base, replies.map(({ before }) => before.reward));
    near(mean.after.estimate, best.expectedReward, replies.map(({ after }) => after.reward));
    const estimates = all.map(({ p }) => bestOfNKlEstimate(Math.log(p), n));
    const expected = estimates.reduce((sum, x, y) => sum + (best.probabilities[y] as number) * x, 0);
    near(kl.estimate, expected, replies.map(({ after }) => bestOfNKlEstimate(after.logp, n)));
    assertEquals(kl.bound, bestOfNKlBound(n));
    assert(best.kl < expected && expected < kl.bound);
    if (name === "probable") assertLess(expected - best.kl, (kl.bound - best.kl) / 3); // where it is worth having
    if (name === "ties") assertLess(0.1, expected - best.kl); // of equal rewards it knows nothing
  });
}

Deno.test("bestOfNSamples() of one is a draw of the base, and costs no KL", async () => {
  const { state: { bestOfN } } = await finished(bestOfNSamples({ ...options, n: 1 }), given);
  assertEquals(bestOfN.replies.map(({ after }) => after), bestOfN.replies.map(({ before }) => before));
  assertEquals([bestOfN.kl.bound, bestOfN.reward.after], [0, bestOfN.reward.before]);
  assertAlmostEquals(bestOfN.kl.estimate, 0, 1e-12);
});

Deno.test("bestOfNSamples() compares with the distribution that was drawn from", async () => {
  const { state: { bestOfN } } = await finished(
    bestOfNSamples({ ...options, prompts: prompts.slice(0, 40), topK: 1 }),
    given,
  );
  for (const { after } of bestOfN.replies) assertEquals([after.text, after.logp], ["aaa", 0]); // always the same
  assertEquals(bestOfN.kl.estimate, 0);
});

Deno.test("bestOfNSamples() takes the reward model of the state", async () => {
  const policy = initDecoder(key(4), config);
  const state = { config, tokenizer, policy, reward: { ...initReward(key(5), policy), mean: 0.25, deviation: 2 } };
  const few = { ...options, prompts: prompts.slice(0, 3) };
  const stage = bestOfNSamples<PolicyState & RewardState>({ ...few, reward: (s) => right(learnedReward(s)) });
  const { state: { bestOfN } } = await finished(stage, state);
  const samples = bestOfN.replies.map(({ id, after }, i) => (
    { id, prompt: few.prompts[i]?.text ?? "", completion: after.text }
  ));
  const scored = await scoreSamples(learnedReward(state), samples);
  assert(scored._tag === "Right");
  bestOfN.replies.forEach(({ after }, i) => assertAlmostEquals(after.reward, scored.right[i] as number, 1e-6));
});

Deno.test("bestOfNSamples() ends with the prompt's id when the reward fails, and with its source's own failure", async () => {
  const failing = async (reward: typeof options.reward | (() => ReturnType<typeof inputFailure>)) => {
    const ended = await finish(run(bestOfNSamples({ ...options, reward }), { seed: 0, given }));
    return ended._tag === "Left" ? [ended.left.kind, ...ended.left.sentences] : [];
  };
  const onSeventh = (prompt: unknown): number => prompt === "prompt 7" ? NaN : 1;
  assertEquals(await failing(() => right(onSeventh)), [
    "run",
    "Cannot score the reply to row 7 as a reward must be a finite number: current value is NaN",
  ]);
  assertEquals(await failing(() => inputFailure("Cannot read it")), ["input", "Cannot read it"]);
});

Deno.test("bestOfNSamples() refuses no prompt and no n", () => {
  assertThrows(() => bestOfNSamples({ ...options, prompts: [] }), RangeError, "there must be at least one prompt");
  assertThrows(
    () => bestOfNSamples({ ...options, n: 0 }),
    RangeError,
    "Cannot take the best of n as n must be a whole number ≥ 1: current value is 0",
  );
});
