import { assert, assertAlmostEquals, assertEquals, assertLess, assertNotEquals, assertStrictEquals } from "@std/assert";
import type { Checkpoint } from "../../lib/flow/checkpoint.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import type { RunOptions } from "../../lib/flow/run.ts";
import type { DecoderParams } from "../../lib/model/decoder.ts";
import { heldIn } from "../../lib/model/held_in.ts";
import { mergeAdapter, withoutAdapter } from "../../lib/model/lora.ts";
import { adaptPolicy, mergePolicy } from "../../lib/stages/adapt_policy.ts";
import { dpoUpdate } from "../../lib/stages/dpo_update.ts";
import { evaluatePairs } from "../../lib/stages/evaluate_pairs.ts";
import { fitBradleyTerry } from "../../lib/stages/fit_bradley_terry.ts";
import { freezeRef, refLogps } from "../../lib/stages/reference.ts";
import { demonstrateChosen, sftUpdate } from "../../lib/stages/sft_update.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { given } from "./repeats.ts";
import { finished, numbers } from "./tiny.ts";

const align = pipeline("align", [
  adaptPolicy({ rank: 4, alpha: 16 }),
  freezeRef(),
  refLogps(),
  dpoUpdate({ beta: 0.5, lr: 0.05, batchSize: 8, epochs: 4 }),
  evaluatePairs(),
]);

const aligned = (more: Partial<RunOptions<typeof given>> = {}) => finished(align, given, more);

/** The tensors of the base, as they are. */
const baseOf = (params: DecoderParams) => leaves(withoutAdapter(params)).map(([, t]) => t);

Deno.test("dpoUpdate() of a policy with an adapter begins at ln 2 and learns; the base is neither changed nor copied", async () => {
  const { state: { policy, ref, heldOut }, events } = await aligned();
  const steps = events.flatMap((e) => e.type === "step" && e.path.at(-1) === "dpoUpdate" ? [e.metrics] : []);
  assertAlmostEquals(steps[0]?.loss as number, Math.LN2, 1e-6);
  assertEquals(heldOut.accuracy.estimate, 1);
  assertEquals(ref.adapter, undefined);
  for (const params of [policy, ref]) {
    baseOf(params).forEach((t, i) => assertStrictEquals(t, baseOf(given.policy)[i]));
  }
  assert(numbers(policy.adapter).every((leaf) => leaf.some((x) => x !== 0)));
});

Deno.test("a run with an adapter ends bit for bit as an unbroken one, and its checkpoints hold no base", async () => {
  const checkpoints: Checkpoint[] = [];
  const whole = await aligned({ onCheckpoint: (c) => void checkpoints.push(c), checkpointEvery: 1 });
  const sizeOf = (data: unknown): number =>
    ArrayBuffer.isView(data)
      ? data.byteLength
      : typeof data === "object" && data !== null
      ? Object.values(data).reduce((sum: number, child) => sum + sizeOf(child), 0)
      : 0;
  const adapter = 4 * leaves(whole.state.policy.adapter).reduce((n, [, t]) => n + t.data.length, 0);
  const training = checkpoints.filter((c) => c.at.path.at(-1) === "dpoUpdate");
  assertEquals(training.length, 12);
  for (const c of checkpoints) assertLess(sizeOf(c.training), 3 * adapter + 2000);
  for (const c of [training[4], checkpoints.at(-1)]) {
    const resumed = await aligned({ resume: structuredClone(c as Checkpoint) });
    assertEquals(numbers(resumed.state.policy), numbers(whole.state.policy));
  }
});

Deno.test("mergePolicy() makes plain parameters that score as the adapter does", async () => {
  const { state } = await finished(pipeline("merged", [align, mergePolicy()]), given);
  const { state: again } = await finished(evaluatePairs(), state);
  assertEquals(state.policy.adapter, undefined);
  assertAlmostEquals(again.heldOut.drift.chosen, state.heldOut.drift.chosen, 1e-5);
  assertNotEquals(numbers(state.policy), numbers(given.policy));
});

Deno.test("sftUpdate() and fitBradleyTerry() train an adapter by the same rule, heads beside it too", async () => {
  const training = { lr: 0.02, batchSize: 8, epochs: 1 };
  const stages = [
    adaptPolicy({ rank: 2 }),
    demonstrateChosen(),
    sftUpdate(training),
    fitBradleyTerry(training),
  ] as const;
  const { state: { policy, reward } } = await finished(pipeline("both", stages), given);
  for (const params of [policy, reward.trunk]) {
    baseOf(params).forEach((t, i) => assertStrictEquals(t, baseOf(given.policy)[i]));
  }
  assertNotEquals(numbers(policy.adapter), numbers(reward.trunk.adapter));
  assert(numbers(mergeAdapter(policy)).flat().every(Number.isFinite));
  assertEquals(reward.score.shape, [1, 8]);
});

Deno.test("a run on a base held in bf16 goes on from a checkpoint, to the bit, and its checkpoints hold no base", async () => {
  const held = { ...given, policy: heldIn(given.policy, "bf16") }, checkpoints: Checkpoint[] = [];
  const whole = await aligned({ given: held, onCheckpoint: (c) => void checkpoints.push(c), checkpointEvery: 2 });
  assert(checkpoints.length > 3);
  for (const c of checkpoints) {
    assert(!JSON.stringify(c.training).includes("bf16"));
    const resumed = await aligned({ given: held, resume: structuredClone(c) });
    assertEquals(numbers(resumed.state.policy), numbers(whole.state.policy));
    assertStrictEquals(resumed.state.heldOut.accuracy.estimate, whole.state.heldOut.accuracy.estimate);
  }
});
