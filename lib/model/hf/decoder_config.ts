/** `config.json` to the decoder's config: a table of architectures. */
import { nearest } from "../../nearest.ts";
import { left, type Result, right } from "../../result.ts";
import type { DecoderConfig } from "../architecture.ts";
import { type ConfigReader, configReader, isJsonRecord, type JsonRecord } from "./config_reader.ts";
import { gemma2, gemma3 } from "./gemma_family.ts";
import { gpt2 } from "./gpt2_config.ts";
import { HARMLESS, ONLY } from "./harmless.ts";
import { llama, mistral, olmo2, phi3, qwen2, qwen3, smollm3 } from "./llama_family.ts";

/** An architecture that is read and written, as `model_type` names it. */
export type ModelType =
  | "gpt2"
  | "llama"
  | "mistral"
  | "qwen2"
  | "qwen3"
  | "smollm3"
  | "phi3"
  | "gemma2"
  | "gemma3_text"
  | "olmo2";

const READERS: Readonly<Record<ModelType, (file: ConfigReader) => DecoderConfig>> = {
  ...{ gpt2, llama, mistral, qwen2, qwen3, smollm3, phi3, gemma2, olmo2 },
  gemma3_text: gemma3,
};

/** A `config.json` that was read. */
export interface ReadConfig {
  /** The architecture's name. */
  readonly modelType: ModelType;
  /** What it means. */
  readonly config: DecoderConfig;
}

/**
 * The decoder's config that a `config.json` describes, in the keys of transformers 5 or in older ones; or every rule that it
 * breaks. An architecture and a field that are not known are refused by name: they may change the mathematics.
 *
 * @param json the parsed file
 * @example
 * ```ts
 * import { decoderConfig } from "@logratio/logratio";
 * decoderConfig({ model_type: "llama", hidden_size: 64, num_attention_heads: 4, rope_theta: 5e5 });
 * decoderConfig({ model_type: "lama" }); // left(["model_type must be gpt2, …: it is lama, did you mean llama?"])
 * ```
 */
export function decoderConfig(json: unknown): Result<readonly string[], ReadConfig> {
  if (!isJsonRecord(json)) return left(["it must be a record"]);
  const modelType = modelTypeOf(json);
  if (modelType._tag === "Left") return modelType;
  const file = configReader(json);
  const config = READERS[modelType.right](file);
  file.harmless(HARMLESS);
  for (const [name, value] of Object.entries(ONLY)) file.only(name, value);
  if (file.has("quantization_config")) {
    file.fault("quantization_config must not be there, its weights are no plain numbers");
  }
  if (turnedSizes(config).some((size) => size % 2 !== 0)) {
    file.fault(`the numbers of a head that are turned must be even: they are ${turnedSizes(config).join(", ")}`);
  }
  const faults = file.faults();
  return faults.length > 0 ? left(faults) : right({ modelType: modelType.right, config });
}

/** How many numbers of a head are turned, of every kind of angles. */
function turnedSizes({ positions, attention: { headDim } }: DecoderConfig): readonly number[] {
  const all = positions.type === "byLayer" ? positions.layers : [positions];
  return [...new Set(all.flatMap((p) => p.type === "rotary" ? [p.size ?? headDim] : []))];
}

function modelTypeOf({ model_type: name }: JsonRecord): Result<readonly string[], ModelType> {
  const names = Object.keys(READERS) as ModelType[];
  const known = names.find((known) => known === name);
  if (known !== undefined) return right(known);
  const rule = `model_type must be ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
  if (typeof name !== "string") return left([`${rule}: it is ${JSON.stringify(name) ?? "absent"}`]);
  const meant = name === "gemma3" ? "gemma3_text" : nearest(name, names);
  return left([`${rule}: it is ${name.slice(0, 80)}${meant === undefined ? "" : `, did you mean ${meant}?`}`]);
}
