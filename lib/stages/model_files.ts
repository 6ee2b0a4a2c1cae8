/** A trained model as the files in which others load it: weights, config, tokenizer. */
import { endIds } from "../data/chat.ts";
import { CHAT_TEMPLATE, END } from "../data/chat_tokens.ts";
import { isIdTokenizer, isPretrained, type Tokenizer } from "../data/tokenizer.ts";
import { tokenizerJson } from "../data/tokenizer_json.ts";
import { llamaConfig, llamaTensors } from "../model/llama.ts";
import { encodeSafetensors } from "../model/safetensors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { RewardModel, RewardState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** A language model, or a reward model on such a trunk. */
export type SavedModel = Pick<PolicyState, "config" | "tokenizer"> & (Pick<PolicyState, "policy"> | RewardState);

/**
 * The files of a model in Hugging Face's form, by name: `model.safetensors`, `config.json`, `tokenizer.json` and what
 * belongs to them. A policy is a `LlamaForCausalLM`, a reward model a `LlamaForSequenceClassification` with one label; one
 * that reads surprise as well is no model that others know, and bears a name of its own.
 *
 * There is no padding token: a reward model that pads batches there must be given one that no text uses, never `<|end|>`.
 */
export function modelFiles(model: SavedModel): Readonly<Record<string, string | Uint8Array>> {
  const { config, tokenizer } = model;
  const [eos, ...more] = endIds(tokenizer);
  const tokens = {
    bos_token_id: null,
    eos_token_id: more.length > 0 ? [eos, ...more] : eos ?? null,
    pad_token_id: null,
  };
  const [tensors, kind] = "policy" in model
    ? [llamaTensors(model.policy), { architectures: ["LlamaForCausalLM"] }] as const
    : rewardFiles(model.reward);
  return {
    "config.json": json({ ...llamaConfig(config), ...kind, ...tokens }),
    ..."policy" in model && { "generation_config.json": json(tokens) },
    "model.safetensors": encodeSafetensors(tensors),
    ...tokenizerFiles(tokenizer, config.contextLength),
  };
}

/**
 * The files of a tokenizer, by name: those it was read from, or what a tokenizer of `trainTokenizer` is in Hugging Face's
 * form.
 *
 * @param contextLength most tokens of a sequence
 */
export function tokenizerFiles(tokenizer: Tokenizer, contextLength: number): Readonly<Record<string, string>> {
  if (isIdTokenizer(tokenizer)) return {};
  if (isPretrained(tokenizer)) {
    const { "generation_config.json": _, ...files } = tokenizer.files; // the model writes its own
    return files;
  }
  return {
    "tokenizer.json": json(tokenizerJson(tokenizer)),
    "tokenizer_config.json": json({
      tokenizer_class: "PreTrainedTokenizerFast",
      model_max_length: contextLength,
      clean_up_tokenization_spaces: false,
      eos_token: END,
      chat_template: CHAT_TEMPLATE,
    }),
  };
}

function json(content: unknown): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** The tensors of a reward model, and what its config says beside its trunk's. */
function rewardFiles(
  { trunk, score, surprise, reader, mean, deviation }: RewardModel,
): readonly [Readonly<Record<string, Tensor>>, Readonly<Record<string, unknown>>] {
  const kind = surprise === undefined
    ? { architectures: ["LlamaForSequenceClassification"] }
    : { architectures: ["LogratioRewardModel"], model_type: "logratio_reward" };
  const read = Object.entries(reader === undefined ? {} : llamaTensors(reader));
  return [
    {
      ...{ ...llamaTensors(trunk), "score.weight": score, ...surprise && { "surprise.weight": surprise } },
      ...Object.fromEntries(read.map(([name, t]) => [`reader.${name}`, t])),
    },
    { ...kind, id2label: { 0: "reward" }, label2id: { reward: 0 }, reward_mean: mean, reward_deviation: deviation },
  ];
}
