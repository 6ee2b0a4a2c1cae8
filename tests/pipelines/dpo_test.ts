import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { type Checkpoint, finish, leaves, run, type RunOptions } from "../../mod.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { summary } from "../../pipelines/summary.ts";

/** A run of the main job that is short enough for a test. */
const SHORT = { ...settings.values, pairs: 120, heldOut: 0.3, batchSize: 16, prompts: 30 };

async function result(change: Partial<typeof SHORT> = {}, more: Partial<RunOptions<object>> = {}): Promise<Result> {
  const ended = await finish(run(dpo({ ...SHORT, ...change }), { seed: 0, given: {}, ...more }));
  assert(ended._tag === "Right", JSON.stringify(ended));
  const bytes = leaves(ended.right.policy).map(([path, t]) => [path, t.data.slice()] as const);
  return { bytes, state: ended.right, document: summary(ended.right).json };
}

type State = Parameters<typeof summary>[0];
interface Result {
  readonly bytes: readonly (readonly [string, ArrayLike<number>])[];
  readonly state: State;
  readonly document: Readonly<Record<string, unknown>>;
}

Deno.test("dpo with one seed ends in the same weights to the byte, also when broken at a step and resumed", async () => {
  const checkpoints: Checkpoint[] = [];
  const onCheckpoint = (checkpoint: Checkpoint): void => void checkpoints.push(checkpoint);
  const first = await result({}, { onCheckpoint, checkpointEvery: 1 });
  const within = checkpoints.filter((checkpoint) => checkpoint.at.path.at(-1) === "dpoUpdate");
  const resume = within[Math.floor(performance.now()) % within.length] as Checkpoint;
  const resumed = await result({}, { resume });
  assertEquals(resumed.bytes, first.bytes, `resumed after step ${resume.at.step}`);
  assertEquals(resumed.document, first.document);
  assertNotEquals((await result({}, { seed: 1 })).bytes, first.bytes);
});

Deno.test("dpo's document has the figures it promises, and they fit together", async () => {
  const { document, state } = await result();
  const { data, gold, winRate, accuracy, kl } = document as {
    data: Record<string, number>;
    gold: Record<"before" | "after", Record<string, number>>;
    winRate: Record<string, number>;
    accuracy: { heldOut: Record<string, number>; bayes: number };
    kl: Record<string, number>;
  };
  assertEquals([data.pairs, data.dropped, data.truncated], [120, 0, 0]);
  assertEquals(data.training! + data.heldOut!, 120);
  assertEquals(Object.keys(gold.before), ["helpful", "harmless", "honest", "mean"]);
  for (const side of [gold.before, gold.after]) {
    assertAlmostEquals(side.mean!, (side.helpful! + side.harmless! + side.honest!) / 3, 1e-12); // ten prompts each
  }
  assertEquals([winRate.n, accuracy.heldOut.n], [30, data.heldOut]);
  assertAlmostEquals(winRate.share!, (winRate.estimate! - 0.5) / (winRate.ceiling! - 0.5), 1e-12);
  const ratios = state.replies!.replies.map((reply) => reply.logRatio);
  assertAlmostEquals(kl.estimate!, ratios.reduce((a, b) => a + b, 0) / 30, 1e-12);
});

Deno.test("dpo on flipped labels learns from each pair turned round", async () => {
  const [drawn, flipped] = [await result(), await result({ labels: "flipped" })];
  const pairs = ({ state }: Result): unknown => state.pairs.map(({ chosen, rejected }) => [chosen, rejected]);
  assertEquals(pairs(flipped), (pairs(drawn) as string[][]).map(([chosen, rejected]) => [rejected, chosen]));
  assertNotEquals(flipped.bytes, drawn.bytes);
});
