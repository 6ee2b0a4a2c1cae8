/** Models from disk: a folder in Hugging Face's form, or a safetensors file with its `config.json` beside it. */
import { memoryUse } from "../kernels/memory.ts";
import { type DecoderConfig, type DecoderParams, parameterCount } from "../model/decoder.ts";
import { isJsonRecord } from "../model/hf/config_reader.ts";
import { decoderConfig } from "../model/hf/decoder_config.ts";
import type { ModelForm } from "../model/hf/form.ts";
import {
  isHeldAsStored,
  type Located,
  type Placement,
  placeParams,
  readParams,
  type ReadParamsOptions,
  type Weights,
} from "../model/hf/read_params.ts";
import { storedBytes, type StoredDtype } from "../model/safetensors_header.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { size } from "../tensor/tensor.ts";
import { permissionToRead } from "./files.ts";
import { fetchModel, hubId } from "./hub.ts";
import type { OnProgress } from "./hub_download.ts";
import { isThere, lastPart, readJson, readTexts, withoutLast } from "./model_texts.ts";
import { withWeights } from "./weight_files.ts";

/** What a model's files say before their numbers are read. */
export interface ModelDescription {
  /** Architecture. */
  readonly config: DecoderConfig;
  /** How the files are written: `config.json`, names, element types. */
  readonly form: ModelForm;
  /** The other files of the folder as they are, by name: `tokenizer.json`, `tokenizer_config.json`, … */
  readonly texts: Readonly<Record<string, string>>;
  /** Number of parameters. */
  readonly parameters: number;
  /** Bytes of the weights in the files, by their element type there. */
  readonly stored: Readonly<Partial<Record<StoredDtype, number>>>;
  /** Bytes of the parameters in memory. */
  readonly bytes: number;
}

/** A model from files. */
export interface LoadedModel extends ModelDescription {
  /** Parameters, not trained yet. */
  readonly params: DecoderParams;
}

/** How to load. */
export interface LoadModelOptions extends ReadParamsOptions {
  /** Called while files come from the hub. */
  readonly onProgress?: OnProgress;
  /** Seconds without a word from the hub that are too many. Default 60. */
  readonly patience?: number;
}

const MOST_CONFIG_BYTES = 2 ** 22;

/**
 * What the files of a model say, from their headers alone. A model of the hub is brought to the cache first.
 *
 * @param path as `loadModel` takes it
 */
export function describeModel(
  path: string,
  options: LoadModelOptions = {},
): Promise<Result<Failure, ModelDescription>> {
  return withModel(path, options, ({ description }) => right(description));
}

/**
 * The model in a folder in Hugging Face's form, or on the hub, of one of the architectures that `decoderConfig` knows.
 * Headers are read first; then each tensor goes straight to its place in memory, and numbers of 16 bits are widened on the
 * way.
 *
 * It never asks for permission: a program that waits for an answer looks like one that hangs.
 *
 * A model on the hub is kept where Hugging Face's libraries keep it (`HF_HUB_CACHE`, `HF_HOME`, `~/.cache/huggingface`),
 * each file checked against the size and the hash that the hub publishes; `HF_TOKEN` says who asks, `HF_ENDPOINT` whom.
 *
 * @param path of a folder, or of a safetensors file with its `config.json` beside it; or `org/name`, `org/name@revision`
 * on the hub, if there is no such folder
 * @example
 * ```ts
 * import { loadModel } from "@logratio/logratio";
 * const model = await loadModel("SmolLM2-135M");
 * if (model._tag === "Right") model.right.params; // of model.right.config
 * ```
 */
export function loadModel(path: string, options: LoadModelOptions = {}): Promise<Result<Failure, LoadedModel>> {
  return withModel(path, options, ({ description, weights, placement }) => {
    const { config, parameters, bytes } = description, use = memoryUse().bytes, all = memoryUse().limit;
    if (bytes + use > all) {
      const need = `its ${parameters} weights take ${gigabytes(bytes)} of memory`;
      return refused(path, [`${need}: of ${gigabytes(all)} that can be addressed ${gigabytes(use)} are in use`]);
    }
    const params = readParams(weights, config, placement, options);
    return params._tag === "Left" ? refused(path, params.left) : right({ ...description, params: params.right });
  });
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

/** A model whose files are open. */
interface Opened {
  readonly description: ModelDescription;
  readonly weights: Weights;
  readonly placement: Placement;
}

async function withModel<T>(
  path: string,
  options: LoadModelOptions,
  use: (opened: Opened) => Result<Failure, T>,
): Promise<Result<Failure, T>> {
  const place = await placeOf(path, options);
  if (place._tag === "Left") return place;
  const { folder, single, ...origin } = place.right, configPath = `${folder}/config.json`;
  if (!await isThere(configPath) && await isThere(`${folder}/adapter_config.json`)) {
    return refused(path, [
      "it must be a whole model: it is an adapter, which goes with the model that it was trained on",
    ]);
  }
  const file = await readJson(configPath, MOST_CONFIG_BYTES);
  if (file._tag === "Left") return file;
  const read = decoderConfig(file.right.json), json = isJsonRecord(file.right.json) ? file.right.json : {};
  const classes = [json.architectures ?? []].flat().join(", ");
  if (/For\w*Classification/.test(classes)) {
    return refused(path, [`it must be a language model: its config.json says ${classes}`]);
  }
  if (read._tag === "Left") return inputFailure(...read.left.map((rule) => `Cannot use ${configPath} as ${rule}`));
  const texts = await readTexts(folder);
  if (texts._tag === "Left") return texts;
  const { modelType, config } = read.right;
  return await withWeights(folder, single, async (weights) => {
    const placed = placeParams(weights, modelType, config);
    if (placed._tag === "Left") return refused(path, placed.left);
    const { prefix, dtypes } = placed.right, parameters = parameterCount(config);
    const generation = texts.right["generation_config.json"];
    const description = {
      ...{ config, texts: texts.right, parameters },
      form: {
        ...{ modelType, json, text: file.right.text, prefix, dtypes, ...origin },
        ...generation !== undefined && { generation },
      },
      stored: storedBytes(Array.from(weights.values(), ({ stored }) => stored)),
      bytes: heldBytes(weights, placed.right, options),
    };
    return await Promise.resolve(use({ description, weights, placement: placed.right }));
  });
}

/** Bytes of the parameters in memory; a tied embedding that the files hold twice counts once. */
function heldBytes(weights: Weights, { layout }: Placement, options: LoadModelOptions): number {
  const paths = new Map(layout.flatMap((tensor) => tensor.parts.map(({ path, shape }) => [path, { tensor, shape }])));
  return [...paths.values()].reduce((bytes, { tensor: { name }, shape }) => {
    const half = isHeldAsStored((weights.get(name) as Located).stored, options);
    return bytes + size(shape) * (half ? 2 : options.dtype === "f64" ? 8 : 4);
  }, 0);
}

/** Where a model is, and what it is called. */
interface Place extends Pick<ModelForm, "source" | "revision"> {
  readonly folder: string;
  /** Its only file, if one is asked for. */
  readonly single: string | null;
}

async function placeOf(path: string, options: LoadModelOptions): Promise<Result<Failure, Place>> {
  const permission = await permissionToRead(path);
  const id = hubId(path);
  if (permission._tag === "Left" && id === undefined) return permission;
  const stat = permission._tag === "Left" ? null : await Deno.stat(path).catch(() => null);
  if (stat === null) {
    if (id === undefined) return inputFailure(`Cannot load ${path} as there is no such folder or file`);
    const fetched = await fetchModel(id, options);
    if (fetched._tag === "Left") return fetched;
    const { folder, revision } = fetched.right;
    return right({ folder, single: null, source: id.id, revision });
  }
  if (stat.isDirectory) {
    return right({ folder: path.replace(/(?<=.)[\\/]+$/, ""), single: null, source: lastPart(path) });
  }
  const name = lastPart(path);
  if (name.endsWith(".safetensors") && !/-\d+-of-\d+\.safetensors$/.test(name)) {
    const folder = withoutLast(path);
    return right({ folder, single: name, source: lastPart(folder) });
  }
  return inputFailure(
    `Cannot load ${path} as it must be a folder, or a safetensors file that is no shard: give its folder`,
  );
}

function refused(path: string, rules: readonly string[]): Result<Failure, never> {
  return inputFailure(...rules.map((rule) => `Cannot load ${path} as ${rule}`));
}
