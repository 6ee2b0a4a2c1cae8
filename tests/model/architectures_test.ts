/**
 * Every architecture held to transformers' own code in float64 (`architectures_golden.py`): tiny models whose weights are a
 * formula, read as the files of such a model are.
 */
import { assertEquals } from "@std/assert";
import { type Backend, openKernels } from "../../lib/kernels/provider.ts";
import { decoderConfig } from "../../lib/model/hf/decoder_config.ts";
import type { Dtype } from "../../lib/tensor/tensor.ts";
import { assertGradients, assertGreedy, assertHidden, assertLogits, assertLogps } from "./figures.ts";
import { type FormulaModel, formulaModel, formulaModels, rightOf } from "./formula_models.ts";

const claims = [
  ["logits", assertLogits],
  ["log-probabilities", assertLogps],
  ["hidden states", assertHidden],
  ["gradients", assertGradients],
  ["greedy text", assertGreedy],
] as const;

const what = claims.map(([of]) => of).join(", ");
const providers: readonly (readonly [dtype: Dtype, backend: Backend])[] = [
  ["f64", "reference"],
  ["f32", "reference"],
  ["f32", "wasm"],
];

for (const [name, figures] of Object.entries(formulaModels)) {
  for (const [dtype, backend] of providers) {
    Deno.test(`${name} has transformers' ${what}, in ${dtype} of ${backend}`, async () => {
      await openKernels({ backend });
      try {
        for (const [, holds] of claims) holds(formulaModel(name as FormulaModel, dtype), figures);
      } finally {
        await openKernels({});
      }
    });
  }
}

Deno.test("the golden models are of all architectures, each feature in one of them", () => {
  const configs = Object.values(formulaModels).map(({ config }) => rightOf(decoderConfig(config)).config);
  const has = (feature: (config: typeof configs[number]) => boolean): boolean => configs.some(feature);
  const features: Readonly<Record<string, boolean>> = {
    layerNorm: has(({ norm }) => norm.type === "layer"),
    after: has(({ norm }) => norm.placement === "after"),
    both: has(({ norm }) => norm.placement === "both"),
    offset: has(({ norm }) => norm.type === "rms" && norm.offset === 1),
    learned: has(({ positions }) => positions.type === "learned"),
    partial: has(({ positions, attention }) => {
      return positions.type === "rotary" && (positions.size ?? attention.headDim) < attention.headDim;
    }),
    linear: has(({ positions }) => positions.type === "rotary" && positions.scaling?.type === "linear"),
    llama3: has(({ positions }) => positions.type === "rotary" && positions.scaling?.type === "llama3"),
    none: has(({ positions }) => positions.type === "byLayer" && positions.layers.some(({ type }) => type === "none")),
    thetas: has(({ positions }) => {
      return positions.type === "byLayer" &&
        new Set(positions.layers.map((own) => own.type === "rotary" && own.theta)).size > 1;
    }),
    window: has(({ attention }) => typeof attention.window === "number"),
    windows: has(({ attention }) => Array.isArray(attention.window)),
    scale: has(({ attention }) => attention.scale !== undefined),
    softcap: has(({ attention }) => attention.softcap !== undefined),
    logitSoftcap: has(({ logitSoftcap }) => logitSoftcap !== undefined),
    embeddingScale: has(({ embeddingScale }) => embeddingScale !== undefined),
    biases: has(({ attention }) => attention.bias === "all") && has(({ attention }) => attention.bias !== "all"),
    mlpBias: has(({ mlp }) => mlp.bias === true && mlp.type === "gatedSilu"),
    heads: has(({ attention }) => attention.queryKeyNorm === "head"),
    projections: has(({ attention }) => attention.queryKeyNorm === "projection"),
    exact: has(({ mlp }) => mlp.type === "gelu" && mlp.approximate === "none"),
    tanh: has(({ mlp }) => mlp.type === "gelu" && mlp.approximate === "tanh"),
    gatedGelu: has(({ mlp }) => mlp.type === "gatedGelu"),
  };
  assertEquals(Object.entries(features).filter(([, is]) => !is), []);
  const types = new Set(Object.values(formulaModels).map(({ config }) => config.model_type));
  assertEquals(types.size, 10, [...types].join());
});
