import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { type Checkpoint, finish, leaves, run, type RunOptions } from "../../mod.ts";
import { ppo, settings } from "../../pipelines/ppo.ts";
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

const read = (await Deno.permissions.query({ name: "read" })).state === "granted";

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
