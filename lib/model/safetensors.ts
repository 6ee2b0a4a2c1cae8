/** The safetensors format: the length of a JSON header, the header, the numbers of every tensor. */
import { left, type Result, right } from "../result.ts";
import { type Dtype, floats, showShape, size, type Tensor, tensor } from "../tensor/tensor.ts";

/** What the header says of a tensor; offsets count from the end of the header. */
interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const NAMES: Readonly<Record<Dtype, string>> = { f32: "F32", f64: "F64" };

/**
 * Tensors by name as the bytes of a safetensors file, in their order.
 *
 * @see https://huggingface.co/docs/safetensors
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors, tensor } from "@logratio/logratio";
 * const bytes = encodeSafetensors({ "score.weight": tensor([1, 2], [0.5, -1]) });
 * const back = decodeSafetensors(bytes); // right(Map { "score.weight" => [1, 2] })
 * ```
 */
export function encodeSafetensors(tensors: Readonly<Record<string, Tensor>>): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, ...t }]) => {
    const start = end;
    end += floats({ dtype, shape, ...t }).byteLength;
    return [name, { dtype: NAMES[dtype], shape, data_offsets: [start, end] } satisfies Entry] as const;
  });
  // Readers of weights look at the format to know whose layout the matrices have: [out, in], as PyTorch's.
  const text = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) });
  const unpadded = new TextEncoder().encode(text).length;
  const header = new TextEncoder().encode(text + " ".repeat((8 - unpadded % 8) % 8));
  const bytes = new Uint8Array(8 + header.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  let at = 8 + header.length;
  for (const t of Object.values(tensors)) {
    const { buffer, byteOffset, byteLength } = floats(t);
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/**
 * The tensors of a safetensors file by name; or the rule that the bytes break: `it must …`.
 *
 * @param dtype of the tensors, whatever the file's; default the file's own
 */
export function decodeSafetensors(bytes: Uint8Array, dtype?: Dtype): Result<string, ReadonlyMap<string, Tensor>> {
  const header = headerOf(bytes);
  if (header._tag === "Left") return header;
  const { start, entries } = header.right;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype: stored, shape, data_offsets: [from, to] }] of entries) {
    const own = (["f32", "f64"] as const).find((d) => NAMES[d] === stored);
    if (own === undefined) return left(`its tensors must be F32 or F64: ${name} is ${stored}`);
    const width = own === "f32" ? 4 : 8;
    if (to - from !== width * size(shape) || start + to > bytes.length) {
      return left(`it must hold all numbers of ${name}, ${showShape(shape)}: it is cut off or damaged`);
    }
    const { buffer } = bytes.slice(start + from, start + to);
    const values = own === "f32" ? new Float32Array(buffer) : new Float64Array(buffer);
    tensors.set(name, tensor(shape, values, dtype ?? own));
  }
  return right(tensors);
}

/** What the header says, and where the numbers start. */
function headerOf(
  bytes: Uint8Array,
): Result<string, { readonly start: number; readonly entries: readonly (readonly [string, Entry])[] }> {
  const rule = left("it must be a safetensors file: it has no whole header");
  if (bytes.length < 8) return rule;
  const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (start > bytes.length) return rule;
  try {
    const header: Record<string, Entry> = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
    return right({ start, entries: Object.entries(header).filter(([name]) => name !== "__metadata__") });
  } catch {
    return rule;
  }
}
