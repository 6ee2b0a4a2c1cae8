import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { evaluatePairs } from "../../lib/stages/evaluate_pairs.ts";
import { refLogps } from "../../lib/stages/reference.ts";
import type { DecoderParams } from "../../lib/model/decoder.ts";
import { ended, finished, tokenizer, unigram, untied } from "./tiny.ts";

const row = (id: number, chosen: string, rejected: string) => (
  { id: `${id}`, prompt: ended("?"), chosen: ended(chosen), rejected: ended(rejected) }
);
/** 70 pairs, more than are scored at once: 40 right, 20 tied, 10 wrong for a policy that has come to like a. */
const rows = Array.from(
  { length: 70 },
  (_, i) => i < 40 ? row(i, "a", "bb") : i < 60 ? row(i, "b", "b") : row(i, "b", "a"),
);
const ref = unigram({ a: 0.25, b: 0.25 });
const given = (policy: DecoderParams) => ({ config: untied, tokenizer, policy, ref, rows, heldOutRows: rows });
const warnings = (events: readonly { readonly type: string; readonly message?: string }[]): readonly string[] =>
  events.flatMap(({ type, message }) => type === "warning" && message !== undefined ? [message] : []);

Deno.test("refLogps() has for row i the chosen completion at 2i and the rejected one at 2i + 1", async () => {
  const { state } = await finished(refLogps(), given(ref));
  assertEquals(state.refLogps.length, 140);
  const [a, b] = [Math.log(0.25) + Math.log(0.5), 2 * Math.log(0.25) + Math.log(0.5)];
  for (const i of [0, 39]) {
    [a, b].forEach((x, which) => assertAlmostEquals(state.refLogps[2 * i + which] as number, x, 1e-5));
  }
  assertAlmostEquals(state.refLogps[138] as number, a, 1e-5);
});

Deno.test("evaluatePairs() counts a tie half, and its drift is the mean log ratio of each side", async () => {
  const { state, events } = await finished(evaluatePairs(), given(unigram({ a: 0.5, b: 0.125 })));
  const { accuracy, shorterWins, drift } = state.heldOut;
  assertEquals([accuracy.estimate, accuracy.ties, accuracy.n], [50 / 70, 20, 70]);
  assertEquals([shorterWins.estimate, shorterWins.ties], [(40 + 15) / 70, 30]);
  const [a, b, end] = [Math.log(2), Math.log(0.5), Math.log(0.375 / 0.5)];
  assertAlmostEquals(drift.chosen, (40 * a + 30 * b) / 70 + end, 1e-5);
  assertAlmostEquals(drift.rejected, (40 * 2 * b + 20 * b + 10 * a) / 70 + end, 1e-5);
  assertEquals(warnings(events), []);
});

Deno.test("evaluatePairs() warns when the chosen completions fell by more than a nat, with the number and a remedy", async () => {
  const sunken = await finished(evaluatePairs(), given(unigram({ a: 0.05, b: 0.05 })));
  const fallen = Math.log(0.25 / 0.05) + Math.log(0.5 / 0.9);
  assertAlmostEquals(sunken.state.heldOut.drift.chosen, -fallen, 1e-5);
  const [message = "", ...more] = warnings(sunken.events);
  assertStringIncludes(message, `by ${fallen.toFixed(2)} nats`);
  assertStringIncludes(message, "A larger beta");
  assertEquals(more, []);
  const { events } = await finished(evaluatePairs(), given(unigram({ a: 0.1, b: 0.1 }))); // ln 2.5 − ln 1.6 = 0.45
  assertEquals(warnings(events), []);
});

Deno.test("evaluatePairs() weighs pairs as training does", async () => {
  const state = given(unigram({ a: 0.5, b: 0.125 }));
  const heldOutRows = rows.map((row, i) => ({ ...row, weight: i < 40 ? 2 : i < 60 ? 0 : 1 }));
  const { accuracy, shorterWins, drift } = (await finished(evaluatePairs(), { ...state, heldOutRows })).state.heldOut;
  assertEquals([accuracy.estimate, accuracy.n], [80 / 90, 70]);
  assertEquals(shorterWins.estimate, (80 + 5) / 90);
  const [a, b, end] = [Math.log(2), Math.log(0.5), Math.log(0.375 / 0.5)];
  assertAlmostEquals(drift.chosen, (80 * a + 10 * b) / 90 + end, 1e-5);
  assertAlmostEquals(drift.rejected, (80 * 2 * b + 10 * a) / 90 + end, 1e-5);
});
