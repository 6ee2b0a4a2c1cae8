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
  /** What stands before the names of all tensors but the head's. */
  readonly prefix: string;
  /** The element type of each tensor, by its name in the file. */
  readonly dtypes: Readonly<Record<string, WeightDtype>>;
}
