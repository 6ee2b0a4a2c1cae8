import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { finish, leaves, run } from "../../mod.ts";
import { reward, settings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";

/** A run that is short enough for a test. */
const SHORT = { ...settings.values, pairs: 120, heldOut: 0.3, batchSize: 16, epochs: 1 };

type State = Parameters<typeof rewardSummary>[0];

async function result(change: Partial<typeof SHORT> = {}): Promise<State> {
  const ended = await finish(run(reward({ ...SHORT, ...change }), { seed: 0, given: {} }));
  assert(ended._tag === "Right", JSON.stringify(ended));
  return ended.right;
}

const first = await result();

const bytesOf = ({ reward }: State): unknown => leaves(reward).map(([path, t]) => [path, t.data.slice()]);

interface Share extends Readonly<Record<"estimate" | "low" | "high" | "n" | "ties", number>> {}
interface Document {
  readonly data: Readonly<Record<string, number>>;
  readonly reward: {
    readonly accuracy: { readonly heldOut: Share; readonly bayes: number };
    readonly baselines: { readonly length: Share; readonly linear: Share };
    readonly logLoss: number;
    readonly brier: number;
    readonly calibration: { readonly ece: number; readonly temperature: number };
  };
}

Deno.test("reward's document has the figures it promises, and they fit together", () => {
  const { json, table } = rewardSummary(first);
  const { data, reward } = json as unknown as Document;
  assertEquals([data.pairs, data.training! + data.heldOut!, data.dropped, data.truncated], [120, 120, 0, 0]);
  const { heldOut, bayes } = reward.accuracy;
  for (const share of [heldOut, reward.baselines.length, reward.baselines.linear]) {
    assertEquals(share.n, data.heldOut);
    assert(share.low < share.estimate && share.estimate < share.high);
  }
  assert(bayes > 0.7 && bayes < 0.9 && reward.logLoss > 0.3 && reward.brier < 0.35);
  const { bins, ece } = first.rewardEvaluation!.scores.reliability;
  assertAlmostEquals(ece, reward.calibration.ece, 1e-15);
  assertEquals(bins.reduce((n, bin) => n + bin.n, 0), data.heldOut);
  for (const word of ["nobody can beat (Bayes)", "linear, on words", "p̂ − p"]) assert(table.includes(word), word);
});

Deno.test("reward with one seed ends in the same weights to the byte; labels turned round give others", async () => {
  const [again, flipped] = [await result(), await result({ labels: "flipped" })];
  assertEquals(bytesOf(again), bytesOf(first));
  assertEquals(again.rewardEvaluation, first.rewardEvaluation);
  assertNotEquals(bytesOf(flipped), bytesOf(first));
  assertEquals(flipped.pairs.map((p) => p.chosen), first.pairs.map((p) => p.rejected));
});
