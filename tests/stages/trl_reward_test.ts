/** A reward model's training held to TRL's for twenty steps, where its files lie beside the checkout. */
import { assert, assertEquals, assertLess } from "@std/assert";
import reference from "../../fixtures/oracles/reward.json" with { type: "json" };
import type { TokenPair } from "../../lib/data/token_pair.ts";
import type { Metrics } from "../../lib/flow/event.ts";
import { openKernels } from "../../lib/kernels/provider.ts";
import type { DecoderConfig } from "../../lib/model/decoder.ts";
import { llamaName, llamaParams } from "../../lib/model/llama.ts";
import { decodeSafetensors } from "../../lib/model/safetensors.ts";
import { type RewardModel, rewardsOf } from "../../lib/stages/reward_state.ts";
import { rewardUpdate } from "../../lib/stages/reward_update.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { assertNear, type Precision, precisions } from "../oracles.ts";
import { finished } from "./tiny.ts";

const shared = new URL("../../../shared/reference/trl/", import.meta.url);
const readable = (await Deno.permissions.query({ name: "read", path: shared })).state === "granted";

/** A file beside the checkout; undefined where there is none, or no permission to read it. */
async function fileOf(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return readable ? await Deno.readFile(new URL(path, shared)).catch(() => undefined) : undefined;
}

const weights = await fileOf("model/model.safetensors");
const score = await fileOf("reward_score_init.safetensors");
const preferences = await fileOf("preferences.json");
const ignore = weights === undefined || score === undefined || preferences === undefined;

const config: DecoderConfig = {
  vocabSize: 256,
  hiddenSize: 48,
  layers: 2,
  contextLength: 256,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 10000 },
  attention: { heads: 4, kvHeads: 2, headDim: 12 },
  mlp: { type: "gatedSilu", size: 96 },
  tiedEmbeddings: false,
};

/** The pairs of the runs, with or without their margins. */
function rowsOf(withMargin: boolean): readonly TokenPair[] {
  interface Row extends Readonly<Record<"prompt" | "chosen" | "rejected", number[]>> {
    readonly margin: number;
  }
  const { pairs }: { pairs: readonly Row[] } = JSON.parse(new TextDecoder().decode(preferences));
  return pairs.map(({ prompt, chosen, rejected, margin }, i) => ({
    id: `${i}`,
    prompt: Int32Array.from(prompt),
    chosen: Int32Array.from(chosen),
    rejected: Int32Array.from(rejected),
    ...withMargin ? { margin: Math.fround(margin) } : {}, // as TRL's collator stores it
  }));
}

/** The reward model that every run begins with. */
function initial(dtype: Precision["dtype"]): RewardModel {
  const [trunk, head] = [weights, score].map((bytes) => decodeSafetensors(bytes as Uint8Array, dtype));
  assert(trunk?._tag === "Right" && head?._tag === "Right");
  const params = llamaParams(trunk.right, config);
  assert(params._tag === "Right");
  const { head: _, ...withoutHead } = params.right;
  return { trunk: withoutHead, score: [...head.right.values()][0] as Tensor, mean: 0, deviation: 1 };
}

interface Settings {
  readonly margin_column?: boolean;
  readonly center_rewards_coefficient?: number;
}

/** A run of twenty steps. */
async function follow(
  settings: Settings,
  { dtype }: Precision,
): Promise<{ reward: RewardModel; metrics: readonly Metrics[] }> {
  const stage = rewardUpdate({
    centering: settings.center_rewards_coefficient ?? 0,
    ...{ lr: 1e-3, schedule: "constant", warmup: 0, weightDecay: 0.01, maxGradNorm: 1 },
    ...{ batchSize: 4, epochs: 20 / 16, shuffle: false },
  });
  const given = { config, reward: initial(dtype), fitRows: rowsOf(settings.margin_column === true) };
  const { state, metrics } = await finished(stage, given);
  return { reward: state.reward, metrics };
}

/** Rewards of all pairs, those of the chosen completions and those of the rejected. */
function rewardsBySide(reward: RewardModel): Readonly<Record<"chosen" | "rejected", number[]>> {
  const examples = rowsOf(false).map(({ prompt, chosen, rejected }) => ({ prompt, completions: [chosen, rejected] }));
  const scored = Array.from(rewardsOf(reward, config, examples));
  return { chosen: scored.filter((_, i) => i % 2 === 0), rejected: scored.filter((_, i) => i % 2 === 1) };
}

/** Runs a claim with the provider of a precision. */
function within(precision: Precision, claim: string, body: () => Promise<void>): void {
  Deno.test({
    name: `${claim}, in ${precision.name}`,
    ignore,
    fn: async () => {
      await openKernels({ backend: precision.backend });
      try {
        await body();
      } finally {
        await openKernels({ backend: "wasm" });
      }
    },
  });
}

/** Metrics by name, as the recorded curves have them. */
const CURVES = ["loss", "grad_norm", "accuracy", "margin", "mean_reward", "min_reward", "max_reward"] as const;

for (const precision of precisions) {
  const exact = precision.dtype === "f64";
  for (const [name, { settings, curves, finalWeightL2 }] of Object.entries(reference.runs)) {
    within(precision, `rewardUpdate() follows TRL's run ${name} for twenty steps`, async () => {
      const { reward, metrics } = await follow(settings, precision);
      assertEquals(metrics.length, 20);
      for (const curve of CURVES) {
        const largest = Math.max(1, ...curves[curve].map(Math.abs));
        const coarse = curve === "accuracy" ? 0 : curve === "loss" || curve === "grad_norm" ? 2e-4 * largest : 5e-4;
        const atol = exact ? 1e-11 * largest : coarse;
        assertNear(metrics.map((m) => m[curve] as number), curves[curve], { rtol: 0, atol });
      }
      const { trunk, score } = reward;
      const norms: Readonly<Record<string, number>> = finalWeightL2;
      for (const [path, leaf] of [...leaves(trunk), ["score", score] as const]) {
        const norm = Math.sqrt(Array.from(leaf.data).reduce((sum, x) => sum + x * x, 0));
        const expected = norms[path === "score" ? "score.weight" : llamaName(path)] as number;
        assertNear(norm, expected, { rtol: exact ? 1e-11 : 1e-4, atol: 0 });
      }
    });
  }
}

const [double] = precisions as readonly [Precision];
const centred = reference.runs["reward_centered_0.01"];

within(double, "rewards before and after are TRL's, pair by pair", async () => {
  const near = { rtol: 1e-10, atol: 1e-10 };
  const [before, after] = [initial("f64"), (await follow(centred.settings, double)).reward].map(rewardsBySide);
  assertNear(before?.chosen ?? [], centred.rewardsInitial.chosen, near);
  assertNear(before?.rejected ?? [], centred.rewardsInitial.rejected, near);
  assertNear(after?.chosen ?? [], centred.rewardsFinal.chosen, near);
  assertNear(after?.rejected ?? [], centred.rewardsFinal.rejected, near);
});

within(double, "a run that ignores the margin, or the centering, is not TRL's", async () => {
  for (const name of ["reward_margin_column", "reward_centered_0.01"] as const) {
    const { metrics } = await follow({}, double);
    assertLess(0.05, Math.abs((metrics[0]?.loss as number) - (reference.runs[name].curves.loss[0] as number)));
  }
});
