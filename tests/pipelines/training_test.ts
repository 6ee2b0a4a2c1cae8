/** The flags of training, each of which must reach the optimizer it is about. */
import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { finish, type Metrics, run } from "../../mod.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { reward, settings as rewardSettings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { settings as sftSettings, sft } from "../../pipelines/sft.ts";
import { sftSummary, summary } from "../../pipelines/summary.ts";
import { training } from "../../pipelines/training.ts";

const SHORT = { ...settings.values, pairs: 40, heldOut: 0, batchSize: 8, prompts: 30 };

/** What DPO's steps report under some settings; the run goes no further. */
async function steps(change: Partial<typeof SHORT> = {}): Promise<readonly Metrics[]> {
  const metrics: Metrics[] = [], trained = new AbortController();
  await finish(run(dpo({ ...SHORT, ...change }), { seed: 0, given: {}, signal: trained.signal }), (event) => {
    if (event.type === "step" && event.path.at(-1) === "dpoUpdate") metrics.push(event.metrics);
    if (event.type === "done" && event.path.at(-1) === "dpoUpdate") trained.abort();
  });
  return metrics;
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

Deno.test("every training flag of dpo changes what it is about", async () => {
  const plain = await steps(), rate = ({ learning_rate }: Metrics): number => learning_rate as number;
  assertEquals(plain.length, 5);
  assertEquals((await steps({ steps: 7 })).length, 7);
  const course = await steps({ schedule: "constant", warmup: 2, warmupFrom: "zero" });
  assertEquals(course.map(rate), [0, 2e-4, 4e-4, 4e-4, 4e-4]);
  const split = await steps({ microBatch: 3 });
  split.forEach(({ grad_norm: norm }, i) => assertAlmostEquals(norm as number, plain[i]!.grad_norm as number, 1e-3));
  const changes: Partial<typeof SHORT>[] = [
    ...[{ shuffle: "off" as const }, { adamBeta1: 0.5 }, { adamBeta2: 0.5 }, { adamEps: 1e-3 }],
    ...[{ weightDecay: 0.5 }, { maxGradNorm: 1e-3 }],
  ];
  for (const change of changes) {
    const last = (await steps(change)).at(-1)!.loss;
    assertNotEquals(last, plain.at(-1)!.loss, JSON.stringify(change));
  }
});

Deno.test("dpo that holds nothing out ends with figures of held-out pairs that are null", async () => {
  const ended = await finish(run(dpo({ ...SHORT, steps: 1 }), { seed: 0, given: {} }));
  assert(ended._tag === "Right", JSON.stringify(ended));
  const { data, accuracy, drift } = summary(ended.right).json;
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
