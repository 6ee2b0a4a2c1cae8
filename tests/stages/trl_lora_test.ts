/** DPO of an adapter held to TRL's for twenty steps, where its files lie beside the checkout. */
import { assertEquals, assertLess } from "@std/assert";
import type { TokenPair } from "../../lib/data/token_pair.ts";
import type { Metrics } from "../../lib/flow/event.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import { openKernels } from "../../lib/kernels/provider.ts";
import type { DecoderParams } from "../../lib/model/decoder.ts";
import { withAdapter } from "../../lib/model/lora.ts";
import { writePeft } from "../../lib/model/peft.ts";
import { dpoUpdate } from "../../lib/stages/dpo_update.ts";
import { freezeRef, refLogps } from "../../lib/stages/reference.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { adapterIn, llama, llamaLayout, paramsIn, peftFolder, sharedFile, sharedJson } from "../model/shared_models.ts";
import { assertNear, type Precision, precisions } from "../oracles.ts";
import { finished, tokenizer } from "./tiny.ts";

const config = llama({ vocabSize: 256, hiddenSize: 48, mlp: 96 });
const weights = await sharedFile("trl/model/model.safetensors");
const preferences = await sharedJson("trl/preferences.json");
const recorded = await sharedJson("trl/dpo_lora.json");

type Curve =
  | "loss"
  | "grad_norm"
  | `rewards/${"chosen" | "rejected" | "margins" | "accuracies"}`
  | `logps/${"chosen" | "rejected"}`;

interface Recorded {
  readonly float64: Readonly<Record<Curve, readonly number[]>>;
  readonly final_adapter_float64: Readonly<
    Record<string, {
      readonly l2: number;
      readonly indices: readonly number[];
      readonly values: readonly number[];
    }>
  >;
}

const rows: readonly TokenPair[] = (preferences?.pairs ?? []).map((
  { prompt, chosen, rejected }: Readonly<Record<"prompt" | "chosen" | "rejected", number[]>>,
  i: number,
) => ({
  id: `${i}`,
  prompt: Int32Array.from(prompt),
  chosen: Int32Array.from(chosen),
  rejected: Int32Array.from(rejected),
}));

/** Twenty steps from a policy. */
async function follow(policy: DecoderParams): Promise<{ policy: DecoderParams; metrics: readonly Metrics[] }> {
  const stage = pipeline("align", [
    freezeRef(),
    refLogps(),
    dpoUpdate({
      ...{ beta: 0.1, lr: 1e-3, schedule: "constant", warmup: 0, weightDecay: 0.01, maxGradNorm: 1 },
      ...{ batchSize: 4, epochs: 20 / 16, shuffle: false },
    }),
  ]);
  const { state, events } = await finished(stage, { config, tokenizer, policy, rows, heldOutRows: [] });
  const metrics = events.flatMap((e) => e.type === "step" && e.path.at(-1) === "dpoUpdate" ? [e.metrics] : []);
  return { policy: state.policy, metrics };
}

/** How near a curve must come: the reference's tolerances, and rounding in f64. */
function tolerance(curve: Curve, expected: readonly number[], { dtype }: Precision): number {
  const largest = Math.max(1, ...expected.map(Math.abs));
  if (curve === "rewards/accuracies") return 1e-12;
  if (dtype === "f64") return 1e-8 * (curve === "loss" || curve === "grad_norm" ? largest : 1);
  return curve === "loss" || curve === "grad_norm" ? 2e-4 * largest : curve.startsWith("logps") ? 1e-3 : 5e-4;
}

const CURVES: readonly Curve[] = [
  ...["loss", "grad_norm", "rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"] as const,
  ...["logps/chosen", "logps/rejected"] as const,
];

for (const name of ["lora", "lora_nonzero_start"]) {
  const [start, end] = [await peftFolder(`trl/${name}-initial`), await peftFolder(`trl/${name}-final`)];
  const run: Recorded | undefined = recorded?.runs[name];
  for (const precision of precisions) {
    Deno.test({
      name: `dpoUpdate() of an adapter follows TRL's run ${name} and ends at its weights, in ${precision.name}`,
      ignore: weights === undefined || start === undefined || end === undefined || run === undefined,
      fn: async () => {
        if (weights === undefined || start === undefined || end === undefined || run === undefined) return;
        await openKernels({ backend: precision.backend });
        try {
          const base = paramsIn(weights, config, precision.dtype);
          const { policy, metrics } = await follow(withAdapter(base, adapterIn(start, config, precision.dtype)));
          assertEquals(metrics.length, 20);
          for (const curve of CURVES) {
            const expected = run.float64[curve];
            const atol = tolerance(curve, expected, precision);
            assertNear(metrics.map((m) => m[curve] as number), expected, { rtol: 0, atol });
          }
          const { adapter } = policy as Required<DecoderParams>;
          const { tensors } = writePeft(llamaLayout(config), adapter);
          for (const [module, { l2, indices, values }] of Object.entries(run.final_adapter_float64)) {
            const numbers = tensors[`base_model.model.${module}.weight`]?.data ?? [];
            const atol = precision.dtype === "f64" ? 1e-7 : 2e-2;
            assertNear(indices.map((i) => numbers[i] as number), values, { rtol: 0, atol });
            assertNear(Math.hypot(...numbers as ArrayLike<number> & Iterable<number>) / l2, 1, { rtol: 0, atol: 1e-4 });
          }
          const last = leaves(adapterIn(end, config, precision.dtype)), ours = leaves(adapter);
          const gaps = ours.flatMap(([, t], i) =>
            Array.from(t.data, (x, j) => Math.abs(x - (last[i]?.[1].data[j] as number)))
          );
          gaps.sort((a, b) => a - b);
          assertLess(gaps[Math.floor(0.999 * gaps.length)] as number, 1e-4);
          assertLess(gaps.at(-1) as number, 2e-2);
        } finally {
          await openKernels({ backend: "wasm" });
        }
      },
    });
  }
}
