/** Adapters from disk: a folder as PEFT writes it. */
import { decodeSafetensors } from "../model/safetensors.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { permissionToRead, readBytes } from "./files.ts";
import { isThere, readJson } from "./model_texts.ts";

/** The files of an adapter, read but not understood: that takes the model it belongs to. */
export interface StoredAdapter {
  /** What `adapter_config.json` says. */
  readonly json: unknown;
  /** The tensors of `adapter_model.safetensors`, in f32. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const MOST_CONFIG_BYTES = 2 ** 22;

/**
 * The files of an adapter in a folder as PEFT writes it.
 *
 * @example
 * ```ts
 * import { loadAdapter, loadPolicyAdapter } from "@logratio/logratio";
 * const stage = loadPolicyAdapter(() => loadAdapter("runs/a/model"), { name: "runs/a/model" });
 * ```
 */
export async function loadAdapter(path: string): Promise<Result<Failure, StoredAdapter>> {
  const permission = await permissionToRead(path);
  if (permission._tag === "Left") return permission;
  const folder = path.replace(/(?<=.)[\\/]+$/, ""), weights = `${folder}/adapter_model.safetensors`;
  const config = await readJson(`${folder}/adapter_config.json`, MOST_CONFIG_BYTES);
  if (config._tag === "Left") return config;
  if (!await isThere(weights) && await isThere(`${folder}/adapter_model.bin`)) {
    return inputFailure(`Cannot load ${folder} as its tensors must be in adapter_model.safetensors: they are pickled`);
  }
  const bytes = await readBytes(weights);
  if (bytes._tag === "Left") return bytes;
  const tensors = decodeSafetensors(bytes.right, "f32");
  if (tensors._tag === "Left") return inputFailure(`Cannot load ${weights} as ${tensors.left}`);
  return right({ json: config.right.json, tensors: tensors.right });
}
