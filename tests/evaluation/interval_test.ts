import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { meanEstimate, shareInterval, shareOfCeiling, shareWon, winRate } from "../../lib/evaluation/interval.ts";
import { fold, key, normal, uniform } from "../../lib/tensor/random.ts";

Deno.test("shareWon() counts ties half and gives Wilson's interval", () => {
  // Wilson, 8 of 10: 0.490162 … 0.943318 (R: prop.test(8, 10, correct = FALSE))
  const { estimate, low, high, n, ties } = shareWon([1, 1, 1, 1, 1, 1, 1, 0, 0, -1]);
  assertEquals([estimate, n, ties], [0.8, 10, 2]);
  assertAlmostEquals(low, 0.4901625, 1e-6);
  assertAlmostEquals(high, 0.9433178, 1e-6);
});

Deno.test("meanEstimate() is x̄ ± 1.96·s/√n", () => {
  const { estimate, low, standardError } = meanEstimate([1, 2, 3, 4]);
  assertEquals(estimate, 2.5);
  assertAlmostEquals(standardError, Math.sqrt(5 / 3 / 4), 1e-14);
  assertAlmostEquals(low, 2.5 - 1.959963984540054 * standardError, 1e-14);
});

Deno.test("meanEstimate() with weights is the weighted mean, whose error counts what weighs more as more", () => {
  const { estimate, standardError, n } = meanEstimate([1, 2, 4], [1, 1, 2]);
  assertEquals([estimate, n], [11 / 4, 3]);
  // √(n/(n−1) Σ w²(x − x̄)²) / Σw, where w² and w tell apart: with w alone it would be 0.795
  assertAlmostEquals(standardError, Math.sqrt(1.5 * (1.75 ** 2 + 0.75 ** 2 + 2.5 ** 2)) / 4, 1e-14);
  assertEquals(meanEstimate([1, 2, 4], [8, 8, 8]), meanEstimate([1, 2, 4]));
});

Deno.test("winRate() of a list against itself is all ties", () => {
  assertEquals(winRate(key(1), [[1, 2], [1, 2]]), { estimate: 0.5, low: 0.5, high: 0.5, n: 2, ties: 2 });
});

Deno.test("winRate()'s interval has the width of the sampling error", () => {
  const n = 400;
  const [a, b] = ["a", "b"].map((name) => Array.from(normal(fold(key(2), name), n))) as [number[], number[]];
  const { estimate, low, high } = winRate(key(3), [a, b]);
  assertAlmostEquals((high - low) / 2, 1.96 * Math.sqrt(estimate * (1 - estimate) / n), 0.005);
});

Deno.test("95 % intervals cover the truth about 95 times in a hundred", () => {
  let [wilson, mean] = [0, 0];
  for (let i = 0; i < 1000; i++) {
    const u = uniform(fold(key(4), i), 100);
    const share = shareWon(Array.from(u, (x) => x < 0.7 ? 1 : -1));
    const centre = meanEstimate(Array.from(u));
    wilson += Number(share.low < 0.7 && 0.7 < share.high);
    mean += Number(centre.low < 0.5 && 0.5 < centre.high);
  }
  for (const covered of [wilson, mean]) assertLess(Math.abs(covered - 950), 30);
});

Deno.test("shareOfCeiling() is 0 at one half and 1 at the ceiling", () => {
  assertEquals([shareOfCeiling(0.5, 0.9), shareOfCeiling(0.9, 0.9)], [0, 1]);
});

Deno.test("winRate() refuses lists that are not of the same prompts", () => {
  assertThrows(() => winRate(key(1), [[1, 2], [1]]), RangeError, "the same prompts: there are 2 and 1");
  assertThrows(() => winRate(key(1), [[], []]), RangeError, "there are 0 and 0");
});

Deno.test("shareWon() by weights: 3 and 1 of the same sign are all, and as good as (Σw)²/Σw² equal comparisons", () => {
  const { estimate, low, high, n, ties } = shareWon([1, -1, 0, 2], [3, 1, 2, 0]);
  assertEquals([estimate, n, ties], [(3 + 1) / 6, 4, 1]);
  const expected = shareInterval(4 / 6, 36 / 14);
  assertAlmostEquals(low, expected.low, 1e-14);
  assertAlmostEquals(high, expected.high, 1e-14);
  assertEquals(shareWon([1, 0, -1, 1, 1], [2, 2, 2, 2, 2]), shareWon([1, 0, -1, 1, 1]));
});
