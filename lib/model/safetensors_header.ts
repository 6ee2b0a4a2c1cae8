/**
 * The header of a safetensors file: where each tensor's numbers are. It is read first, and nothing is allocated for the
 * tensors before it was found sound.
 *
 * @see https://huggingface.co/docs/safetensors
 */
import { left, type Result, right } from "../result.ts";
import { showShape } from "../tensor/tensor.ts";
import { headerTextFault, METADATA, showName } from "./safetensors_text.ts";

/** Bytes of a file by range: fills `out` with those from `start` on, which must be there. */
export interface Ranges {
  /** Of the whole file. */
  readonly bytes: number;
  readonly read: (start: number, out: Uint8Array) => void;
}

/** An element type that safetensors files may hold. */
export type StoredDtype =
  | ("F64" | "F32" | "F16" | "BF16")
  | ("BOOL" | "U8" | "I8" | "U16" | "I16" | "U32" | "I32" | "U64" | "I64" | "C64")
  | ("F8_E4M3" | "F8_E5M2" | "F8_E8M0");

/** Bytes of an element. */
const WIDTHS: Readonly<Record<StoredDtype, number>> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2 },
  ...{ BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, U32: 4, I32: 4, U64: 8, I64: 8, C64: 8 },
  ...{ F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1 },
};

/** A tensor in a file: its type, its shape, and the range of its bytes from the start of the file. */
export interface StoredTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** The most that the format allows a header to have. */
const MOST_HEADER_BYTES = 100_000_000;

/**
 * What a file's header says of its tensors, by name; or the rule that it breaks: `it must …`.
 *
 * The ranges fill the file from the header to its end, without overlap and without a gap, as the format demands.
 */
export function readHeader(file: Ranges): Result<string, ReadonlyMap<string, StoredTensor>> {
  if (file.bytes < 8) return left(`it must be a safetensors file: it has ${file.bytes} bytes`);
  const length = new Uint8Array(8);
  file.read(0, length);
  const bytes = new DataView(length.buffer).getBigUint64(0, true);
  if (bytes > MOST_HEADER_BYTES) {
    return left(
      `it must be a safetensors file, its header at most ${MOST_HEADER_BYTES} bytes: its first 8 bytes say ${bytes}`,
    );
  }
  if (8n + bytes > file.bytes) {
    return left(
      `it must hold its whole header of ${bytes} bytes: the file has ${file.bytes} and is cut off or damaged`,
    );
  }
  const text = new Uint8Array(Number(bytes));
  file.read(8, text);
  const parsed = parseHeader(text);
  return parsed._tag === "Left" ? parsed : placed(parsed.right, 8 + text.length, file.bytes);
}

/** The parsed header. */
function parseHeader(bytes: Uint8Array): Result<string, Readonly<Record<string, unknown>>> {
  if (bytes[0] !== 0x7b) return left("it must be a safetensors file: its header does not begin with {");
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const fault = headerTextFault(text);
    return fault === undefined ? right(JSON.parse(text)) : left(fault);
  } catch (error) {
    return left(
      `its header must be JSON in UTF-8: ${error instanceof SyntaxError ? "it does not parse" : "it is not"}`,
    );
  }
}

/** The tensors in the order of their bytes. */
function placed(
  header: Readonly<Record<string, unknown>>,
  dataStart: number,
  fileBytes: number,
): Result<string, ReadonlyMap<string, StoredTensor>> {
  const entries: (readonly [string, StoredTensor])[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) continue;
    const entry = entryOf(value, dataStart);
    if (typeof entry === "string") return left(`${showName(name)} must ${entry}`);
    entries.push([name, entry]);
  }
  entries.sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let end = dataStart, before = "the header";
  for (const [name, entry] of entries) {
    if (entry.start !== end) {
      const how = entry.start < end ? `overlaps ${before}` : `leaves a gap of ${entry.start - end} bytes to ${before}`;
      return left(`its tensors must lie one behind the other: ${showName(name)} ${how}`);
    }
    [end, before] = [entry.end, showName(name)];
    if (end > fileBytes) {
      const ends = `${before}, ${showShape(entry.shape)}, would end at byte ${end} of ${fileBytes}`;
      return left(`it must hold all numbers of its tensors: ${ends}; the file is cut off or damaged`);
    }
  }
  if (end !== fileBytes) return left(`it must end with its last tensor: ${fileBytes - end} bytes follow ${before}`);
  return right(new Map(entries));
}

/** An entry of the header; or what it must be. */
function entryOf(value: unknown, dataStart: number): StoredTensor | string {
  if (typeof value !== "object" || value === null) return "be a record of dtype, shape and data_offsets";
  const { dtype, shape, data_offsets: offsets } = value as Readonly<Record<string, unknown>>;
  if (typeof dtype !== "string" || !Object.hasOwn(WIDTHS, dtype)) {
    const names = Object.keys(WIDTHS).join(", ");
    return `have a dtype among ${names}: it has ${typeof dtype === "string" ? showName(dtype) : typeof dtype}`;
  }
  if (!isCounts(shape)) return "have a shape of whole numbers from 0 to 2^53";
  if (!isCounts(offsets) || offsets.length !== 2) return "have two data_offsets, whole numbers from 0 to 2^53";
  const [from, to] = offsets as [number, number];
  // A product beyond 2^53 is not exact, but then no less than 2^53, and no file has so many bytes.
  const needed = shape.reduce((n, d) => n * d, WIDTHS[dtype as StoredDtype]);
  if (to - from !== needed) return `have ${needed} bytes of ${dtype} ${showShape(shape)}: it has ${to - from}`;
  return { dtype: dtype as StoredDtype, shape, start: dataStart + from, end: dataStart + to };
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Bytes of tensors in a file, by the type they have there. */
export function storedBytes(tensors: Iterable<StoredTensor>): Readonly<Partial<Record<StoredDtype, number>>> {
  const bytes: Partial<Record<StoredDtype, number>> = {};
  for (const { dtype, start, end } of tensors) bytes[dtype] = (bytes[dtype] ?? 0) + end - start;
  return bytes;
}
