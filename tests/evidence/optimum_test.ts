/** The evidence of PPO on the language whose optimum is known, against what the project claims of it. */
import { assertEquals, assertLess } from "@std/assert";
import { SETTINGS } from "../optimum/ppo.ts";
import { optimum, ref, worthOf } from "../optimum/toy.ts";
import { variants } from "../optimum/variants.ts";
import { assertNear } from "../oracles.ts";
import evidence from "./optimum.json" with { type: "json" };

type Row = typeof evidence.rows[number];
type Figure = "miss" | "residual" | "criticError";

/** A figure over the seeds of a variant, from the lowest to the highest. */
function figures(name: keyof typeof variants, figure: Figure): readonly number[] {
  const rows = evidence.rows.filter(({ variant }) => variant === name);
  assertEquals(rows.map(({ seed }) => seed), [0, 1, 2, 3, 4]);
  return rows.map((row: Row) => row[figure]).sort((a, b) => a - b);
}

const median = (sorted: readonly number[]): number => sorted[2] as number;
const worst = (sorted: readonly number[]): number => sorted[4] as number;
const least = (sorted: readonly number[]): number => sorted[0] as number;

Deno.test("the evidence is of the settings that the tests run, every variant with five seeds", () => {
  assertEquals(evidence.settings, SETTINGS);
  assertEquals(evidence.optimum, optimum.J_star);
  assertEquals(new Set(evidence.rows.map(({ variant }) => variant)), new Set(Object.keys(variants)));
  assertNear(evidence.start.residual, worthOf(ref).residual, { rtol: 1e-12, atol: 0 });
});

Deno.test("PPO ends within 0.5 % of J* in the median and 1 % in every seed, in fact within 0.05 %", () => {
  for (const variant of ["plain", "unwhitened"] as const) {
    assertLess(median(figures(variant, "miss")), 0.005);
    assertLess(worst(figures(variant, "miss")), 0.0005);
  }
});

Deno.test("the residual shrinks a hundredfold and the critic meets the soft values within 0.01", () => {
  assertLess(100 * worst(figures("plain", "residual")), evidence.start.residual);
  assertLess(worst(figures("plain", "criticError")), 0.01);
});

Deno.test("k2 of whole completions in the loss is as right, with more noise: within 0.5 %", () => {
  assertLess(worst(figures("k2InLoss", "miss")), 0.005);
});

Deno.test("k3 in the reward and the KL of a course text miss by more than 20 % in every seed", () => {
  for (const variant of ["k3InReward", "courseKl"] as const) assertLess(0.2, least(figures(variant, "miss")));
});

Deno.test("a clip masked in the wrong quadrants ends as near: only its gradient tells", () => {
  assertLess(worst(figures("maskedClip", "miss")), 0.0005);
});

Deno.test("whitened advantages need a rate that falls: at a constant one every seed stays ten times further away", () => {
  assertLess(10 * worst(figures("plain", "miss")), least(figures("constantRate", "miss")));
});
