/** How the files that a model came from are written, so that it can be written in the same form again. */
import type { WeightDtype } from "../safetensors.ts";
import type { JsonRecord } from "./config_reader.ts";
import type { ModelType } from "./decoder_config.ts";

/** The form of a model's files; plain data. */
export interface ModelForm {
  /** The architecture, as `config.json` names it. */
  readonly modelType: ModelType;
  /** The content of `config.json`. */
  readonly json: JsonRecord;
  /** Its text, if there was a file: numbers are written as they are spelled there. */
  readonly text?: string;
  /** What stands before the names of all tensors but the head's. */
  readonly prefix: string;
  /** The element type of each tensor, by its name in the file. */
  readonly dtypes: Readonly<Record<string, WeightDtype>>;
  /** The text of `generation_config.json`, if there was one. */
  readonly generation?: string;
  /** What the model is called where it came from: an id of the hub, or the name of its folder. */
  readonly source?: string;
  /** The commit on the hub. */
  readonly revision?: string;
}

/** What the classes of each architecture are called in transformers. */
const CLASSES: Readonly<Record<ModelType, string>> = {
  gpt2: "GPT2",
  llama: "Llama",
  mistral: "Mistral",
  qwen2: "Qwen2",
  qwen3: "Qwen3",
  smollm3: "SmolLM3",
  phi3: "Phi3",
  gemma2: "Gemma2",
  gemma3_text: "Gemma3",
  olmo2: "Olmo2",
};

/** The class of a language model, or of a classifier on its trunk, as `architectures` names it. */
export function classOf(modelType: ModelType, kind: "CausalLM" | "SequenceClassification"): string {
  const text = modelType === "gemma3_text" && kind === "SequenceClassification" ? "Text" : "";
  return `${CLASSES[modelType]}${text}For${kind}`;
}

const TORCH: Readonly<Record<WeightDtype, string>> = {
  f64: "float64",
  f32: "float32",
  f16: "float16",
  bf16: "bfloat16",
};

/** The content of `config.json` with the element type that the weights now have: the widest of them. */
export function withDtype(json: JsonRecord, dtypes: Iterable<WeightDtype>): JsonRecord {
  const all = new Set(dtypes);
  const widest = (["f64", "f32"] as const).find((dtype) => all.has(dtype)) ??
    (all.size === 1 ? [...all][0] as WeightDtype : "f32");
  const key = Object.hasOwn(json, "dtype") ? "dtype" : "torch_dtype";
  return Object.hasOwn(json, key) || widest !== "f32" ? { ...json, [key]: TORCH[widest] } : json;
}
