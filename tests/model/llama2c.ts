/** Reads llama2.c's legacy checkpoint: seven int32 of header, then float32 tensors, rotary pairs (2j, 2j+1). */
import type { DecoderConfig, DecoderParams, LayerParams } from "../../lib/model/decoder.ts";
import { type Dtype, tensor, type Tensor } from "../../lib/tensor/tensor.ts";

/** Row of the half-split layout that holds row r of an interleaved head: (2j, 2j+1) become (j, j + d/2). */
export function halfSplitRow(row: number, headDim: number): number {
  const [head, i] = [Math.floor(row / headDim), row % headDim];
  return head * headDim + (i % 2) * (headDim / 2) + Math.floor(i / 2);
}

function permuteRows(x: Float32Array, columns: number, headDim: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let row = 0; row < x.length / columns; row++) {
    out.set(x.subarray(row * columns, (row + 1) * columns), halfSplitRow(row, headDim) * columns);
  }
  return out;
}

export function readLlama2c(bytes: Uint8Array<ArrayBuffer>, dtype: Dtype): { config: DecoderConfig; params: DecoderParams } {
  const [dim, hidden, layers, heads, kvHeads, vocab, context] = new Int32Array(bytes.buffer, 0, 7) as unknown as number[];
  const [d, h, n, v] = [dim!, hidden!, layers!, vocab!];
  const headDim = d / heads!;
  const kv = kvHeads! * headDim;
  let at = 28;
  const next = (length: number): Float32Array => {
    const out = new Float32Array(bytes.buffer.slice(at, at + 4 * length));
    at += 4 * length;
    return out;
  };
  const stack = (rows: number, columns: number, rotated = false): Tensor[] =>
    Array.from({ length: n }, () => {
      const x = next(rows * columns);
      return tensor(columns === 1 ? [rows] : [rows, columns], rotated ? permuteRows(x, columns, headDim) : x, dtype);
    });
  const embedding = tensor([v, d], next(v * d), dtype);
  const tensors: Record<keyof LayerParams, Tensor[]> = {
    attentionNorm: stack(d, 1),
    query: stack(d, d, true),
    key: stack(kv, d, true),
    value: stack(kv, d),
    output: stack(d, d),
    mlpNorm: stack(d, 1),
    gate: stack(h, d),
    down: stack(d, h),
    up: stack(h, d),
  };
  const norm = tensor([d], next(d), dtype);
  const layer = (i: number): LayerParams =>
    Object.fromEntries(Object.entries(tensors).map(([name, list]) => [name, list[i]])) as unknown as LayerParams;
  return {
    config: {
      vocabSize: v,
      hiddenSize: d,
      layers: n,
      contextLength: context!,
      norm: { type: "rms", eps: 1e-5 },
      positions: { type: "rotary", theta: 10000 },
      attention: { heads: heads!, kvHeads: kvHeads!, headDim },
      mlp: { type: "gatedSilu", size: h },
      tiedEmbeddings: true,
    },
    params: { embedding, layers: Array.from({ length: n }, (_, i) => layer(i)), norm },
  };
}
