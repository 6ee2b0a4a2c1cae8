import { assert, assertEquals } from "@std/assert";
import { worldPolicy } from "../../fixtures/world/shipped.ts";
import { encodePrompt } from "../../lib/data/chat.ts";
import { encode } from "../../lib/data/tokenizer.ts";
import { tokenizerFromJson } from "../../lib/data/tokenizer_from_json.ts";
import { initReward } from "../../lib/model/heads.ts";
import { llamaParams } from "../../lib/model/llama.ts";
import { decodeSafetensors } from "../../lib/model/safetensors.ts";
import { modelFiles } from "../../lib/stages/model_files.ts";
import { key } from "../../lib/tensor/random.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";

const { config, tokenizer, policy } = worldPolicy();
type Files = ReturnType<typeof modelFiles>;
const json = (files: Files, name: string): Record<string, unknown> => JSON.parse(files[name] as string);
const numbers = (tree: unknown): unknown => leaves(tree).map(([path, t]) => [path, [...t.data]]);

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
