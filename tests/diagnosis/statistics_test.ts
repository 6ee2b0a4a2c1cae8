/** The statistics behind a diagnosis, against known answers. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { diagnosePairs, fold, key, type Pair, shareWon, uniform } from "../../mod.ts";
import { healthyPairs } from "../../fixtures/world/healthy.ts";
import { fitLapse, probabilityUnder } from "../../lib/diagnosis/lapse.ts";
import { preferenceShare } from "../../lib/diagnosis/preference_share.ts";
import { bandsOf } from "../../lib/diagnosis/sketch.ts";
import { nearness, nearTexts, normalForm, shingles } from "../../lib/diagnosis/text_form.ts";

const rows = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

Deno.test("preferenceShare() of independent rows is Wilson's, and what is repeated four times is no surer", () => {
  const { estimate, low, high } = shareWon([...Array(60).fill(1), ...Array(40).fill(-1)]);
  const once = preferenceShare({ won: rows(60), lost: rows(40, 60) }, Int32Array.from(rows(100)));
  assertAlmostEquals(once.estimate, estimate, 1e-12);
  assertAlmostEquals(once.low, low, 1e-3); // G/(G − 1) makes it a little wider
  assertAlmostEquals(once.high, high, 1e-3);
  const units = Int32Array.from(rows(400), (row) => row % 100);
  const [won, lost] = [rows(400).filter((row) => row % 100 < 60), rows(400).filter((row) => row % 100 >= 60)];
  const fourTimes = preferenceShare({ won, lost }, units);
  assertEquals(fourTimes.n, 400);
  assertAlmostEquals(fourTimes.low, once.low, 1e-12);
  assertAlmostEquals(fourTimes.high, once.high, 1e-12);
  assert(preferenceShare({ won, lost }, Int32Array.from(rows(400))).low > fourTimes.low + 0.03); // taken for independent
});

Deno.test("fitLapse() finds the lapse rate that outcomes were drawn with, and none where there is none", () => {
  for (const [seed, rate] of [[0, 0], [1, 0.1], [2, 0.25]] as const) {
    const n = 6000;
    const [z, u] = [uniform(fold(key(seed), "z"), n), uniform(fold(key(seed), "u"), n)];
    const forecasts = Array.from(z, (x, i) => {
      const logOdds = 8 * x; // as stated; the truth is half as sure
      const came = u[i]! < probabilityUnder({ rate, inverse: 0.5 }, logOdds);
      return { z: came ? logOdds : -logOdds, n: 1 };
    });
    const fit = fitLapse(forecasts);
    assert(fit.low <= rate && rate <= fit.high, `${rate}: ${fit.low} to ${fit.high}`);
    assertAlmostEquals(fit.rate, rate, 0.03);
    assert(Math.abs(Math.log2(fit.inverse / 0.5)) < 0.5);
    const halved = fitLapse(forecasts.map((forecast) => ({ ...forecast, n: 0.5 })));
    assert(halved.high - halved.low >= fit.high - fit.low);
  }
});

Deno.test("normalForm() keeps what changes the meaning and drops what a retyped copy changes", () => {
  assertEquals(normalForm("  “Where is  Otto?”\n"), normalForm("where is otto"));
  assertEquals(normalForm("Ｏｔｔｏ"), "otto");
  assert(normalForm("2 + 2") !== normalForm("2 - 2"));
  assertEquals([normalForm("!"), normalForm("?"), normalForm(" ... ")], ["!", "?", "..."]);
});

Deno.test("nearTexts() finds long copies with a word changed, not other numbers, and not short texts", () => {
  const words = rows(60).map((i) => `word${String.fromCharCode(97 + i % 26)}${String.fromCharCode(97 + i % 23)}`);
  const [text, copy] = [words.join(" "), words.with(30, "other").join(" ")];
  assertAlmostEquals(nearness(shingles(text), shingles(copy)), 55 / 61, 1e-12); // 58 runs each, 3 of them new
  assert(
    nearTexts(text, copy) && !nearTexts(`${text} 4`, `${text} 5`) && !nearTexts(text, words.toReversed().join(" ")),
  );
  assert(!nearTexts("Sort these: moon, ant, kite.", "Sort these: moon, ant, owl.") && nearTexts("Who?", "who"));
  const shared = bandsOf(text).filter((band) => bandsOf(copy).includes(band));
  assert(shared.length > 0);
  assertEquals(bandsOf(text).filter((band) => bandsOf(words.toReversed().join(" ")).includes(band)), []);
});

Deno.test("labels drawn by a coin are no bias, no noise and no exchange, in thirty draws", () => {
  const { data, report } = healthyPairs(400);
  const found = rows(30).flatMap((seed) => {
    const coin = uniform(key(seed), data.length);
    const drawn = data.map((pair, i): Pair =>
      coin[i]! < 0.5 ? pair : { ...pair, chosen: pair.rejected, rejected: pair.chosen }
    );
    return diagnosePairs({ data: drawn, report });
  });
  assertEquals(found.map(({ sentence }) => sentence), []);
});

Deno.test("a diagnosis of hostile texts takes no longer than their length asks for", () => {
  const long = 300_000;
  const hostile = ["\n", " \n", "|", "`", "</s>", "- a\n", "1. b\n", "? ", "Human:\n", "é\u00a0", "<", "&"].map((
    part,
    i,
  ): Pair => ({
    id: `${i}`,
    prompt: `${part.repeat(long / part.length)}a`,
    chosen: `a${part.repeat(long / part.length)}`,
    rejected: part.repeat(long / part.length) + "b",
  }));
  const report = { rows: hostile.length, kept: hostile.length, dropped: [], truncated: [], unread: [] };
  assert(diagnosePairs({ data: hostile, report }).length > 0); // patterns that go back would take hours
});
