import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { encodePair, type TokenPair } from "../../lib/data/token_pair.ts";
import type { Pair } from "../../lib/data/pair.ts";
import { probabilityOf } from "../../lib/evaluation/calibration.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward } from "../../lib/model/heads.ts";
import { evaluateReward } from "../../lib/stages/evaluate_reward.ts";
import { logOddsOf, type RewardModel } from "../../lib/stages/reward_state.ts";
import { key } from "../../lib/tensor/random.ts";
import { config, finished, tokenizer } from "./tiny.ts";

const pairOf = (i: number, chosen: string, rejected: string): Pair => ({
  id: `${i}`,
  prompt: `q${i}`,
  chosen,
  rejected,
});
/** The word good wins in eight of ten, whatever else is said. */
const pairs = Array.from({ length: 20 }, (_, i) => i % 5 ? pairOf(i, "a good", "a bad") : pairOf(i, "bad", "good"));
const heldOutPairs = [
  ...[30, 31, 32].map((i) => pairOf(i, "good", "so bad")),
  pairOf(33, "bad bit", "good"),
  pairOf(34, "x", "y"),
];
const encoded = (list: readonly Pair[]): readonly TokenPair[] => list.map((pair) => encodePair(tokenizer, pair));
const reward: RewardModel = { ...initReward(key(5), initDecoder(key(4), config)), mean: 0, deviation: 1 };

/** Rows whose labels say that the model is right with a probability. */
function sure(label: number): readonly TokenPair[] {
  const rows = encoded(pairs.slice(16));
  return rows.map((row, i) => ({
    ...row,
    label: (logOddsOf(reward, config, rows)[i] as number) > 0 ? label : 1 - label,
  }));
}

const given = {
  ...{ config, reward, pairs, heldOutPairs, rows: encoded(pairs), fitRows: encoded(pairs.slice(0, 16)) },
  validationRows: sure(0.9),
  heldOutRows: encoded(heldOutPairs).toReversed(), // rows are matched to texts by id, not by place
};
const p = [0.9, 0.8, 0.3, 0.2, 0.5];
const probability = ({ id }: Pair): number => p[Number(id) - 30] as number;
const evaluated = async (change: Partial<typeof given> = {}, truth: typeof probability | null = probability) =>
  (await finished(evaluateReward(truth === null ? {} : { probability: truth }), { ...given, ...change })).state
    .rewardEvaluation;

Deno.test("evaluateReward() has the baselines beside the model: the shorter reply and words, ties half", async () => {
  const { accuracy } = await evaluated();
  assertEquals([accuracy.length.estimate, accuracy.length.ties, accuracy.length.n], [(3 + 0.5) / 5, 1, 5]);
  assertEquals([accuracy.linear.estimate, accuracy.linear.ties], [(3 + 0.5) / 5, 1]);
});

Deno.test("evaluateReward() scores every judge by the annotator's own probabilities, a tie by a half", async () => {
  const { truth, accuracy } = await evaluated();
  const expected = (0.9 + 0.8 + 0.3 + (1 - 0.2) + 0.5) / 5; // it favours the worse side of the third
  assertAlmostEquals(truth?.accuracy.linear as number, expected, 1e-12);
  assertAlmostEquals(truth?.bayes as number, (0.9 + 0.8 + (1 - 0.3) + (1 - 0.2) + 0.5) / 5, 1e-12);
  const z = logOddsOf(reward, config, given.heldOutRows).toReversed();
  const mean = (of: (z: number, p: number) => number): number =>
    z.reduce((sum, x, i) => sum + of(x, p[i] as number), 0) / 5;
  assertAlmostEquals(truth?.accuracy.reward as number, mean((x, p) => x > 0 ? p : 1 - p), 1e-12);
  assertAlmostEquals(truth?.rootMeanSquare as number, Math.sqrt(mean((x, p) => (probabilityOf(x) - p) ** 2)), 1e-12);
  assertEquals(accuracy.reward.estimate, z.filter((x) => x > 0).length / 5);
});

Deno.test("evaluateReward() fits its temperature to the validation rows, not to those it judges", async () => {
  const { temperature, scores, tempered } = await evaluated();
  const other = await evaluated({ heldOutRows: given.heldOutRows.slice(1) });
  assertEquals(other.temperature, temperature);
  assertNotEquals((await evaluated({ validationRows: sure(0.7) })).temperature, temperature);
  const z = logOddsOf(reward, config, given.heldOutRows);
  const loss = (t: number): number => z.reduce((sum, x) => sum + Math.log1p(Math.exp(-x / t)), 0) / 5;
  assertAlmostEquals(scores.logLoss, loss(1), 1e-12);
  assertAlmostEquals(tempered.logLoss, loss(temperature), 1e-12);
});

Deno.test("evaluateReward() knows no truth where there is none, and takes soft labels for outcomes", async () => {
  const heldOutRows = given.heldOutRows.map((row) => ({ ...row, label: 0.5 }));
  const { truth, scores } = await evaluated({ heldOutRows }, null);
  const z = logOddsOf(reward, config, heldOutRows);
  assertEquals(truth, null);
  const loss = z.reduce((sum, x) => sum + Math.log1p(Math.exp(-x)) + x / 2, 0) / 5;
  assertAlmostEquals(scores.logLoss, loss, 1e-12);
});

Deno.test("evaluateReward() weighs held-out pairs as training does", async () => {
  const heldOutRows = given.heldOutRows.map((row) => ({ ...row, weight: row.id === "30" ? 4 : 1 }));
  const { accuracy, scores } = await evaluated({ heldOutRows }, null);
  assertEquals(accuracy.length.estimate, (4 + 1 + 1 + 0.5) / 8);
  const z = logOddsOf(reward, config, heldOutRows);
  const loss = z.reduce((sum, x, i) => sum + (heldOutRows[i]?.weight as number) * Math.log1p(Math.exp(-x)), 0) / 8;
  assertAlmostEquals(scores.logLoss, loss, 1e-12);
});
