/** A trained model as the files in which others load it: weights, config, tokenizer. */
import { endIds } from "../data/chat.ts";
import { CHAT_TEMPLATE, END } from "../data/chat_tokens.ts";
import { isIdTokenizer, isPretrained, type Tokenizer } from "../data/tokenizer.ts";
import { tokenizerJson } from "../data/tokenizer_json.ts";
import type { DecoderConfig, DecoderParams } from "../model/decoder.ts";
import type { Adapter } from "../model/lora.ts";
import { writePeft } from "../model/peft.ts";
import { HEAD, layoutOf } from "../model/hf/layout.ts";
import { classOf, type ModelForm, withDtype } from "../model/hf/form.ts";
import { parseForWriting } from "../model/hf/json_text.ts";
import { fileTensors } from "../model/hf/write_params.ts";
import { llamaForm } from "../model/llama.ts";
import { safetensorsChunks, type WeightDtype, type Writing, writing } from "../model/safetensors.ts";
import type { RewardState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** A language model, or a reward model on such a trunk, and the form of the files that it came in if it came in some. */
export type SavedModel =
  & Pick<PolicyState, "config" | "tokenizer">
  & (Pick<PolicyState, "policy"> | RewardState)
  & { readonly form?: ModelForm };

/**
 * The files of a model in Hugging Face's form, by name: `model.safetensors`, `config.json`, `tokenizer.json` and what
 * belongs to them. A model that was loaded is written in the form it came in, with the same names, layouts and texts; one
 * that was not is a Llama. A reward model is a classifier with one label on such a trunk; one that reads surprise as well
 * is no model that others know, and bears a name of its own. The adapter of a policy is written alone, as PEFT's
 * `adapter_config.json` and `adapter_model.safetensors`; that of a reward model is multiplied in.
 *
 * There is no padding token: a reward model that pads batches there must be given one that no text uses, never `<|end|>`.
 *
 * @param options.dtype of all weights, rounded to nearest; default each tensor's own in the files it came from, if that
 * holds its numbers exactly, else f32
 * @param options.merge whether the adapter of a policy is multiplied in. Default false
 * @returns texts, and weights as bytes in pieces, which no one needs to have all at once
 */
export function modelFiles(
  model: SavedModel,
  { dtype, merge = false }: { readonly dtype?: WeightDtype; readonly merge?: boolean } = {},
): Readonly<Record<string, string | Iterable<Uint8Array>>> {
  const { config, tokenizer, form = llamaForm(config) } = model;
  if ("policy" in model && model.policy.adapter !== undefined && !merge) {
    return { ...adapterFiles(model, model.policy.adapter, dtype), ...tokenizerFiles(tokenizer, config.contextLength) };
  }
  const written = (params: DecoderParams, of = config): Tensors => fileTensors(params, of, form, dtype);
  const [tensors, kind] = "policy" in model
    ? [written(model.policy), { architectures: [classOf(form.modelType, "CausalLM")] }] as const
    : rewardFiles(model, form, written);
  const loaded = model.form !== undefined, tokens = loaded ? {} : tokensOf(tokenizer);
  const generation = loaded ? form.generation : json(tokens);
  return {
    "config.json": json({
      ...withDtype(form.text === undefined ? form.json : parseForWriting(form.text), tensors.map(([, t]) => t.dtype)),
      ...kind,
      ...tokens,
    }),
    ..."policy" in model && generation !== undefined && { "generation_config.json": generation },
    "model.safetensors": { [Symbol.iterator]: () => safetensorsChunks(tensors) },
    ...tokenizerFiles(tokenizer, config.contextLength),
  };
}

/** The files of an adapter, by name. */
function adapterFiles(
  { config, form = llamaForm(config) }: Pick<SavedModel, "config" | "form">,
  adapter: Adapter,
  dtype?: WeightDtype,
): Readonly<Record<string, string | Iterable<Uint8Array>>> {
  const { source: base } = form;
  const files = writePeft(layoutOf(form.modelType, config, form.prefix), adapter, {
    ...base !== undefined && { base },
  });
  const tensors = Object.entries(files.tensors).map(([name, t]) => [name, writing(t, dtype)] as const);
  return {
    "adapter_config.json": json(files.config),
    "adapter_model.safetensors": { [Symbol.iterator]: () => safetensorsChunks(tensors) },
  };
}

/** Tensors of a file, in order. */
type Tensors = readonly (readonly [name: string, tensor: Writing])[];

/** The ids that begin, end and pad texts, as configs name them. */
function tokensOf(tokenizer: Tokenizer): Readonly<Record<string, unknown>> {
  const [eos, ...more] = endIds(tokenizer);
  return {
    bos_token_id: null,
    eos_token_id: more.length > 0 ? [eos, ...more] : eos ?? null,
    pad_token_id: null,
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
  { reward, config }: Pick<SavedModel, "config"> & RewardState,
  { modelType }: ModelForm,
  written: (params: DecoderParams, of?: DecoderConfig) => Tensors,
): readonly [Tensors, Readonly<Record<string, unknown>>] {
  const { trunk, score, surprise, reader, mean, deviation } = reward;
  const headless = written(trunk, { ...config, tiedEmbeddings: true }).filter(([name]) => name !== HEAD);
  const kind = surprise === undefined
    ? { architectures: [classOf(modelType, "SequenceClassification")] }
    : { architectures: ["LogratioRewardModel"], model_type: "logratio_reward" };
  return [
    [
      ...headless,
      ["score.weight", writing(score)],
      ...surprise === undefined ? [] : [["surprise.weight", writing(surprise)] as const],
      ...reader === undefined ? [] : written(reader).map(([name, t]) => [`reader.${name}`, t] as const),
    ],
    { ...kind, id2label: { 0: "reward" }, label2id: { reward: 0 }, reward_mean: mean, reward_deviation: deviation },
  ];
}
