/** The evidence of the main job against what the project claims of it. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type Estimate, meanEstimate } from "../../mod.ts";
import { settings } from "../../pipelines/dpo.ts";
import evidence from "./dpo.json" with { type: "json" };

const { rows } = evidence;
const place = ({ seed, world }: (typeof rows)[number]): string => `seed ${seed}, world ${world}`;

Deno.test("the evidence is of the settings that a run without flags has, over seeds 0–4 and three worlds", () => {
  assertEquals({ ...settings.values, ...evidence.settings } as unknown, { ...settings.values });
  assertEquals(rows.length, 15);
  assertEquals(new Set(rows.map(place)).size, 15);
});

Deno.test("every run goes at least 35 % of the way to a perfect policy, and beats every control outside their intervals", () => {
  for (const row of rows) {
    assertLess(0.35, row.winRate.share, place(row));
    for (const [name, control] of Object.entries(row.controls)) {
      assertLess(control.high, row.winRate.low, `${place(row)}: ${name}`);
    }
  }
});

Deno.test("every run improves each family, and declines harmless look-alikes no more often than before", () => {
  for (const row of rows) {
    for (const family of ["helpful", "harmless", "honest"] as const) {
      assertLess(row.gold.before[family], row.gold.after[family], `${place(row)}: ${family}`);
    }
    assert(row.rates.overRefusal.after <= row.rates.overRefusal.before, place(row));
  }
});

Deno.test("shuffled labels teach nothing over the seeds, flipped ones the contrary in every run", () => {
  const bySeed = (seed: number): number => {
    const own = rows.filter((row) => row.seed === seed).map((row) => row.controls.shuffledLabels.estimate);
    return own.reduce((a, b) => a + b) / own.length;
  };
  const { low, high }: Estimate = meanEstimate([0, 1, 2, 3, 4].map(bySeed));
  assert(low < 0.5 && 0.5 < high, `${low} … ${high}`);
  for (const row of rows) assertLess(row.controls.flippedLabels.high, 0.5, place(row));
});

Deno.test("no accuracy is above what the annotator's noise allows", () => {
  for (const { accuracy: { heldOut, bayes } } of rows) assertLess(heldOut.low, bayes);
});
