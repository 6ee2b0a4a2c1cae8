/** A trained model as the files in which others load it: weights, config, tokenizer. */
import { ASSISTANT, END, specialId, USER } from "../data/chat.ts";
import { tokenizerJson } from "../data/tokenizer_json.ts";
import { llamaConfig, llamaTensors } from "../model/llama.ts";
import { encodeSafetensors } from "../model/safetensors.ts";
import type { RewardState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** A language model, or a reward model on such a trunk. */
export type SavedModel = Pick<PolicyState, "config" | "tokenizer"> & (Pick<PolicyState, "policy"> | RewardState);

/** The turns of `encodePrompt` in the words of Hugging Face's chat templates. */
const CHAT_TEMPLATE = "{%- for message in messages -%}" +
  `{%- if message['role'] == 'user' -%}{{ '${USER}' + message['content'] }}` +
  `{%- elif message['role'] == 'assistant' -%}{{ '${ASSISTANT}' + message['content'] + '${END}' }}` +
  "{%- else -%}{{ message['content'] }}{%- endif -%}{%- endfor -%}" +
  `{%- if add_generation_prompt -%}{{ '${ASSISTANT}' }}{%- endif -%}`;

/**
 * The files of a model in Hugging Face's form, by name: `model.safetensors`, `config.json`, `tokenizer.json` and what
 * belongs to them. A policy is a `LlamaForCausalLM`, a reward model a `LlamaForSequenceClassification` with one label.
 *
 * There is no padding token: a reward model that pads batches there must be given one that no text uses, never `<|end|>`.
 */
export function modelFiles(model: SavedModel): Readonly<Record<string, string | Uint8Array>> {
  const { config, tokenizer } = model;
  const eos = specialId(tokenizer, END);
  const tokens = { bos_token_id: null, eos_token_id: eos, pad_token_id: null };
  const [tensors, kind] = "policy" in model
    ? [llamaTensors(model.policy), { architectures: ["LlamaForCausalLM"] }]
    : [{ ...llamaTensors(model.reward.trunk), "score.weight": model.reward.score }, {
      architectures: ["LlamaForSequenceClassification"],
      id2label: { 0: "reward" },
      label2id: { reward: 0 },
      reward_mean: model.reward.mean,
      reward_deviation: model.reward.deviation,
    }];
  const json = (content: unknown): string => `${JSON.stringify(content, null, 2)}\n`;
  return {
    "config.json": json({ ...kind, ...llamaConfig(config), ...tokens }),
    ..."policy" in model && { "generation_config.json": json(tokens) },
    "model.safetensors": encodeSafetensors(tensors),
    "tokenizer.json": json(tokenizerJson(tokenizer)),
    "tokenizer_config.json": json({
      tokenizer_class: "PreTrainedTokenizerFast",
      model_max_length: config.contextLength,
      clean_up_tokenization_spaces: false,
      eos_token: END,
      chat_template: CHAT_TEMPLATE,
    }),
  };
}
