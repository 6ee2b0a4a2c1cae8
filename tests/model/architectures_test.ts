/**
 * Every architecture held to transformers' own code in float64 (`architectures_golden.py`): tiny models whose weights are a
 * formula, read as the files of such a model are.
 */
import { assertEquals } from "@std/assert";
import { type Backend, openKernels } from "../../lib/kernels/provider.ts";
import { parameterCount } from "../../lib/model/decoder.ts";
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

Deno.test("published models have as many parameters as their pages say", () => {
  const sizes = (hidden: number, mlp: number, layers: number, heads: number, kv: number, vocab: number): object => ({
    ...{ hidden_size: hidden, intermediate_size: mlp, num_hidden_layers: layers, num_attention_heads: heads },
    ...{ num_key_value_heads: kv, vocab_size: vocab, tie_word_embeddings: false },
  });
  const tied = { tie_word_embeddings: true }, heads = (head_dim: number): object => ({ ...tied, head_dim });
  const published: readonly (readonly [name: string, json: object, parameters: number])[] = [
    ["gpt2", { model_type: "gpt2" }, 124_439_808],
    ["SmolLM2-135M", { model_type: "llama", ...sizes(576, 1536, 30, 9, 3, 49_152), ...tied }, 134_515_008],
    ["SmolLM3-3B", { model_type: "smollm3", ...sizes(2048, 11_008, 36, 16, 4, 128_256), ...tied }, 3_075_098_624],
    ["Llama-3.2-1B", { model_type: "llama", ...sizes(2048, 8192, 16, 32, 8, 128_256), ...tied }, 1_235_814_400],
    ["Mistral-7B-v0.1", { model_type: "mistral", ...sizes(4096, 14_336, 32, 32, 8, 32_000) }, 7_241_732_096],
    ["Qwen2.5-0.5B", { model_type: "qwen2", ...sizes(896, 4864, 24, 14, 2, 151_936), ...tied }, 494_032_768],
    ["Qwen3-0.6B", { model_type: "qwen3", ...sizes(1024, 3072, 28, 16, 8, 151_936), ...heads(128) }, 596_049_920],
    ["Phi-3-mini", { model_type: "phi3", ...sizes(3072, 8192, 32, 32, 32, 32_064) }, 3_821_079_552],
    ["gemma-2-2b", { model_type: "gemma2", ...sizes(2304, 9216, 26, 8, 4, 256_000), ...heads(256) }, 2_614_341_888],
    ["gemma-3-1b", { model_type: "gemma3_text", ...sizes(1152, 6912, 26, 4, 1, 262_144), ...heads(256) }, 999_885_952],
    ["OLMo-2-1B", { model_type: "olmo2", ...sizes(2048, 8192, 16, 16, 16, 100_352) }, 1_484_916_736],
  ];
  for (const [name, json, parameters] of published) {
    assertEquals(parameterCount(rightOf(decoderConfig(json)).config), parameters, name);
  }
});

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
    yarn: has(({ positions }) => positions.type === "rotary" && positions.scaling?.type === "yarn"),
    longrope: has(({ positions }) => positions.type === "rotary" && positions.scaling?.type === "longrope"),
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
