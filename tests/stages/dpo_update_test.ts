import { assertAlmostEquals, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import type { Checkpoint } from "../../lib/flow/checkpoint.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import type { RunOptions } from "../../lib/flow/run.ts";
import { dpoUpdate, type DpoUpdateOptions } from "../../lib/stages/dpo_update.ts";
import { evaluatePairs } from "../../lib/stages/evaluate_pairs.ts";
import { freezeRef, refLogps } from "../../lib/stages/reference.ts";
import { given } from "./repeats.ts";
import { finished, numbers } from "./tiny.ts";

const dpo = (options: Partial<DpoUpdateOptions> = {}) =>
  pipeline("dpo", [
    freezeRef(),
    refLogps(),
    dpoUpdate({ beta: 0.5, lr: 0.02, batchSize: 8, epochs: 4, ...options }),
    evaluatePairs(),
  ]);

/** A run to its end: its state and the metrics of training. */
const result = async (options: Partial<DpoUpdateOptions> = {}, more: Partial<RunOptions<typeof given>> = {}) => {
  const { state, events } = await finished(dpo(options), given, more);
  const losses = events.flatMap((e) => e.type === "step" && e.path.at(-1) === "dpoUpdate" ? [e.metrics] : []);
  return { ...state, losses };
};

Deno.test("dpoUpdate() begins at ln 2 with rewards of 0, and learns what there is to learn", async () => {
  const { losses, heldOut, policy, ref } = await result();
  assertAlmostEquals(losses[0]?.loss as number, Math.LN2, 1e-6);
  assertAlmostEquals(losses[0]?.["rewards/margins"] as number, 0, 1e-6);
  assertEquals(losses.length, 12);
  assertEquals(heldOut.accuracy.estimate, 1);
  assertLess(heldOut.drift.rejected, heldOut.drift.chosen);
  assertEquals(numbers(ref), numbers(given.policy)); // the reference is as it was
  assertNotEquals(numbers(policy), numbers(ref));
});

Deno.test("dpoUpdate() with gradient checkpointing takes the same steps to the same parameters, bit for bit", async () => {
  const [kept, again] = [await result(), await result({ gradientCheckpointing: true })];
  assertEquals(again.losses, kept.losses);
  assertEquals(numbers(again.policy), numbers(kept.policy));
});

Deno.test("dpoUpdate() in parts of a batch equals the whole batch", async () => {
  const [whole, parts] = [await result(), await result({ microBatch: 3 })];
  whole.losses.forEach((metrics, i) =>
    assertAlmostEquals(parts.losses[i]?.loss as number, metrics.loss as number, 2e-5)
  );
});

Deno.test("dpoUpdate() uses soft labels: at one half there is nothing to learn but ln 2", async () => {
  const rows = given.rows.map((r) => ({ ...r, label: 0.5 }));
  const { losses, heldOut } = await result({}, { given: { ...given, rows } });
  assertAlmostEquals(losses.at(-1)?.loss as number, Math.LN2, 1e-3);
  assertLess(Math.abs(heldOut.drift.chosen - heldOut.drift.rejected), 0.5);
});

Deno.test("the same seed gives the same weights to the byte, another seed others", async () => {
  const [a, b, c] = [await result(), await result(), await result({}, { seed: 4 })];
  assertEquals(numbers(a.policy), numbers(b.policy));
  assertNotEquals(numbers(a.policy), numbers(c.policy));
});

Deno.test("a run broken at any step and resumed from its checkpoint ends bit for bit as an unbroken one", async () => {
  const checkpoints: Checkpoint[] = [];
  const whole = await result({}, { onCheckpoint: (c) => void checkpoints.push(c), checkpointEvery: 1 });
  const training = checkpoints.filter((c) => c.at.path.at(-1) === "dpoUpdate");
  assertEquals(training.length, 12);
  for (const at of [0, 5, 11]) {
    const resumed = await result({}, { resume: structuredClone(training[at] as Checkpoint) });
    assertEquals(numbers(resumed.policy), numbers(whole.policy));
    assertEquals(resumed.heldOut, whole.heldOut);
  }
});

Deno.test("dpoUpdate() uses margins and weights: the first loss is their weighted mean of log(1 + e^m)", async () => {
  const rows = given.rows.map((row, i) => i % 3 === 0 ? { ...row, margin: 1, weight: 3 } : row);
  const { losses } = await result({ batchSize: 24, steps: 1 }, { given: { ...given, rows } });
  const expected = (8 * 3 * Math.log1p(Math.E) + 16 * Math.LN2) / (8 * 3 + 16);
  assertAlmostEquals(losses[0]?.loss as number, expected, 1e-6);
});

Deno.test("dpoUpdate() of a pair of weight 2 takes the step of the pair twice, in parts of a batch as well", async () => {
  const [once, twice] = [given.rows.slice(0, 3), given.rows.slice(3, 5)];
  const step = async (rows: typeof given.rows, microBatch?: number) =>
    (await result({ batchSize: 8, steps: 1, ...microBatch && { microBatch } }, { given: { ...given, rows } }))
      .losses[0];
  const repeated = await step([...once, ...twice, ...twice]);
  const weighed = [...once, ...twice.map((row) => ({ ...row, weight: 2 }))];
  for (const metrics of [await step(weighed), await step(weighed, 2)]) {
    assertAlmostEquals(metrics?.grad_norm as number, repeated?.grad_norm as number, 1e-6);
  }
  const alike = await step([...once, ...twice]);
  assertLess(1e-4, Math.abs((alike?.grad_norm as number) - (repeated?.grad_norm as number)));
});
