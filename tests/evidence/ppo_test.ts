/** The evidence of PPO against what the project claims of it. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { settings } from "../../pipelines/ppo.ts";
import dpo from "./dpo.json" with { type: "json" };
import evidence from "./ppo.json" with { type: "json" };

const { rows, gamed } = evidence;
const place = ({ seed, world }: { readonly seed: number; readonly world: number }): string =>
  `seed ${seed}, world ${world}`;

Deno.test("the evidence of PPO is of the settings that a run without flags has, over seeds 0–4 and three worlds", () => {
  assertEquals({ ...settings.values, ...evidence.settings } as unknown, { ...settings.values });
  assertEquals(new Set(rows.map(place)).size, 15);
  assertEquals(gamed.map(({ seed }) => seed), [0, 1, 2, 3, 4]);
});

Deno.test("PPO raises the gold score of every family outside the intervals, and goes at least 60 % of the way", () => {
  for (const row of rows) {
    assertLess(0.6, row.winRate.share, place(row));
    for (const [family, { before, after }] of Object.entries(row.families)) {
      assertLess(before.high, after.low, `${place(row)}: ${family}`);
    }
  }
});

Deno.test("PPO goes further than DPO on the same pairs, seed by seed, outside the intervals in most runs", () => {
  const pairs = rows.map((row) => [row, dpo.rows.find((other) => place(other) === place(row))] as const);
  const clear = pairs.filter(([ppo, other]) => other !== undefined && ppo.winRate.low > other.winRate.high);
  for (const [ppo, other] of pairs) assertLess(other?.winRate.estimate ?? NaN, ppo.winRate.estimate, place(ppo));
  assert(clear.length >= 8, `${clear.length}`);
});

Deno.test("no healthy run of PPO is called hacked, every gamed one is: the reward rises and gold falls", () => {
  for (const { seed, rewardHacking } of rows) {
    if (rewardHacking !== undefined) assertEquals(rewardHacking.verdict, "noSign", `seed ${seed}`);
  }
  for (const { seed, curve, rewardHacking } of gamed) {
    assertEquals(rewardHacking.verdict, "hacked", `seed ${seed}`);
    const [gold, proxy] = [curve.map((point) => point.gold), curve.map((point) => point.proxy)];
    assertLess(gold.at(-1) as number, Math.max(...gold) - 0.1, `seed ${seed}`);
    assertLess(proxy[0] as number, (proxy.at(-1) as number) - 0.5, `seed ${seed}`);
  }
});

Deno.test("the reward model of PPO is within its Bayes bound, above both baselines", () => {
  for (const { seed, reward } of rows) {
    if (reward === undefined) continue;
    const { accuracy, bayes } = { accuracy: reward.truth.accuracy, bayes: reward.accuracy.bayes };
    assert(
      accuracy.reward < bayes && accuracy.reward > accuracy.linear && accuracy.reward > accuracy.length,
      `${seed}`,
    );
  }
});
