import { assert, assertEquals } from "@std/assert";
import type { DecoderConfig } from "../../../lib/model/decoder.ts";
import { decoderConfig } from "../../../lib/model/hf/decoder_config.ts";

type Json = Readonly<Record<string, unknown>>;

function meaning(json: Json): DecoderConfig {
  const read = decoderConfig(json);
  assert(read._tag === "Right", read._tag === "Left" ? read.left.join("\n") : "");
  assertEquals(read.right.modelType, json.model_type);
  return read.right.config;
}

const SIZES = { vocab_size: 100, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 3, num_attention_heads: 4 };
const own = (rope: Json): Json => ({ rope_parameters: { rope_type: "default", ...rope }, dtype: "float32" });
const hub = (theta: number, scaling: Json | null = null): Json => ({
  ...{ rope_theta: theta, rope_scaling: scaling, torch_dtype: "bfloat16", transformers_version: "4.40.0" },
});

/** A config in the spelling of transformers 5, in that of older files, and what of its meaning is particular. */
const SPELLINGS: Readonly<Record<string, readonly [own: Json, hub: Json, part: Partial<DecoderConfig>]>> = {
  llama: [
    own({ rope_theta: 5e5, rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 }),
    hub(5e5, { type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 }),
    {
      positions: {
        type: "rotary",
        theta: 5e5,
        scaling: {
          ...{ type: "llama3", factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4 },
          originalContextLength: 2048,
        },
      },
      attention: { heads: 4, kvHeads: 4, headDim: 8 },
      tiedEmbeddings: false,
    },
  ],
  mistral: [
    { ...own({ rope_theta: 1e6 }), num_key_value_heads: 2, sliding_window: null },
    { ...hub(1e6), num_key_value_heads: 2, sliding_window: null },
    {
      positions: { type: "rotary", theta: 1e6 },
      attention: { heads: 4, kvHeads: 2, headDim: 8 },
      contextLength: 131_072,
    },
  ],
  qwen2: [
    {
      ...{ ...own({ rope_theta: 1e6 }), use_sliding_window: true, sliding_window: 5, num_key_value_heads: null },
      layer_types: ["full_attention", "full_attention", "sliding_attention"],
    },
    { ...hub(1e6), use_sliding_window: true, sliding_window: 5, max_window_layers: 2, num_key_value_heads: null },
    { attention: { heads: 4, kvHeads: 4, headDim: 8, bias: "queryKeyValue", window: [null, null, 5] } },
  ],
  qwen3: [
    { ...own({ rope_theta: 1e6 }), num_key_value_heads: 2, use_sliding_window: false, sliding_window: null },
    { ...hub(1e6), num_key_value_heads: 2, use_sliding_window: false, sliding_window: 4096, max_window_layers: 0 },
    { attention: { heads: 4, kvHeads: 2, headDim: 128, queryKeyNorm: "head" } },
  ],
  smollm3: [
    { ...own({ rope_theta: 2e6 }), no_rope_layers: [1, 1, 0], no_rope_layer_interval: 3 },
    { ...hub(2e6), no_rope_layer_interval: 3 },
    {
      positions: {
        type: "byLayer",
        layers: [{ type: "rotary", theta: 2e6 }, { type: "rotary", theta: 2e6 }, { type: "none" }],
      },
      tiedEmbeddings: true,
    },
  ],
  phi3: [
    { ...own({ rope_theta: 1e4, partial_rotary_factor: 0.5 }), sliding_window: 9 },
    { ...hub(1e4), partial_rotary_factor: 0.5, sliding_window: 9, original_max_position_embeddings: 4096 },
    { positions: { type: "rotary", theta: 1e4, size: 4 }, attention: { heads: 4, kvHeads: 4, headDim: 8, window: 9 } },
  ],
  gemma2: [
    { ...own({ rope_theta: 1e4 }), layer_types: ["sliding_attention", "full_attention", "sliding_attention"] },
    { ...hub(1e4), hidden_act: "gelu_pytorch_tanh", cache_implementation: "hybrid" },
    {
      norm: { type: "rms", eps: 1e-6, offset: 1, placement: "both" },
      attention: { ...{ heads: 4, kvHeads: 4, headDim: 256, scale: 1 / 16, softcap: 50 }, window: [4096, null, 4096] },
      mlp: { type: "gatedGelu", size: 64, approximate: "tanh" },
      ...{ embeddingScale: Math.sqrt(32), logitSoftcap: 30, tiedEmbeddings: true },
    },
  ],
  gemma3_text: [
    {
      rope_parameters: {
        full_attention: { rope_type: "linear", factor: 8, rope_theta: 1e6 },
        sliding_attention: { rope_type: "default", rope_theta: 1e4 },
      },
      layer_types: ["sliding_attention", "full_attention", "sliding_attention"],
      _sliding_window_pattern: 6,
    },
    { ...hub(1e6, { rope_type: "linear", factor: 8 }), rope_local_base_freq: 1e4, sliding_window_pattern: 2 },
    {
      positions: {
        type: "byLayer",
        layers: [
          { type: "rotary", theta: 1e4 },
          { type: "rotary", theta: 1e6, scaling: { type: "linear", factor: 8 } },
          { type: "rotary", theta: 1e4 },
        ],
      },
      attention: {
        ...{ heads: 4, kvHeads: 4, headDim: 256, scale: 1 / 16, queryKeyNorm: "head" },
        window: [4096, null, 4096],
      },
    },
  ],
  olmo2: [
    { ...own({ rope_theta: 5e5 }), attention_bias: true },
    { ...hub(5e5), attention_bias: true },
    {
      norm: { type: "rms", eps: 1e-5, placement: "after" },
      attention: { heads: 4, kvHeads: 4, headDim: 8, queryKeyNorm: "projection", bias: "all" },
    },
  ],
};

for (const [model_type, [newer, older, part]] of Object.entries(SPELLINGS)) {
  Deno.test(`${model_type}: both spellings of config.json mean what transformers computes`, () => {
    const more = model_type.startsWith("gemma") ? { num_key_value_heads: null } : {};
    const found = meaning({ model_type, ...SIZES, ...more, ...newer });
    assertEquals(meaning({ model_type, ...SIZES, ...more, ...older }), found);
    for (const [name, value] of Object.entries(part)) assertEquals(found[name as keyof DecoderConfig], value, name);
  });
}

Deno.test("gpt2: its own names, four times its width within the MLP, tied unless it says otherwise", () => {
  const json = { model_type: "gpt2", n_embd: 12, n_head: 2, n_layer: 1, n_positions: 7, vocab_size: 9, n_inner: null };
  assertEquals(meaning({ ...json, n_ctx: 7, attn_pdrop: 0.1, summary_type: "cls_index", scale_attn_weights: true }), {
    vocabSize: 9,
    hiddenSize: 12,
    layers: 1,
    contextLength: 7,
    norm: { type: "layer", eps: 1e-5 },
    positions: { type: "learned" },
    attention: { heads: 2, kvHeads: 2, headDim: 6, bias: "all" },
    mlp: { type: "gelu", approximate: "tanh", size: 48, bias: true },
    tiedEmbeddings: true,
  });
  assertEquals(meaning({ ...json, activation_function: "gelu" }).mlp, {
    ...{ type: "gelu", approximate: "none", size: 48, bias: true },
  });
});

Deno.test("absent fields have the defaults of transformers, those of another architecture others", () => {
  const parts = Object.keys(SPELLINGS).map((model_type) => {
    const { vocabSize, hiddenSize, attention: { heads, kvHeads, headDim }, mlp, contextLength, tiedEmbeddings, norm } =
      meaning({ model_type });
    return [
      model_type,
      vocabSize,
      hiddenSize,
      heads,
      kvHeads,
      headDim,
      mlp.size,
      contextLength,
      norm.eps,
      tiedEmbeddings,
    ];
  });
  assertEquals(parts, [
    ["llama", 32_000, 4096, 32, 32, 128, 11_008, 2048, 1e-6, false],
    ["mistral", 32_000, 4096, 32, 8, 128, 14_336, 131_072, 1e-6, false],
    ["qwen2", 151_936, 4096, 32, 32, 128, 22_016, 32_768, 1e-6, false],
    ["qwen3", 151_936, 4096, 32, 32, 128, 22_016, 32_768, 1e-6, false],
    ["smollm3", 128_256, 2048, 16, 4, 128, 11_008, 32_768, 1e-6, true],
    ["phi3", 32_064, 3072, 32, 32, 96, 8192, 4096, 1e-5, false],
    ["gemma2", 256_000, 2304, 8, 4, 256, 9216, 8192, 1e-6, true],
    ["gemma3_text", 262_208, 2304, 8, 4, 256, 9216, 131_072, 1e-6, true],
    ["olmo2", 50_304, 4096, 32, 32, 128, 11_008, 2048, 1e-5, false],
  ]);
  assertEquals(meaning({ model_type: "mistral" }).attention.window, 4096);
  assertEquals(meaning({ model_type: "phi3" }).attention.window, undefined);
  assertEquals(meaning({ model_type: "smollm3" }).positions.type, "byLayer");
});

Deno.test("a switch of Llama's kin turns on its biases and its activation", () => {
  const { attention, mlp } = meaning({ model_type: "llama", attention_bias: true, mlp_bias: true, hidden_act: "gelu" });
  assertEquals([attention.bias, mlp], ["all", { type: "gatedGelu", size: 11_008, approximate: "none", bias: true }]);
});

Deno.test("yarn's and longrope's factors on cosines are those of the papers where the file names none, the original context wherever it stands", () => {
  const scalingOf = (json: Json): unknown => {
    const { positions, contextLength } = meaning({
      ...SIZES,
      model_type: "llama",
      max_position_embeddings: 128,
      ...json,
    });
    assert(positions.type === "rotary");
    return { ...positions.scaling, contextLength };
  };
  const yarn = { type: "yarn", factor: 4, original_max_position_embeddings: 32 };
  const usual = {
    type: "yarn",
    factor: 4,
    betaFast: 32,
    betaSlow: 1,
    truncate: true,
    originalContextLength: 32,
    contextLength: 128,
  };
  const log = 0.1 * Math.log(4);
  const within = (rope_scaling: Json): Json => ({ rope_scaling });
  assertEquals(scalingOf(within(yarn)), { ...usual, attentionFactor: 1 + log });
  assertEquals(scalingOf(within({ ...yarn, attention_factor: 0.5 })), { ...usual, attentionFactor: 0.5 });
  assertEquals(scalingOf(within({ ...yarn, mscale: 2 })), { ...usual, attentionFactor: 1 + log });
  assertEquals(
    scalingOf(within({ ...yarn, mscale: 2, mscale_all_dim: 0.5 })),
    { ...usual, attentionFactor: (1 + 2 * log) / (1 + 0.5 * log) },
  );
  assertEquals(
    scalingOf({ ...within(yarn), original_max_position_embeddings: 64 }),
    { ...usual, originalContextLength: 64, attentionFactor: 1 + log },
  );
  const longrope = { type: "longrope", short_factor: [1, 2, 3, 4], long_factor: [5, 6, 7, 8] };
  const cut = { type: "longrope", factors: [1, 2, 3, 4], originalContextLength: 32, contextLength: 32 };
  const original = { original_max_position_embeddings: 32 };
  assertEquals(scalingOf({ ...within(longrope), ...original }), {
    ...cut,
    attentionFactor: Math.sqrt(1 + Math.log(4) / Math.log(32)),
  });
  assertEquals(scalingOf(within({ ...longrope, ...original, factor: 1 })), { ...cut, attentionFactor: 1 });
  assertEquals(scalingOf(within({ type: "dynamic", factor: 4 })), { contextLength: 128 });
});
