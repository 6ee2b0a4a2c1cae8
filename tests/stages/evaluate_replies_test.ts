import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import type { DecoderParams } from "../../lib/model/decoder.ts";
import { evaluateReplies, type EvaluateRepliesOptions } from "../../lib/stages/evaluate_replies.ts";
import { finished, tokenizer, unigram, untied } from "./tiny.ts";

/** Replies are a, aa, aaa, …: after each the policy goes on with probability ½, the reference with ¼. */
const [policy, ref] = [unigram({ a: 0.5 }), unigram({ a: 0.25 })];
const prompts = Array.from({ length: 250 }, (_, i) => ({ text: `prompt ${i}`, family: i < 100 ? "few" : "many" }));
/** The longer the better. */
const options: EvaluateRepliesOptions = {
  prompts,
  reward: (_prompt, completion) => completion.length,
  perfect: () => "a".repeat(40),
  rates: { silent: (prompt, completion) => prompt.endsWith("7") ? completion === "" : undefined },
  maxNewTokens: 40,
};
const judged = async (
  params: { policy: DecoderParams; ref: DecoderParams },
  more: Partial<EvaluateRepliesOptions> = {},
) => (await finished(evaluateReplies({ ...options, ...more }), { config: untied, tokenizer, ...params })).state.replies;

Deno.test("evaluateReplies(): KL is the mean log ratio of the policy's own replies, and meets the exact ln 4/3", async () => {
  const { kl, replies } = await judged({ policy, ref });
  // log ratio of aᵏ and its end: k·ln(½ / ¼) + ln(½ / ¾); k is 1 in the mean, so KL = ln 2 + ln ⅔
  for (const { logRatio, after } of replies) {
    assertAlmostEquals(logRatio, after.text.length * Math.LN2 + Math.log(2 / 3), 1e-4);
  }
  assertAlmostEquals(kl.estimate, replies.reduce((sum, { logRatio }) => sum + logRatio, 0) / 250, 1e-12);
  assertLess(Math.abs(kl.estimate - Math.log(4 / 3)), 3 * kl.standardError);
  assertAlmostEquals(kl.standardError, Math.LN2 * Math.SQRT2 / Math.sqrt(250), 0.012); // k has deviation √2
});

Deno.test("evaluateReplies(): scores, lengths and rates are those of the replies, by family and in all", async () => {
  const { families, mean, tokens, rates, replies } = await judged({ policy, ref });
  assertEquals(replies.map(({ prompt }) => prompt), prompts.map(({ text }) => text));
  const average = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;
  for (const side of ["before", "after"] as const) {
    const lengths = (family?: string) =>
      replies.filter((r) => family === undefined || r.family === family).map((r) => r[side].text.length);
    assertAlmostEquals(mean[side].estimate, average(lengths()), 1e-12);
    assertAlmostEquals(families.few?.[side].estimate as number, average(lengths("few")), 1e-12);
    assertEquals([families.few?.[side].n, families.many?.[side].n], [100, 150]);
    assertAlmostEquals(tokens[side], average(lengths()) + 1, 1e-12); // the end token
    const cases = replies.filter((r) => r.prompt.endsWith("7"));
    assertEquals(rates.silent?.[side], average(cases.map((r) => Number(r[side].text === ""))));
  }
  assertLess(Math.abs(mean.before.estimate - 1 / 3), 3 * (2 / 3) / Math.sqrt(250)); // Var k = 4/9
  assertLess(Math.abs(mean.after.estimate - 1), 3 * Math.SQRT2 / Math.sqrt(250));
});

Deno.test("evaluateReplies(): the ceiling is a perfect policy's win rate, and the share is taken to it", async () => {
  const { winRate } = await judged({ policy, ref });
  assertEquals(winRate.ceiling, 1);
  assertAlmostEquals(winRate.share, (winRate.estimate - 0.5) / 0.5, 1e-12);
  const silent = await judged({ policy, ref }, { perfect: () => "" }); // ties with all that said nothing, loses the rest
  const quiet = silent.replies.filter(({ before }) => before.text === "").length;
  assertAlmostEquals(silent.winRate.ceiling, quiet / 250 / 2, 1e-12);
});

Deno.test("evaluateReplies(): both policies answer with the same draws, so a policy ties with itself and has no KL", async () => {
  const { winRate, kl } = await judged({ policy, ref: policy });
  assertEquals([winRate.estimate, winRate.ties, winRate.n], [0.5, 250, 250]);
  assertEquals([kl.estimate, kl.standardError], [0, 0]);
});

Deno.test("evaluateReplies() refuses to judge on nothing", () => {
  assertThrows(() => evaluateReplies({ ...options, prompts: [] }), RangeError, "at least one prompt");
});
