/**
 * Every architecture held to transformers' own code in float64 (`architectures_golden.py`): tiny models whose weights are a
 * formula, read as the files of such a model are.
 */
import { assert, assertEquals } from "@std/assert";
import { type Backend, openKernels } from "../../lib/kernels/provider.ts";
import { decoderConfig } from "../../lib/model/hf/decoder_config.ts";
import { layoutOf } from "../../lib/model/hf/layout.ts";
import { placeParams, readParams } from "../../lib/model/hf/read_params.ts";
import { encodeSafetensors } from "../../lib/model/safetensors.ts";
import { type Ranges, readHeader } from "../../lib/model/safetensors_header.ts";
import type { Result } from "../../lib/result.ts";
import { type Dtype, size, tensor } from "../../lib/tensor/tensor.ts";
import golden from "./architectures_golden.json" with { type: "json" };
import {
  assertGradients,
  assertGreedy,
  assertHidden,
  assertLogits,
  assertLogps,
  type Figures,
  type FileModel,
} from "./figures.ts";

const cases = golden as unknown as Readonly<Record<string, Figures & { readonly config: { model_type: string } }>>;

function rightOf<A>(result: Result<unknown, A>): A {
  assert(result._tag === "Right", JSON.stringify(result));
  return result.right;
}

/** The numbers of the tensor that is `number`th by name: the formula of `architectures_golden.py`. */
function weights(count: number, number: number, { middle, width }: { middle: number; width: number }): number[] {
  return Array.from({ length: count }, (_, i) => {
    const u = (i * i * 31 + i * 7919 + number * 104729 + 17) % 65521;
    return middle + width * (u / 65521 - 0.5);
  });
}

/** A model of that formula, by way of the bytes of a file. */
function model(json: { readonly model_type: string }, dtype: Dtype): FileModel {
  const { modelType, config } = rightOf(decoderConfig(json));
  const tensors = layoutOf(modelType, config).toSorted((a, b) => a.name < b.name ? -1 : 1).map(({ name, shape }, i) => {
    const vector = shape.length === 1, bias = name.endsWith(".bias");
    const middle = vector && !bias && !modelType.startsWith("gemma") ? 1 : 0;
    return [name, tensor(shape, weights(size(shape), i, { middle, width: vector ? 0.8 : 1.6 }), "f64")] as const;
  });
  const bytes = encodeSafetensors(Object.fromEntries(tensors));
  const file: Ranges = { bytes: bytes.length, read: (at, out) => out.set(bytes.subarray(at, at + out.length)) };
  const located = rightOf(readHeader(file)).entries().map(([name, stored]) => [name, { file, stored }] as const);
  const found = new Map(located), placement = rightOf(placeParams(found, modelType, config));
  const params = rightOf(readParams(found, config, placement, dtype));
  return { params, config, form: { modelType, prefix: placement.prefix, dtypes: placement.dtypes } };
}

const claims = [
  ["logits", assertLogits],
  ["log-probabilities", assertLogps],
  ["hidden states", assertHidden],
  ["gradients", assertGradients],
  ["greedy text", assertGreedy],
] as const;

const providers: readonly (readonly [dtype: Dtype, backend: Backend])[] = [
  ["f64", "reference"],
  ["f32", "reference"],
  ["f32", "wasm"],
];

for (const [name, figures] of Object.entries(cases)) {
  for (const [dtype, backend] of providers) {
    Deno.test(`${name} has transformers' ${claims.map(([of]) => of).join(", ")}, in ${dtype} of ${backend}`, async () => {
      await openKernels({ backend });
      try {
        for (const [, holds] of claims) holds(model(figures.config, dtype), figures);
      } finally {
        await openKernels({});
      }
    });
  }
}

Deno.test("the golden models are of all architectures, each feature in one of them", () => {
  const configs = Object.values(cases).map(({ config }) => rightOf(decoderConfig(config)).config);
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
  const types = new Set(Object.values(cases).map(({ config }) => config.model_type));
  assertEquals(types.size, 10, [...types].join());
});
