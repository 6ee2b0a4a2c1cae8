import { assert, assertAlmostEquals, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import type { TokenPair } from "../../lib/data/token_pair.ts";
import type { Checkpoint } from "../../lib/flow/checkpoint.ts";
import { temperatureScale } from "../../lib/evaluation/calibration.ts";
import { finish, run, type RunOptions } from "../../lib/flow/run.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward, rewards } from "../../lib/model/heads.ts";
import { surprisals } from "../../lib/model/surprise.ts";
import { fitBradleyTerry, type FitBradleyTerryOptions } from "../../lib/stages/fit_bradley_terry.ts";
import { normaliseReward, withUnit } from "../../lib/stages/normalise_reward.ts";
import { logOddsOf, type RewardModel, rewardsOf } from "../../lib/stages/reward_state.ts";
import { rewardUpdate } from "../../lib/stages/reward_update.ts";
import { fold, integer, key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { config, ended, finished, numbers, tokenizer, unigram, untied } from "./tiny.ts";

/** A pair whose chosen completion repeats one token and whose rejected another, two pairs a prompt. */
function row(i: number): TokenPair {
  const at = (name: string): number => 1 + integer(fold(fold(key(9), name), i), 4);
  return {
    id: `row ${i}`,
    prompt: Int32Array.of(100, 100 + (i >> 1)),
    chosen: new Int32Array(at("c")).fill(7),
    rejected: new Int32Array(at("r")).fill(8),
  };
}

const given = {
  config,
  tokenizer,
  policy: initDecoder(key(1), config),
  rows: Array.from({ length: 60 }, (_, i) => row(i)),
};

const fit = async (options: Partial<FitBradleyTerryOptions> = {}, more: Partial<RunOptions<typeof given>> = {}) => {
  const stage = fitBradleyTerry({
    lr: 0.02,
    batchSize: 8,
    epochs: 4,
    referencePrompts: 12,
    maxNewTokens: 4,
    ...options,
  });
  const { state, events } = await finished(stage, given, more);
  const steps = events.flatMap((e) => e.type === "step" && e.path.at(-1) === "rewardUpdate" ? [e.metrics] : []);
  return { state, steps };
};

const promptsOf = (rows: readonly TokenPair[]): ReadonlySet<string> => new Set(rows.map(({ prompt }) => prompt.join()));

Deno.test("fitBradleyTerry() learns what there is to learn, on prompts it never saw too, and leaves the policy as it was", async () => {
  const { state, steps } = await fit();
  const { reward, validationRows } = state;
  for (const z of logOddsOf(reward, config, validationRows)) assertLess(0, z);
  assertLess(steps.at(-1)?.eval_loss as number, 0.1);
  assertEquals(numbers(state.policy), numbers(given.policy));
  assertNotEquals(numbers(reward.trunk), numbers(given.policy));
});

Deno.test("fitBradleyTerry() stops by rows whose prompts it does not train on, a share of all", async () => {
  const { state: { fitRows, validationRows } } = await fit({ validation: 0.2 });
  assertEquals([fitRows.length, validationRows.length], [48, 12]);
  assertEquals(promptsOf(fitRows).intersection(promptsOf(validationRows)).size, 0);
});

Deno.test("fitBradleyTerry() that cannot improve on held-out prompts keeps the model it began with", async () => {
  const rows = given.rows.map((r, i) => i % 4 < 2 ? r : { ...r, chosen: r.rejected, rejected: r.chosen });
  const { state } = await fit({ lr: 0.5, epochs: 20, patience: 1 }, { given: { ...given, rows } });
  const losses = logOddsOf(state.reward, config, state.validationRows).map((z) => Math.log1p(Math.exp(-z)));
  assertLess(losses.reduce((a, b) => a + b) / losses.length, 1.2); // about ln 2 where training alone ends far above
});

Deno.test("calibrated rewards are the plain ones over the temperature of the validation rows, which is 1 from then on", async () => {
  const rows = given.rows.map((r) => ({ ...r, label: 0.75, margin: 1 })); // with a margin ln 3 is not what fits
  const [plain, calibrated] = [
    (await fit({}, { given: { ...given, rows } })).state,
    (await fit({ calibrated: true }, { given: { ...given, rows } })).state,
  ];
  const outcomes = plain.validationRows.map(() => 0.75);
  const of = ({ reward, validationRows }: typeof plain): readonly number[] => logOddsOf(reward, config, validationRows);
  const temperature = temperatureScale({ logOdds: of(plain), outcomes });
  assertLess(0.02, Math.abs(temperature - 1));
  of(calibrated).forEach((z, i) => assertAlmostEquals(z, (of(plain)[i] as number) / temperature, 1e-4));
  assertAlmostEquals(temperatureScale({ logOdds: of(calibrated), outcomes }), 1, 1e-4);
});

Deno.test("where every validation row is right no temperature is known, and calibrated rewards are the plain ones", async () => {
  const [plain, calibrated] = [(await fit()).state, (await fit({ calibrated: true })).state];
  const { reward, validationRows } = plain;
  const logOdds = logOddsOf(reward, config, validationRows);
  assertEquals(temperatureScale({ logOdds, outcomes: validationRows.map(() => 1) }), 0);
  assertEquals(numbers(calibrated.reward), numbers(reward));
});

Deno.test("rewards have mean 0 and deviation 1 in the model's unit on the policy's own replies, differences kept", async () => {
  const { state: { reward } } = await fit();
  const unit = withUnit({ ...reward, mean: 0, deviation: 1 }, [1, 3, 5, 7]);
  assertEquals([unit.mean, unit.deviation], [4, Math.sqrt(5)]);
  assertEquals(withUnit(reward, [2, 2]).deviation, 1);
  assertLess(0, reward.deviation);
  const again = withUnit(reward, [5, 6]);
  assertEquals(logOddsOf(again, config, given.rows), logOddsOf(reward, config, given.rows));
});

Deno.test("normaliseReward() samples the policy: of one that says a alone the mean is the reward of a", async () => {
  const policy = unigram({ a: 1 - 1e-9 });
  const reward: RewardModel = { ...initReward(key(3), initDecoder(key(2), untied)), mean: 0, deviation: 1 };
  const rows = [{ id: "0", prompt: ended("?"), chosen: ended("a"), rejected: ended("b") }];
  const stage = normaliseReward({ maxNewTokens: 3, referencePrompts: 5 });
  const { state } = await finished(stage, { config: untied, tokenizer, policy, reward, rows });
  const aaa = ended("aaa").slice(0, 3);
  const [expected] = rewardsOf(reward, untied, [{ prompt: ended("?"), completions: [aaa] }]);
  assertAlmostEquals(state.reward.mean, expected as number, 1e-6);
  assertEquals(state.reward.deviation, 1);
});

Deno.test("rewardUpdate() uses the margin, label and weight of a row", async () => {
  const reward: RewardModel = { ...initReward(key(3), given.policy), mean: 0, deviation: 1 };
  const loss = async (change: Partial<TokenPair>): Promise<number> => {
    const fitRows = given.rows.slice(0, 4).map((r, i) => i === 0 ? { ...r, ...change } : r);
    const { metrics } = await finished(rewardUpdate({ lr: 0.01, batchSize: 4 }), { config, reward, fitRows });
    return metrics[0]?.loss as number;
  };
  const [first, ...others] = logOddsOf(reward, config, given.rows.slice(0, 4)) as [number, ...number[]];
  const of = (z: number): number => Math.log1p(Math.exp(-z));
  const rest = others.reduce((sum, z) => sum + of(z), 0);
  assertAlmostEquals(await loss({}), (of(first) + rest) / 4, 1e-5);
  assertAlmostEquals(await loss({ margin: 2 }), (of(first - 2) + rest) / 4, 1e-5);
  assertAlmostEquals(await loss({ label: 0.25 }), (0.25 * of(first) + 0.75 * of(-first) + rest) / 4, 1e-5);
  assertAlmostEquals(await loss({ weight: 3 }), (3 * of(first) + rest) / 6, 1e-5);
});

Deno.test("fitBradleyTerry() with one seed ends in the same bytes, also when broken and resumed", async () => {
  const surprise = { surprise: true };
  const checkpoints: Checkpoint[] = [];
  const first = await fit(surprise, { onCheckpoint: (c) => void checkpoints.push(c), checkpointEvery: 1 });
  const bytes = numbers(first.state.reward);
  for (const at of [1, 9, checkpoints.length - 1]) {
    const { state } = await fit(surprise, { resume: structuredClone(checkpoints[at] as Checkpoint) });
    assertEquals([numbers(state.reward), state.reward.mean], [bytes, first.state.reward.mean]);
  }
  assertNotEquals(numbers((await fit(surprise, { seed: 4 })).state.reward), bytes);
  assert(checkpoints.length > 20);
});

Deno.test("checkpoints of a reward model that reads surprise hold numbers of rows, and no tokens", async () => {
  const checkpoints: Checkpoint[] = [];
  const { state } = await fit({ surprise: true }, {
    onCheckpoint: (c) => void checkpoints.push(c),
    checkpointEvery: 1,
  });
  const integers = (tree: unknown): number =>
    tree instanceof Int32Array
      ? tree.length
      : typeof tree !== "object" || tree === null || ArrayBuffer.isView(tree)
      ? 0
      : Object.values(tree).reduce((sum: number, part) => sum + integers(part), 0);
  const { surprisals, numbers } = state.fitSurprise, places = surprisals.length;
  const within = (stage: string, part: "carry" | "made"): ReadonlySet<number> => {
    const there = checkpoints.filter(({ at }) => at.path.at(-1) === stage);
    return new Set(there.map(({ training }) => integers((training as Record<typeof part, unknown>)[part])));
  };
  assertEquals(within("readSurprise", "carry"), new Set([numbers.length + places]));
  assertEquals(within("rewardUpdate", "made"), new Set([numbers.length]));
});

Deno.test("fitBradleyTerry() with surprise reads the policy once, and keeps it as the model's reader", async () => {
  const { state } = await fit({ surprise: true });
  const { reward, fitRows, fitSurprise, validationRows } = state;
  const [row, held] = [fitRows[7] as TokenPair, validationRows[0] as TokenPair];
  const batch = ({ prompt, chosen, rejected }: TokenPair) => pack([{ prompt, completions: [chosen, rejected] }]);
  const [chosen, rejected] = Array.from(fitSurprise.numbers.subarray(14, 16), (n) => fitSurprise.surprisals[n]!);
  assertEquals([0, 0, ...chosen!, ...rejected!], [...surprisals(given.policy, config, batch(row))]);
  assert(reward.reader?.embedding === state.policy.embedding);
  assertNotEquals([...reward.surprise?.data ?? []], Array(config.hiddenSize).fill(0));
  const { reader: _, ...params } = reward;
  const [w, l] =
    rewards(params, config, batch(held), { surprisals: surprisals(given.policy, config, batch(held)) }).data;
  assertAlmostEquals(logOddsOf(reward, config, [held])[0] as number, (w as number) - (l as number), 1e-5);
});

Deno.test("fitBradleyTerry() without surprise has neither reader nor surprisals", async () => {
  const { reward, fitSurprise } = (await fit()).state;
  assertEquals(Object.keys(reward).toSorted(), ["deviation", "mean", "score", "trunk"]);
  assertEquals(fitSurprise, { surprisals: [], numbers: new Int32Array() });
});

Deno.test("rewardUpdate() trains the model without its reader, which no weight decay may touch", async () => {
  const reward = {
    ...initReward(key(3), given.policy, { surprise: true }),
    mean: 0,
    deviation: 1,
    reader: given.policy,
  };
  const fitRows = given.rows;
  const fitSurprise = {
    surprisals: fitRows.flatMap(({ chosen, rejected }) =>
      [chosen, rejected].map((ids) => new Float32Array(ids.length))
    ),
    numbers: Int32Array.from({ length: 2 * fitRows.length }, (_, i) => i),
  };
  const { state } = await finished(rewardUpdate({ lr: 0.01, batchSize: 60, weightDecay: 1 }), {
    config,
    reward,
    fitRows,
    fitSurprise,
  });
  assertEquals(Object.keys(state.reward).toSorted(), ["deviation", "mean", "score", "surprise", "trunk"]);
  const moved = Array.from(state.reward.surprise?.data ?? []);
  assertEquals(moved, Array(config.hiddenSize).fill(0)); // nobody was surprised
});

Deno.test("fitBradleyTerry() of a single prompt fails, as no other can say when to stop", async () => {
  const alone = { ...given, rows: given.rows.slice(0, 2) };
  const result = await finish(run(fitBradleyTerry({ lr: 0.02, batchSize: 8, epochs: 1 }), { seed: 0, given: alone }));
  assert(result._tag === "Left" && result.left.kind === "input");
  assertEquals(result.left.sentences, [
    "Cannot fit a reward model as pairs of other prompts must say when to stop, besides those held out to judge by: " +
    "current number of prompts to learn from is 1",
  ]);
});
