import { assert, assertAlmostEquals, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Checkpoint, type Event, finish, leaves, type Metrics, run, type RunOptions } from "../../mod.ts";
import { ppo, settings } from "../../pipelines/ppo.ts";
import { learning, reward } from "../../pipelines/ppo_setup.ts";
import { ppoSummary } from "../../pipelines/ppo_summary.ts";

/** A run that is short enough for a test. */
const SHORT = {
  ...settings.values,
  ...{ pairs: 120, heldOut: 0.3, rewardBatchSize: 16, rewardEpochs: 1, prompts: 30 },
  ...{ iterations: 2, rollouts: 16, minibatch: 8, epochs: 2 },
};

type State = Parameters<typeof ppoSummary>[0];
type Change = Partial<typeof settings.values>;

async function result(
  change: Change = {},
  more: Partial<RunOptions<object>> = {},
): Promise<State & { policy: unknown }> {
  const ended = await finish(run(ppo({ ...SHORT, ...change }), { seed: 0, given: {}, ...more }));
  assert(ended._tag === "Right", JSON.stringify(ended));
  return ended.right;
}

const bytesOf = ({ policy }: { readonly policy: unknown }): unknown =>
  leaves(policy).map(([path, t]) => [path, t.data.slice()]);

const checkpoints: Checkpoint[] = [];
const first = await result({}, { onCheckpoint: (c) => void checkpoints.push(c), checkpointEvery: 1 });

Deno.test("ppo goes on from a checkpoint within any stage of an iteration, and ends in the same weights to the byte", async () => {
  for (const stage of ["rollout", "ppoUpdate", "advantages"]) {
    const within = checkpoints.filter(({ at: { path } }) => path.at(-1) === stage && path.includes(1));
    assert(within.length > 0, stage);
    const resume = within[Math.floor(within.length / 2)] as Checkpoint;
    const resumed = await result({}, { resume });
    assertEquals(bytesOf(resumed), bytesOf(first), `resumed in ${stage} after step ${resume.at.step}`);
    assertEquals(resumed.curve, first.curve);
    assertEquals(ppoSummary(resumed).json, ppoSummary(first).json);
  }
});

Deno.test("ppo's document has dpo's figures, the reward's, and a point for every iteration", () => {
  const { json, table } = ppoSummary(first);
  const { winRate, kl, gold, reward, curve } = json as {
    winRate: Record<string, number>;
    kl: Record<string, number>;
    gold: Record<string, unknown>;
    reward: { accuracy: { heldOut: { n: number }; bayes: number }; logLoss: number; calibration: { ece: number } };
    curve: readonly { iteration: number; proxy: number; gold: number; kl: number; diversity: number }[];
  };
  assertEquals(Object.keys(gold), ["before", "after"]);
  assertEquals([winRate.n, reward.accuracy.heldOut.n], [30, first.heldOutPairs.length]);
  assertAlmostEquals(winRate.share!, (winRate.estimate! - 0.5) / (winRate.ceiling! - 0.5), 1e-12);
  const ratios = first.replies!.replies.map((reply) => reply.logRatio);
  assertAlmostEquals(kl.estimate!, ratios.reduce((a, b) => a + b, 0) / 30, 1e-12);
  assertEquals(curve.map(({ iteration }) => iteration), [0, 1]);
  assertEquals(curve[0]!.kl, 0); // before the first update policy and reference are one
  assert(curve.every((p) => p.gold >= 0 && p.gold <= 1 && p.diversity > 0 && p.diversity <= 1));
  for (const word of ["iteration", "distinct", "nobody can beat (Bayes)"]) assert(table.includes(word), word);
});

Deno.test("ppo is another with another seed, critic, or place of KL", async () => {
  const others: readonly Change[] = [{ critic: "shared" }, { critic: "policy" }, { klPlace: "loss" }, {
    klTarget: 3,
    klHorizon: 64,
  }];
  for (const change of others) assertNotEquals(bytesOf(await result(change)), bytesOf(first), JSON.stringify(change));
  assertNotEquals(bytesOf(await result({}, { seed: 1 })), bytesOf(first));
});

/** Settings of the optimizer that are not the defaults. */
const OPTIMIZER = { adamBeta1: 0.8, adamBeta2: 0.99, weightDecay: 0.02, maxGradNorm: 3 };

Deno.test("learning() hands every setting to the update, over the steps of all iterations", () => {
  const s = { ...settings.values, iterations: 5, rollouts: 100, minibatch: 32, epochs: 3, klCoef: 0.7 };
  const changed = { ...s, lr: 1, valueLr: 2, clipRange: 0.3, entropyCoef: 0.4, targetKl: 0.5, ...OPTIMIZER };
  const common = { lr: 1, valueOptimizer: { lr: 2 }, minibatch: 32, epochs: 3, totalSteps: 5 * 3 * 4 };
  const course = { schedule: "linear", warmup: 0, warmupFrom: "first", weightDecay: 0.02, maxGradNorm: 3 };
  const terms = {
    ...{ clip: { type: "clip", clipRange: 0.3 }, entropyCoef: 0.4, targetKl: 0.5 },
    ...{ ...course, beta1: 0.8, beta2: 0.99, eps: 1e-5 },
  };
  assertEquals<unknown>(learning(changed), { ...common, ...terms });
  const kl = { estimator: "k2", over: "sequence", coef: 0.7 };
  assertEquals<unknown>(learning({ ...changed, klPlace: "loss" }), { ...common, ...terms, kl });
});

/** The figures of a stage of an iteration, at its first step; the run goes no further. */
async function figures(stage: string, change: Change, iteration = 0): Promise<Metrics> {
  for await (const event of run(ppo({ ...SHORT, pairs: 60, rewardEpochs: 0.1, ...change }), { seed: 0, given: {} })) {
    const here = event.path.at(-1) === stage && event.path.includes(iteration);
    if (here && event.type === "step") return event.metrics;
  }
  throw new Error(`no ${stage} in iteration ${iteration}`);
}

Deno.test("ppo charges missing ends, discounts, and charges KL in one place, as its settings say", async () => {
  const scores = async (missingEos: number): Promise<number> =>
    (await figures("tokenRewards", { missingEos, maxNewTokens: 3 }))["objective/scores"] as number;
  const cut = (await scores(0) - await scores(5)) / 5 * 16; // how many of 16 had no end
  assertAlmostEquals(cut, Math.round(cut), 1e-6);
  assert(cut > 8);
  const known = async (change: Change): Promise<unknown> =>
    (await figures("advantages", change))["val/explained_variance"];
  const all = [await known({}), await known({ gamma: 0.5 }), await known({ lambda: 0.5 })];
  assertEquals(new Set(all).size, 3);
  const inLoss = await figures("tokenRewards", { klPlace: "loss" }, 1);
  const inReward = await figures("tokenRewards", {}, 1);
  assertEquals(Math.abs(inLoss["objective/non_score_reward"] as number), 0);
  assertAlmostEquals(
    inReward["objective/non_score_reward"] as number,
    -0.1 * (inReward["objective/kl"] as number),
    1e-12,
  );
});

Deno.test("ppo refuses a horizon of KL that an iteration oversteps, in a sentence", async () => {
  const ended = await finish(run(ppo({ ...SHORT, klTarget: 3, klHorizon: 3 }), { seed: 0, given: {} }));
  assert(ended._tag === "Left" && ended.left.kind === "input");
  assertEquals(ended.left.sentences, [
    "Cannot steer klCoef as klHorizon must be more than a fifth of rollouts: current values are 3 and 16",
  ]);
});

const read = (await Deno.permissions.query({ name: "read" })).state === "granted";

Deno.test("ppo with a reward of the user's own says that the numbers of rows are not used", async () => {
  const ids = { prompt: Int32Array.of(1), chosen: Int32Array.of(2), rejected: Int32Array.of(3) };
  const given = { rows: [{ id: "0", ...ids, weight: 2 }, { id: "1", ...ids, label: 1 }] } as never;
  const events: Event[] = [];
  const stage = reward({ ...settings.values, reward: "reward.ts" });
  await finish(run(stage, { seed: 0, given }), (event) => void events.push(event));
  assertEquals(events.flatMap((event) => event.type === "remark" ? [event.message] : []), [
    "A reward of your own judges: the label of 1 row and the weight of 1 row are not used.",
  ]);
});

Deno.test({
  name: "ppo with a reward from a file needs no reward model, and follows the file",
  ignore: !read,
  fn: async () => {
    const reward = new URL("rewards/brevity.ts", import.meta.url).pathname;
    const state = await result({ reward });
    const { curve, reward: fitted } = ppoSummary(state).json as { curve: readonly { proxy: number }[]; reward: null };
    assertEquals(fitted, null);
    assert(curve[0]!.proxy < -5, `${curve[0]!.proxy}`); // characters, not units of a reward model
    const ended = await finish(
      run(ppo({ ...SHORT, reward: reward.replace("brevity", "none") }), { seed: 0, given: {} }),
    );
    assert(ended._tag === "Left" && ended.left.kind === "input" && ended.left.sentences[0]?.includes("no such file"));
  },
});

Deno.test({
  name: "ppo waits for a reward's answer as long as --reward-timeout says, and no longer",
  ignore: !read,
  fn: async () => {
    const path = new URL("rewards/never.ts", import.meta.url).pathname;
    const change = { ...SHORT, pairs: 40, reward: path, rewardTimeout: 0.05 };
    const ended = await finish(run(ppo(change), { seed: 0, given: {} }));
    assert(ended._tag === "Left");
    assertEquals([ended.left.kind, ended.left.sentences.length], ["run", 1]);
    assertMatch(
      ended.left.sentences[0]!,
      /^Cannot score the reply to \S+ as it must answer within 0.05 s: it did not$/,
    );
  },
});
