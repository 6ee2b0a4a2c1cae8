/** The safetensors format: the length of a JSON header, the header, the numbers of every tensor. */
import type { Floats } from "../kernels/kernels.ts";
import { left, type Result, right } from "../result.ts";
import { type Half, narrow, widen } from "../kernels/half.ts";
import { build, type Dtype, floats, size, type Tensor } from "../tensor/tensor.ts";
import { type Ranges, readHeader, type StoredDtype, type StoredTensor } from "./safetensors_header.ts";
import { METADATA, showName } from "./safetensors_text.ts";

/** The element types of weights. */
export type WeightDtype = Dtype | Half;

const STORED = { f64: "F64", f32: "F32", f16: "F16", bf16: "BF16" } as const satisfies Record<WeightDtype, StoredDtype>;
const BYTES: Readonly<Record<WeightDtype, number>> = { f64: 8, f32: 4, f16: 2, bf16: 2 };

/** Elements that are converted at once. */
const PIECE = 1 << 16;

/** The element type of a stored tensor if it is one that weights may have. */
export function weightDtype({ dtype }: StoredTensor): WeightDtype | undefined {
  return (Object.keys(STORED) as WeightDtype[]).find((name) => STORED[name] === dtype);
}

/** A tensor to write: its shape and type, and its numbers in pieces, in order. */
export interface Writing {
  readonly shape: readonly number[];
  readonly dtype: WeightDtype;
  readonly pieces: () => Iterable<Floats>;
}

/** A tensor as one piece, in its own type or another. */
export function writing(t: Tensor, dtype: WeightDtype = t.dtype): Writing {
  return { shape: t.shape, dtype, pieces: () => [floats(t)] };
}

/** The bytes of a safetensors file, piece by piece: whoever writes them down needs no second copy of the weights. */
export function* safetensorsChunks(tensors: Iterable<readonly [name: string, tensor: Writing]>): Generator<Uint8Array> {
  const all = [...tensors];
  let end = 0;
  const entries = all.map(([name, { shape, dtype }]) => {
    const start = end;
    end += BYTES[dtype] * size(shape);
    return [name, { dtype: STORED[dtype], shape, data_offsets: [start, end] }] as const;
  });
  // Readers of weights look at the format to know whose layout the matrices have: [out, in], as PyTorch's.
  const text = JSON.stringify({ [METADATA]: { format: "pt" }, ...Object.fromEntries(entries) });
  const unpadded = new TextEncoder().encode(text).length;
  const header = new TextEncoder().encode(text + " ".repeat((8 - unpadded % 8) % 8));
  yield new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
  yield header;
  for (const [, { dtype, pieces }] of all) for (const numbers of pieces()) yield* stored(numbers, dtype);
}

/** Numbers as bytes of a type. */
function* stored(numbers: Floats, dtype: WeightDtype): Generator<Uint8Array> {
  const own = numbers instanceof Float32Array ? "f32" : "f64";
  if (own === dtype) return yield new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  for (let at = 0; at < numbers.length; at += PIECE) {
    const piece = numbers.subarray(at, at + PIECE);
    if (dtype === "f32") yield new Uint8Array(Float32Array.from(piece).buffer);
    else if (dtype === "f64") yield new Uint8Array(Float64Array.from(piece).buffer);
    else {
      const bits = new Uint16Array(piece.length);
      narrow(dtype, piece, bits);
      yield new Uint8Array(bits.buffer);
    }
  }
}

/**
 * Tensors by name as the bytes of a safetensors file, in their order.
 *
 * @param dtype in the file, rounded to nearest; default each tensor's own
 * @see https://huggingface.co/docs/safetensors
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors, tensor } from "@logratio/logratio";
 * const bytes = encodeSafetensors({ "score.weight": tensor([1, 2], [0.5, -1]) });
 * const back = decodeSafetensors(bytes); // right(Map { "score.weight" => [1, 2] })
 * ```
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  dtype?: WeightDtype,
): Uint8Array<ArrayBuffer> {
  const chunks = [...safetensorsChunks(Object.entries(tensors).map(([name, t]) => [name, writing(t, dtype)]))];
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Writes elements of a stored tensor, from the `first` on, into `out`: straight there if they have its type, else widened
 * piece by piece.
 */
export function readElements(file: Ranges, stored: StoredTensor, first: number, out: Floats): void {
  const dtype = weightDtype(stored) as WeightDtype;
  const own = out instanceof Float32Array ? "f32" : "f64";
  const start = stored.start + BYTES[dtype] * first;
  if (own === dtype) return file.read(start, new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
  const bytes = new Uint8Array(BYTES[dtype] * Math.min(PIECE, out.length));
  for (let at = 0; at < out.length; at += PIECE) {
    const target = out.subarray(at, at + PIECE), piece = bytes.subarray(0, BYTES[dtype] * target.length);
    file.read(start + BYTES[dtype] * at, piece);
    if (dtype === "f32") target.set(new Float32Array(bytes.buffer, 0, target.length));
    else if (dtype === "f64") target.set(new Float64Array(bytes.buffer, 0, target.length));
    else widen(dtype, new Uint16Array(bytes.buffer, 0, target.length), target);
  }
}

/**
 * The tensors of a safetensors file by name; or the rule that the bytes break: `it must …`.
 *
 * @param dtype of the tensors, whatever the file's; default f64 for F64, f32 for F32, F16 and BF16
 */
export function decodeSafetensors(bytes: Uint8Array, dtype?: Dtype): Result<string, ReadonlyMap<string, Tensor>> {
  const file: Ranges = {
    bytes: bytes.length,
    read: (start, out) => out.set(bytes.subarray(start, start + out.length)),
  };
  const header = readHeader(file);
  if (header._tag === "Left") return header;
  const tensors = new Map<string, Tensor>();
  for (const [name, stored] of header.right) {
    const own = weightDtype(stored);
    if (own === undefined) return left(notWeights(name, stored));
    tensors.set(
      name,
      build(dtype ?? (own === "f64" ? "f64" : "f32"), stored.shape, (out) => readElements(file, stored, 0, out)),
    );
  }
  return right(tensors);
}

/** The rule that a tensor of numbers that are no weights breaks. */
export function notWeights(name: string, { dtype }: StoredTensor): string {
  return `its weights must be F32, F64, F16 or BF16: ${showName(name)} is ${dtype}`;
}
