import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decoderConfig } from "../../../lib/model/hf/decoder_config.ts";

const faults = (json: unknown): readonly string[] => {
  const read = decoderConfig(json);
  return read._tag === "Left" ? read.left : [];
};

const SIZES = { vocab_size: 100, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 3, num_attention_heads: 4 };
const LLAMA = { model_type: "llama", ...SIZES };
const UNKNOWN = "its fields must be known, others may change what the model computes: ";

const REFUSED: readonly (readonly [what: string, json: unknown, ...faults: string[]])[] = [
  ["a list", [], "it must be a record"],
  [
    "an architecture that is not known",
    { model_type: "mixtral" },
    "model_type must be gpt2, llama, mistral, qwen2, qwen3, smollm3, phi3, gemma2, olmo2 or gemma3_text: it is mixtral, " +
    "did you mean mistral?",
  ],
  [
    "no architecture",
    SIZES,
    "model_type must be gpt2, llama, mistral, qwen2, qwen3, smollm3, phi3, gemma2, olmo2 or gemma3_text: it is absent",
  ],
  [
    "an architecture of a prototype's name",
    { model_type: "constructor" },
    "model_type must be gpt2, llama, mistral, qwen2, qwen3, smollm3, phi3, gemma2, olmo2 or gemma3_text: it is constructor",
  ],
  [
    "fields that are not known",
    { ...LLAMA, rope_tetha: 1e6, use_parallel_residual: true },
    `${UNKNOWN}rope_tetha is 1000000, did you mean rope_theta?`,
    `${UNKNOWN}use_parallel_residual is true; take it out if it changes nothing`,
  ],
  [
    "a field named as a prototype",
    JSON.parse('{"model_type":"llama","__proto__":1}'),
    `${UNKNOWN}__proto__ is 1; take it out if it changes nothing`,
  ],
  [
    "a scaling that is not known",
    { ...LLAMA, rope_theta: 1e6, rope_scaling: { type: "proportional", factor: 4 } },
    'rope_scaling.type must be default, linear, dynamic, llama3, yarn or longrope: it is "proportional"',
  ],
  ["yarn without its factor", { ...LLAMA, rope_scaling: { type: "yarn" } }, "rope_scaling.factor must be there"],
  [
    "dynamic angles that change within the context",
    { ...LLAMA, rope_scaling: { type: "dynamic", factor: 2, original_max_position_embeddings: 1024 } },
    "rope_scaling.original_max_position_embeddings must be 2048, other values are not computed: it is 1024",
  ],
  [
    "longrope with factors for other heads",
    { model_type: "phi3", rope_scaling: { rope_type: "longrope", short_factor: [1], long_factor: [2] } },
    "rope_scaling.long_factor must be a list of 48 numbers > 0: it is [2]",
    "rope_scaling.short_factor must be a list of 48 numbers > 0: it is [1]",
  ],
  [
    "a part of Llama's heads turned",
    { ...LLAMA, partial_rotary_factor: 0.5 },
    "partial_rotary_factor must be 1, other values are not computed: it is 0.5",
  ],
  [
    "llama3's scaling without its factors",
    { ...LLAMA, rope_scaling: { rope_type: "llama3" } },
    "rope_scaling.factor must be there",
    "rope_scaling.low_freq_factor must be there",
    "rope_scaling.high_freq_factor must be there",
  ],
  [
    "biases in Phi-3",
    { model_type: "phi3", mlp_bias: true },
    "mlp_bias must be false, other values are not computed: it is true",
  ],
  [
    "quantised weights",
    { ...LLAMA, quantization_config: { bits: 4 } },
    "quantization_config must not be there, its weights are no plain numbers",
  ],
  [
    "another activation",
    { ...LLAMA, hidden_act: "relu" },
    'hidden_act must be silu, swish, gelu_pytorch_tanh, gelu_new or gelu: it is "relu"',
  ],
  [
    "sizes that are none, all at once",
    { ...LLAMA, hidden_size: "32", num_hidden_layers: 1e9, vocab_size: 1.5, rms_norm_eps: 0 },
    'hidden_size must be a whole number from 1 to 2147483647: it is "32"',
    "vocab_size must be a whole number from 1 to 2147483647: it is 1.5",
    "num_hidden_layers must be a whole number from 1 to 1000: it is 1000000000",
    "rms_norm_eps must be a number > 0: it is 0",
  ],
  [
    "heads that cannot be shared",
    { ...LLAMA, num_key_value_heads: 3 },
    "num_key_value_heads must divide num_attention_heads: they are 3 and 4",
  ],
  ["heads of an odd size", { ...LLAMA, head_dim: 7 }, "the numbers of a head that are turned must be even: they are 7"],
  [
    "layers of another kind",
    { model_type: "gemma2", ...SIZES, layer_types: ["full_attention", "chunked_attention", "full_attention"] },
    "layer_types must be a list of 3 values, each full_attention or sliding_attention: it is " +
    '["full_attention","chunked_attention","full_attention"]',
  ],
  [
    "attention to both sides",
    { model_type: "gemma3_text", use_bidirectional_attention: true },
    "use_bidirectional_attention must be false, other values are not computed: it is true",
  ],
  [
    "GPT-2's scores by layer",
    { model_type: "gpt2", scale_attn_by_inverse_layer_idx: true },
    "scale_attn_by_inverse_layer_idx must be false, other values are not computed: it is true",
  ],
];

for (const [what, json, ...expected] of REFUSED) {
  Deno.test(`config.json is refused by name: ${what}`, () => assertEquals(faults(json), expected));
}

Deno.test("fields that change nothing, and unknown ones that are null, are no fault", () => {
  assertEquals(faults({ ...LLAMA, attention_dropout: 0.1, pretraining_tp: 1, eos_token_id: [1, 2], odd: null }), []);
  assertEquals(faults({ ...LLAMA, rope_interleaved: false, is_llama_config: true, rope_scaling: null }), []);
});

Deno.test("a long value is not repeated for ever", () => {
  const [fault = ""] = faults({ ...LLAMA, hidden_act: "x".repeat(10_000) });
  assertStringIncludes(fault, "hidden_act must be ");
  assert(fault.length < 250);
});
