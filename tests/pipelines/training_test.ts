/** The flags of training, each of which must reach the optimizer it is about. */
import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { finish, leaves, run } from "../../mod.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { reward, settings as rewardSettings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { settings as sftSettings, sft } from "../../pipelines/sft.ts";
import { sftSummary, summary } from "../../pipelines/summary.ts";
import { training } from "../../pipelines/training.ts";

const SHORT = { ...settings.values, pairs: 40, heldOut: 0, batchSize: 8, prompts: 30 };

interface Steps {
  readonly rates: readonly number[];
  readonly norms: readonly number[];
  readonly bytes: readonly unknown[];
  readonly document: Readonly<Record<string, unknown>>;
}

/** The steps of DPO under some settings. */
async function steps(change: Partial<typeof SHORT> = {}): Promise<Steps> {
  const rates: number[] = [], norms: number[] = [];
  const ended = await finish(run(dpo({ ...SHORT, ...change }), { seed: 0, given: {} }), (event) => {
    if (event.type !== "step" || event.metrics.learning_rate === undefined) return;
    rates.push(event.metrics.learning_rate);
    norms.push(event.metrics.grad_norm as number);
  });
  assert(ended._tag === "Right", JSON.stringify(ended));
  const bytes = leaves(ended.right.policy).map(([, t]) => t.data.slice());
  return { rates, norms, bytes, document: summary(ended.right).json };
}

Deno.test("the training flags say what the stages did before there were flags", () => {
  assertEquals(training(settings.values), {
    ...{ lr: 4e-4, epochs: 1, batchSize: 64, shuffle: true, schedule: "linear", warmup: 0.1, warmupFrom: "first" },
    ...{ weightDecay: 0, maxGradNorm: 1, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
  });
  const { schedule, beta2 } = training(sftSettings.values);
  assertEquals([schedule, beta2], ["cosine", 0.99]);
  assertEquals(training(rewardSettings.values).weightDecay, 1);
});

Deno.test("every training flag of dpo changes what it is about, and nothing is held out of all pairs", async () => {
  const plain = await steps();
  assertEquals(plain.rates.length, 5);
  assertEquals((await steps({ steps: 7 })).rates.length, 7);
  assertEquals((await steps({ schedule: "constant", warmup: 2, warmupFrom: "zero" })).rates, [
    0,
    2e-4,
    4e-4,
    4e-4,
    4e-4,
  ]);
  const split = await steps({ microBatch: 3 });
  split.norms.forEach((norm, i) => assertAlmostEquals(norm, plain.norms[i] as number, 1e-3));
  const changes: Partial<typeof SHORT>[] = [
    ...[{ shuffle: "off" as const }, { adamBeta1: 0.5 }, { adamBeta2: 0.5 }, { adamEps: 1e-3 }],
    ...[{ weightDecay: 0.5 }, { maxGradNorm: 1e-3 }],
  ];
  for (const change of changes) assertNotEquals((await steps(change)).bytes, plain.bytes, JSON.stringify(change));
  const { data, accuracy, drift } = plain.document;
  assertEquals((data as Record<string, number>).heldOut, 0);
  assertEquals([accuracy, drift], [{ heldOut: null, bayes: null, shorterWins: null }, null]);
});

Deno.test("reward and sft without held-out rows end with figures that are null, and in tables without them", async () => {
  const small = { pairs: 60, heldOut: 0, epochs: 0.2, batchSize: 16 };
  const fitted = await finish(run(reward({ ...rewardSettings.values, ...small }), { seed: 0, given: {} }));
  assert(fitted._tag === "Right", JSON.stringify(fitted));
  const { json, table } = rewardSummary(fitted.right);
  const { accuracy, unit } = json.reward as Record<string, unknown>;
  assertEquals([accuracy, Object.keys(unit as object)], [null, ["mean", "deviation"]]);
  assert(table.includes("none: all are learned from"), table);
  const tuned = await finish(
    run(sft({ ...sftSettings.values, passages: 100, steps: 2, prompts: 30 }), { seed: 0, given: {} }),
  );
  assert(tuned._tag === "Right", JSON.stringify(tuned));
  assertEquals(sftSummary({ ...tuned.right, heldOutDemonstrations: [] }).json.nll, null);
});
