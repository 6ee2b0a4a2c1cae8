import { assertAlmostEquals, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { pipeline } from "../../lib/flow/pipeline.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { demonstrateChosen, sftUpdate } from "../../lib/stages/sft_update.ts";
import { evaluateLikelihood } from "../../lib/stages/evaluate_likelihood.ts";
import { key } from "../../lib/tensor/random.ts";
import { zeros } from "../../lib/tensor/tensor.ts";
import { treeMap } from "../../lib/tensor/tree.ts";
import { config, ended, finished, numbers, tokenizer, unigram, untied } from "./tiny.ts";

const row = (id: string, chosen: string, rejected = "never") => (
  { id, prompt: ended("?"), chosen: ended(chosen), rejected: ended(rejected) }
);
/** Three answers of four are a: nobody can predict them better than by −¾ ln ¾ − ¼ ln ¼ = 0.5623 nats. */
const rows = Array.from({ length: 16 }, (_, i) => row(`row ${i}`, i % 4 === 0 ? "b" : "a"));
const given = { config, tokenizer, policy: initDecoder(key(1), config), rows, heldOutRows: rows.slice(0, 4) };

Deno.test("demonstrateChosen() shows the chosen completion of every pair, and no rejected one", async () => {
  const { demonstrations, heldOutDemonstrations } = (await finished(demonstrateChosen(), given)).state;
  assertEquals(
    demonstrations,
    rows.map(({ id, prompt, chosen }) => ({ id, example: { prompt, completions: [chosen] } })),
  );
  assertEquals(heldOutDemonstrations, demonstrations.slice(0, 4));
});

Deno.test("sftUpdate() begins at ln V where the policy knows nothing, and ends at the entropy of the answers", async () => {
  const policy = treeMap((t) => zeros(t.dtype, t.shape), given.policy);
  const learn = pipeline("learn", [demonstrateChosen(), sftUpdate({ lr: 0.05, batchSize: 16, epochs: 120 })]);
  const nothing = await finished(learn, { ...given, policy });
  assertAlmostEquals(nothing.metrics[0]?.loss as number, Math.log(259), 1e-5);
  const { metrics } = await finished(learn, given);
  const entropy = -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25));
  assertAlmostEquals(metrics.at(-1)?.loss as number, entropy / 2, 2e-3); // an answer's end token is free: two tokens
  assertLess(entropy / 2, metrics.at(-1)?.loss as number);
});

Deno.test("sftUpdate() leaves the policy that it began with as it was", async () => {
  const before = numbers(given.policy);
  const learn = pipeline("learn", [demonstrateChosen(), sftUpdate({ lr: 0.05, batchSize: 16 })]);
  const { state } = await finished(learn, given);
  assertEquals(numbers(given.policy), before);
  assertNotEquals(numbers(state.policy), before);
});

Deno.test("sftUpdate() weighs completions or tokens as reduction says", async () => {
  const policy = unigram({ a: 0.5, b: 0.25 }); // and the end token: ln 2, ln 4 and ln 4 nats
  const rows = [row("short", "b"), row("long", "aaaaaa")];
  const first = async (reduction: "token" | "sequence"): Promise<number> => {
    const learn = pipeline("learn", [demonstrateChosen(), sftUpdate({ lr: 0, batchSize: 2, reduction })]);
    return (await finished(learn, { ...given, config: untied, policy, rows })).metrics[0]?.loss as number;
  };
  assertAlmostEquals(await first("token"), (3 * Math.log(4) + 6 * Math.log(2)) / 9, 1e-5);
  assertAlmostEquals(await first("sequence"), (Math.log(4) + (6 * Math.log(2) + Math.log(4)) / 7) / 2, 1e-5);
});

Deno.test("sftUpdate() weighs demonstrations by their weight, in parts of a batch as well", async () => {
  const policy = unigram({ a: 0.5, b: 0.25 }); // and the end token: ln 2, ln 4 and ln 4 nats
  const rows = [{ ...row("short", "b"), weight: 3 }, row("long", "aaaaaa")];
  const [ln2, ln4] = [Math.log(2), Math.log(4)];
  for (const microBatch of [2, 1]) {
    const first = async (reduction: "token" | "sequence"): Promise<number> => {
      const learn = pipeline("learn", [demonstrateChosen(), sftUpdate({ lr: 0, batchSize: 2, microBatch, reduction })]);
      return (await finished(learn, { ...given, config: untied, policy, rows })).metrics[0]?.loss as number;
    };
    assertAlmostEquals(await first("token"), (3 * 2 * ln4 + 6 * ln2 + ln4) / (3 * 2 + 7), 1e-5);
    assertAlmostEquals(await first("sequence"), (3 * ln4 + (6 * ln2 + ln4) / 7) / 4, 1e-5);
  }
});

Deno.test("evaluateLikelihood() is the mean over completions of their nats a token, before and after", async () => {
  const [ref, policy] = [unigram({ a: 0.5, b: 0.25 }), unigram({ a: 0.125, b: 0.25 })];
  const heldOutRows = Array.from({ length: 70 }, (_, i) => row(`${i}`, i < 35 ? "b" : "aaa"));
  const judge = pipeline("judge", [demonstrateChosen(), evaluateLikelihood()]);
  const { state } = await finished(judge, { ...given, config: untied, policy, ref, heldOutRows });
  const [ln2, ln4, ln8, end] = [2, 4, 8, 1.6].map(Math.log) as [number, number, number, number];
  assertAlmostEquals(state.likelihood.before.estimate, (ln4 + (3 * ln2 + ln4) / 4) / 2, 1e-5);
  assertAlmostEquals(state.likelihood.after.estimate, ((ln4 + end) / 2 + (3 * ln8 + end) / 4) / 2, 1e-5);
  assertEquals(state.likelihood.before.n, 70);
  const weighed = {
    ...given,
    config: untied,
    policy,
    ref,
    heldOutRows: [{ ...row("b", "b"), weight: 3 }, row("a", "aaa")],
  };
  const { likelihood } = (await finished(judge, weighed)).state;
  assertAlmostEquals(likelihood.before.estimate, (3 * ln4 + (3 * ln2 + ln4) / 4) / 4, 1e-5);
});

Deno.test("demonstrateChosen() says of which rows it leaves numbers unused, and of none it says nothing", async () => {
  const remarks = async (rows: typeof given.rows): Promise<readonly unknown[]> =>
    (await finished(demonstrateChosen(), { ...given, rows })).events.filter(({ type }) => type === "remark");
  assertEquals(await remarks(given.rows), []);
  const numbered = given.rows.map((row, i) => ({ ...row, weight: 2, margin: 1, ...i === 3 && { label: 0.5 } }));
  assertEquals(await remarks(numbered), [{
    type: "remark",
    path: ["demonstrateChosen"],
    message: "Fine-tuning learns chosen completions alone: the label of 1 row and the margin of 16 rows are not used.",
  }]);
});
