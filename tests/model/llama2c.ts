/**
 * llama2.c's legacy checkpoint: seven int32 of header, then float32 tensors, each stacked over the layers.
 *
 * Its rotary pairs are (2j, 2j+1); ours are (j, j + headDim/2), so the rows of queries and keys change places.
 */
import type { DecoderConfig, DecoderParams, LayerParams } from "../../lib/model/decoder.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";

/** Our row for row `row` of the file's queries or keys. */
function halfSplitRow(row: number, headDim: number): number {
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

const layerNames: Readonly<Record<string, keyof LayerParams>> = {
  attention_norm: "attentionNorm",
  wq: "query",
  wk: "key",
  wv: "value",
  wo: "output",
  ffn_norm: "mlpNorm",
  w1: "gate",
  w2: "down",
  w3: "up",
};

/**
 * Where an element of the file is in our tree: the tensor's path and the flat index in it.
 *
 * @param index `[layer, out, in]`, `[layer, i]`, `[row, column]` or `[i]`
 */
export function placeOf(
  name: string,
  index: readonly number[],
  { hiddenSize, mlp, attention: { headDim } }: DecoderConfig,
): { readonly path: string; readonly at: number } {
  if (name === "norm") return { path: "norm", at: index[0] as number };
  const [first, row, column] = index as [number, number, number?];
  if (name === "tok_embeddings.weight") return { path: "embedding", at: first * hiddenSize + row };
  const path = `layers.${first}.${layerNames[name]}`;
  if (column === undefined) return { path, at: row };
  const rotated = name === "wq" || name === "wk";
  return { path, at: (rotated ? halfSplitRow(row, headDim) : row) * (name === "w2" ? mlp.size : hiddenSize) + column };
}

/** The architecture that a file's header tells. */
function configOf(header: Int32Array): DecoderConfig {
  const [dim, hidden, layers, heads, kvHeads, vocab, context] = header as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    vocabSize: vocab,
    hiddenSize: dim,
    layers,
    contextLength: context,
    norm: { type: "rms", eps: 1e-5 },
    positions: { type: "rotary", theta: 10000 },
    attention: { heads, kvHeads, headDim: dim / heads },
    mlp: { type: "gatedSilu", size: hidden },
    tiedEmbeddings: true,
  };
}

/** The config and params of a checkpoint whose head is its embedding. */
export function readLlama2c(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: Dtype,
): { readonly config: DecoderConfig; readonly params: DecoderParams } {
  const config = configOf(new Int32Array(bytes.buffer, 0, 7));
  const { hiddenSize: d, vocabSize, layers, mlp: { size }, attention: { kvHeads, headDim } } = config;
  let at = 28;
  const next = (length: number): Float32Array => {
    at += 4 * length;
    return new Float32Array(bytes.buffer.slice(at - 4 * length, at));
  };
  const vectors = (): Tensor[] => Array.from({ length: layers }, () => tensor([d], next(d), dtype));
  const matrices = (rows: number, columns: number, rotated = false): Tensor[] =>
    Array.from({ length: layers }, () => {
      const x = next(rows * columns);
      return tensor([rows, columns], rotated ? permuteRows(x, columns, headDim) : x, dtype);
    });
  const embedding = tensor([vocabSize, d], next(vocabSize * d), dtype);
  const stacked: Partial<Record<keyof LayerParams, Tensor[]>> = { // in the order of the file
    attentionNorm: vectors(),
    query: matrices(d, d, true),
    key: matrices(kvHeads * headDim, d, true),
    value: matrices(kvHeads * headDim, d),
    output: matrices(d, d),
    mlpNorm: vectors(),
    gate: matrices(size, d),
    down: matrices(d, size),
    up: matrices(size, d),
  };
  const layer = (i: number): LayerParams =>
    Object.fromEntries(Object.entries(stacked).map(([name, list]) => [name, list[i]])) as unknown as LayerParams;
  const norm = tensor([d], next(d), dtype);
  return { config, params: { embedding, layers: Array.from({ length: layers }, (_, i) => layer(i)), norm } };
}
