/** The safetensors format, as far as the tests need it: a length, a JSON header, float32 tensors. */
import type { DecoderParams, LayerParams } from "../../lib/model/decoder.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** The tensors of a file by name, in a type of numbers. */
export function readSafetensors(bytes: Uint8Array<ArrayBuffer>, dtype: Dtype): ReadonlyMap<string, Tensor> {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header: Record<string, Entry> = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return new Map(entries.map(([name, { dtype: stored, shape, data_offsets: [start, end] }]) => {
    if (stored !== "F32") throw new TypeError(`Cannot read ${name} as it must be F32: it is ${stored}`);
    const values = new Float32Array(bytes.buffer.slice(8 + length + start, 8 + length + end));
    return [name, tensor(shape, values, dtype)];
  }));
}

const LAYER: Readonly<Record<keyof LayerParams, string>> = {
  attentionNorm: "input_layernorm",
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.o_proj",
  mlpNorm: "post_attention_layernorm",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/** The name that a tensor of our tree has in a Llama's file. */
export function llamaName(path: string): string {
  const [, layer, name] = /^layers\.(\d+)\.(\w+)$/.exec(path) ?? [];
  if (name !== undefined) return `model.layers.${layer}.${LAYER[name as keyof LayerParams]}.weight`;
  return { embedding: "model.embed_tokens.weight", norm: "model.norm.weight", head: "lm_head.weight" }[path] as string;
}

/** The trunk of a Llama, without its head. */
export function llamaTrunk(tensors: ReadonlyMap<string, Tensor>, layers: number): DecoderParams {
  const at = (path: string): Tensor => tensors.get(llamaName(path)) as Tensor;
  const layer = (i: number): LayerParams =>
    Object.fromEntries(Object.keys(LAYER).map((name) => [name, at(`layers.${i}.${name}`)])) as unknown as LayerParams;
  return { embedding: at("embedding"), layers: Array.from({ length: layers }, (_, i) => layer(i)), norm: at("norm") };
}
