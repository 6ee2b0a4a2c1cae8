/** Models and adapters that lie beside the checkout, where they do and may be read. */
import { assert } from "@std/assert";
import { type DecoderConfig, type DecoderParams, decoderTree } from "../../lib/model/decoder.ts";
import { llamaName, llamaParams } from "../../lib/model/llama.ts";
import type { Adapter } from "../../lib/model/lora.ts";
import { type FileMatrix, readPeft } from "../../lib/model/peft.ts";
import { decodeSafetensors } from "../../lib/model/safetensors.ts";
import type { Dtype, Tensor } from "../../lib/tensor/tensor.ts";

const shared = new URL("../../../shared/reference/", import.meta.url);
const readable = (await Deno.permissions.query({ name: "read", path: shared })).state === "granted";

/** A file beside the checkout; undefined where there is none, or no permission to read it. */
export async function sharedFile(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return readable ? await Deno.readFile(new URL(path, shared)).catch(() => undefined) : undefined;
}

/** The same, parsed. */
// deno-lint-ignore no-explicit-any -- each file has a form of its own
export async function sharedJson(path: string): Promise<any> {
  const bytes = await sharedFile(path);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}

/** A Llama of rms norms and rotary positions. */
export function llama(sizes: { vocabSize: number; hiddenSize: number; mlp: number }): DecoderConfig {
  return {
    ...{ vocabSize: sizes.vocabSize, hiddenSize: sizes.hiddenSize, layers: 2, contextLength: 256 },
    norm: { type: "rms", eps: 1e-5 },
    positions: { type: "rotary", theta: 10_000 },
    attention: { heads: 4, kvHeads: 2, headDim: 12 },
    mlp: { type: "gatedSilu", size: sizes.mlp },
    tiedEmbeddings: false,
  };
}

/** The matrices of a Llama's file. */
export function llamaLayout(config: DecoderConfig): readonly FileMatrix[] {
  const layout: FileMatrix[] = [];
  decoderTree(config, (path, shape) => {
    layout.push({ name: llamaName(path), transposed: false, parts: [{ path, shape }] });
    return undefined as unknown as Tensor;
  });
  return layout;
}

/** The parameters in the bytes of a file. */
export function paramsIn(bytes: Uint8Array, config: DecoderConfig, dtype: Dtype): DecoderParams {
  const tensors = decodeSafetensors(bytes, dtype);
  assert(tensors._tag === "Right");
  const params = llamaParams(tensors.right, config);
  assert(params._tag === "Right");
  return params.right;
}

/** A PEFT folder's files. */
export interface PeftFolder {
  readonly json: unknown;
  readonly bytes: Uint8Array;
}

/** A PEFT folder beside the checkout. */
export async function peftFolder(path: string): Promise<PeftFolder | undefined> {
  const [json, bytes] = [
    await sharedJson(`${path}/adapter_config.json`),
    await sharedFile(`${path}/adapter_model.safetensors`),
  ];
  return bytes === undefined ? undefined : { json, bytes };
}

/** The adapter in a PEFT folder. */
export function adapterIn(folder: PeftFolder, config: DecoderConfig, dtype: Dtype): Adapter {
  const tensors = decodeSafetensors(folder.bytes, dtype);
  assert(tensors._tag === "Right");
  const adapter = readPeft(llamaLayout(config), folder.json, tensors.right);
  assert(adapter._tag === "Right", JSON.stringify(adapter));
  return adapter.right;
}
