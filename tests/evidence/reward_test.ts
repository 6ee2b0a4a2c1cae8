/** The evidence of the reward model against what the project claims of it. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { settings } from "../../pipelines/reward.ts";
import people from "./hh_reward.json" with { type: "json" };
import evidence from "./reward.json" with { type: "json" };
import curve from "./reward_curve.json" with { type: "json" };

const { rows } = evidence;
const truths = rows.map(({ reward }) => ({ ...reward.truth, bayes: reward.accuracy.bayes }));

Deno.test("the evidence is of the settings that a run without flags has, over seeds 0–4 and three worlds", () => {
  assertEquals({ ...settings.values, ...evidence.settings } as unknown, { ...settings.values });
  assertEquals(rows.map(({ seed, worlds }) => [seed, worlds.map(({ world }) => world)]), [
    ...[0, 1, 2, 3, 4].map((seed) => [seed, [0, 1, 2]]),
  ]);
});

Deno.test("every reward model is within 3 points of what nobody can beat, and above both baselines", () => {
  for (const { accuracy, bayes } of truths) {
    assertLess(bayes - accuracy.reward, 0.03);
    assertLess(Math.max(accuracy.linear, accuracy.length), accuracy.reward);
  }
});

Deno.test("in worlds whose wordings or facts were never asked about it loses 2 points to Bayes in the mean, 3 at most", () => {
  const worlds = rows.flatMap((row) => row.worlds);
  const lost = worlds.map(({ accuracy, bayes }) => bayes - accuracy);
  assertLess(lost.reduce((a, b) => a + b) / lost.length, 0.02);
  assertLess(Math.max(...lost), 0.03);
  assertLess(worlds.reduce((sum, { rootMeanSquare }) => sum + rootMeanSquare, 0) / worlds.length, 0.13);
});

Deno.test("labels of a coin teach nothing: over the seeds a reward model of them is as often right as wrong", () => {
  const mean = rows.reduce((sum, { controls }) => sum + controls.shuffledLabels.accuracy.reward, 0) / rows.length;
  assertLess(Math.abs(mean - 0.5), 0.03);
});

Deno.test("two hundred pairs teach less than all, surprise is worth its reading, exact labels teach a little more", () => {
  for (const { controls, reward } of rows) {
    assertLess(reward.truth.rootMeanSquare, controls.twoHundredPairs.rootMeanSquare);
    const { ignoredSurprise, exactLabels } = controls;
    if (ignoredSurprise) assertLess(reward.truth.rootMeanSquare, ignoredSurprise.rootMeanSquare);
    if (exactLabels) assertLess(exactLabels.rootMeanSquare, reward.truth.rootMeanSquare);
  }
});

Deno.test("more pairs bring a reward model nearer, up to what hedged right values cost that it cannot tell from wrong ones", () => {
  const drawn = curve.rows.filter(({ labels }) => labels === "drawn");
  assertEquals(drawn.map(({ pairs }) => pairs), [3_000, 12_000, 36_000, 100_000]);
  const [few, own, more] = drawn.map(({ heldOut }) => heldOut.rootMeanSquare) as [number, number, number];
  assertLess(own, few);
  assertLess(more, own);
  for (const { heldOut } of drawn) {
    assertLess(heldOut.rough.share, 0.05);
    assertLess(heldOut.rough.share, heldOut.rough.ofMeanSquare);
  }
});

Deno.test("on hh-rlhf no model is better than is believable, and labels turned by a coin teach neither model", () => {
  const { all, shuffledLabels, folds } = people;
  assertEquals(folds.length, 3);
  assertLess(0.5, all.reward.low);
  for (const judge of Object.values(all)) assertLess(judge.estimate, 0.75);
  for (const { low, high } of Object.values(shuffledLabels)) assert(low < 0.5 && 0.5 < high, `${low} … ${high}`);
});
