import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { worldPolicy } from "../../fixtures/world/shipped.ts";
import { encodePrompt } from "../../lib/data/chat.ts";
import { encode } from "../../lib/data/tokenizer.ts";
import { tokenizerFromJson } from "../../lib/data/tokenizer_from_json.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { decoderConfig } from "../../lib/model/hf/decoder_config.ts";
import { initReward } from "../../lib/model/heads.ts";
import { llamaForm, llamaParams } from "../../lib/model/llama.ts";
import { decodeSafetensors } from "../../lib/model/safetensors.ts";
import { modelFiles } from "../../lib/stages/model_files.ts";
import { key } from "../../lib/tensor/random.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";

const { config, tokenizer, policy } = worldPolicy();
type Files = ReturnType<typeof modelFiles>;
const json = (files: Files, name: string): Record<string, unknown> => JSON.parse(files[name] as string);
const numbers = (tree: unknown): unknown => leaves(tree).map(([path, t]) => [path, [...t.data]]);

const parsed = (content: unknown): Record<string, unknown> => JSON.parse(content as string);

/** The tensors of the weights file. */
function tensorsOf(files: Files): ReadonlyMap<string, Tensor> {
  const pieces = [...files["model.safetensors"] as Iterable<Uint8Array>];
  const decoded = decodeSafetensors(Uint8Array.from(pieces.flatMap((piece) => [...piece])));
  assert(decoded._tag === "Right");
  return decoded.right;
}

Deno.test("a policy's files hold its numbers, its architecture in Llama's words, and its tokenizer", () => {
  const files = modelFiles({ config, tokenizer, policy });
  const back = llamaParams(tensorsOf(files), config);
  assert(back._tag === "Right");
  assertEquals(numbers(back.right), numbers(policy));
  assertEquals(json(files, "config.json"), {
    ...{ model_type: "llama", architectures: ["LlamaForCausalLM"], vocab_size: 512, hidden_size: 128 },
    ...{ intermediate_size: 344, num_hidden_layers: 3, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 32 },
    ...{ hidden_act: "silu", max_position_embeddings: 96, rms_norm_eps: 1e-5, rope_theta: 1000 },
    ...{ tie_word_embeddings: true, attention_bias: false, mlp_bias: false, torch_dtype: "float32" },
    ...{ bos_token_id: null, eos_token_id: 509, pad_token_id: null },
  });
  const read = tokenizerFromJson(json(files, "tokenizer.json"));
  assert(read._tag === "Right");
  const text = "Who bakes at Pebble Bay? 12 loaves.";
  assertEquals(encode(read.right, text), encode(tokenizer, text));
  assertEquals(encodePrompt(read.right, text), encodePrompt(tokenizer, text));
});

Deno.test("a reward model is a classifier with one label; one that reads surprise bears a name that no other library loads", () => {
  const unit = { mean: 0.5, deviation: 2 };
  const plain = modelFiles({ config, tokenizer, reward: { ...initReward(key(0), policy), ...unit } });
  assertEquals(tensorsOf(plain).get("score.weight")?.shape, [1, 128]);
  const { architectures, model_type, id2label, reward_mean, reward_deviation } = json(plain, "config.json");
  assertEquals([architectures, model_type, id2label], [["LlamaForSequenceClassification"], "llama", { 0: "reward" }]);
  assertEquals([reward_mean, reward_deviation], [0.5, 2]);
  assertEquals("generation_config.json" in plain, false);
  const reward = { ...initReward(key(0), policy, { surprise: true }), reader: policy, ...unit };
  const reading = modelFiles({ config, tokenizer, reward });
  assertEquals(json(reading, "config.json").model_type, "logratio_reward");
  const tensors = tensorsOf(reading);
  assertEquals(tensors.get("surprise.weight")?.shape, [128, 1]);
  assertEquals(tensors.get("reader.model.norm.weight")?.shape, [128]);
});

Deno.test("a reward model is written without a language head, whether its trunk's was tied, held twice or its own", () => {
  for (const tiedEmbeddings of [true, false]) {
    const own = { ...config, tiedEmbeddings }, model = { config: own, tokenizer };
    const reward = { ...initReward(key(0), initDecoder(key(1), own)), mean: 0, deviation: 1 };
    const form = { ...llamaForm(own), dtypes: { "lm_head.weight": "f32" } } as const;
    for (const files of [modelFiles({ ...model, reward }), modelFiles({ ...model, form, reward })]) {
      const names = [...tensorsOf(files).keys()];
      assertEquals([names.includes("lm_head.weight"), names.at(-1)], [false, "score.weight"]);
    }
  }
});

Deno.test("a model that came in files goes out in their form: names, fields, numbers as they were spelled, texts", () => {
  const text =
    '{"model_type":"gemma2","final_logit_softcapping":30.0,"attn_logit_softcapping":null,"rms_norm_eps":1e-06,' +
    '"vocab_size":11,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2,"head_dim":4,' +
    '"num_key_value_heads":1,"query_pre_attn_scalar":4,"architectures":["Gemma2ForCausalLM"],"torch_dtype":"bfloat16",' +
    '"max_position_embeddings":16}';
  const json: Readonly<Record<string, unknown>> = JSON.parse(text), read = decoderConfig(json);
  assert(read._tag === "Right", read._tag === "Left" ? read.left.join() : "");
  const { modelType, config } = read.right;
  const form = { ...{ modelType, json, text, prefix: "model.", dtypes: {} }, generation: '{"eos_token_id":1}' };
  const model = { config, form, tokenizer: { idCount: 11, ends: [1] }, policy: initDecoder(key(0), config) };
  const files = modelFiles(model);
  assertEquals(Object.keys(files), ["config.json", "generation_config.json", "model.safetensors"]);
  assertEquals(files["generation_config.json"], form.generation);
  assertEquals(parsed(files["config.json"]), { ...json, torch_dtype: "float32" });
  assertStringIncludes(files["config.json"] as string, '"final_logit_softcapping": 30.0,');
  assertStringIncludes(files["config.json"] as string, '"rms_norm_eps": 1e-06,');
  assert(tensorsOf(files).has("model.layers.0.pre_feedforward_layernorm.weight"));
  assertEquals(parsed(modelFiles(model, { dtype: "bf16" })["config.json"]), json);
  const reward = { ...initReward(key(0), model.policy), mean: 0, deviation: 1 };
  const judge = modelFiles({ config, form, tokenizer: model.tokenizer, reward });
  assertEquals(parsed(judge["config.json"]).architectures, ["Gemma2ForSequenceClassification"]);
  assertEquals([...tensorsOf(judge).keys()].at(-1), "score.weight");
});
