/**
 * Data as bytes, and back: a JSON header, then the raw numbers of every typed array once, then a hash of all that.
 *
 * `"logratio"` · length of the header, 8 bytes · header · arrays, each from a multiple of 8 on · hash, 16 bytes. Numbers are
 * little-endian, as on every machine that Deno runs on.
 */
import { left, type Result, right } from "../result.ts";
import { contentHash, isRecord, notData } from "./content_hash.ts";

const MAGIC = new TextEncoder().encode("logratio");
const HASH_BYTES = 16;

/** The typed arrays that are data. */
const KINDS = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
} as const;

type Kind = keyof typeof KINDS;
type Numbers = InstanceType<(typeof KINDS)[Kind]>;

/** What the header says of an array; its place follows from those before it. */
interface ArrayEntry {
  readonly kind: Kind;
  readonly length: number;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/**
 * Data as bytes: nested records, arrays, maps and sets of typed arrays, strings, numbers, bigints, booleans, `null` and
 * `undefined`. Equal data, equal bytes. An array that stands in two places is written once, and is one array again
 * afterwards.
 *
 * @throws {TypeError} with the path if something in it is not data
 * @example
 * ```ts
 * import { decodeData, encodeData } from "@logratio/logratio";
 * const bytes = encodeData({ step: 3, moments: Float32Array.of(0.5, NaN) });
 * const back = decodeData(bytes); // right({ step: 3, moments: Float32Array [0.5, NaN] })
 * ```
 */
export function encodeData(data: unknown): Uint8Array<ArrayBuffer> {
  const arrays = new Map<Numbers, number>();
  const place = (array: Numbers): number => {
    if (!arrays.has(array)) arrays.set(array, arrays.size);
    return arrays.get(array) as number;
  };
  const tree = written(data, place, "data");
  const entries = Array.from(arrays.keys(), (array): ArrayEntry => ({ kind: kindOf(array), length: array.length }));
  const header = new TextEncoder().encode(JSON.stringify({ arrays: entries, tree }));
  const start = aligned(MAGIC.length + 8 + header.length);
  const end = [...arrays.keys()].reduce((at, { byteLength }) => at + aligned(byteLength), start);
  const bytes = new Uint8Array(end + HASH_BYTES);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setBigUint64(MAGIC.length, BigInt(header.length), true);
  bytes.set(header, MAGIC.length + 8);
  let at = start;
  for (const { buffer, byteOffset, byteLength } of arrays.keys()) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += aligned(byteLength);
  }
  bytes.set(new TextEncoder().encode(contentHash(bytes.subarray(0, end))), end);
  return bytes;
}

/** The data that were encoded, in memory of their own; or the rule that the bytes break: `it must …`. */
export function decodeData(bytes: Uint8Array): Result<string, unknown> {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) return left("it must begin as what logratio writes");
  const end = bytes.length - HASH_BYTES;
  const text = (from: number, to: number): string => new TextDecoder().decode(bytes.subarray(from, to));
  if (end < MAGIC.length + 8 || contentHash(bytes.subarray(0, end)) !== text(end, bytes.length)) {
    return left("it must be whole: the hash at its end is not that of its content");
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(MAGIC.length, true));
  const header: { readonly arrays: readonly ArrayEntry[]; readonly tree: unknown } = JSON.parse(
    text(MAGIC.length + 8, MAGIC.length + 8 + length),
  );
  let at = aligned(MAGIC.length + 8 + length);
  const arrays = header.arrays.map(({ kind, length }) => {
    const { BYTES_PER_ELEMENT: width } = KINDS[kind];
    const array = new KINDS[kind](bytes.slice(at, at + length * width).buffer);
    at += aligned(length * width);
    return array;
  });
  return right(read(header.tree, arrays));
}

function kindOf(array: Numbers): Kind {
  return array.constructor.name as Kind;
}

function isNumbers(value: object): value is Numbers {
  return ArrayBuffer.isView(value) && value.constructor.name in KINDS;
}

/** What JSON has no word for, in the header: `{ "~": kind, is: … }`. */
interface Marked {
  readonly "~": "undefined" | "number" | "bigint" | "array" | "map" | "set" | "record";
  readonly is?: unknown;
}

const marked = (kind: Marked["~"], is?: unknown): Marked => ({ "~": kind, ...is !== undefined && { is } });

/** A tree for JSON. */
function written(value: unknown, place: (array: Numbers) => number, path: string): unknown {
  const child = (item: unknown, name: string | number): unknown => written(item, place, `${path}.${name}`);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : marked("number", Object.is(value, -0) ? "-0" : `${value}`);
  }
  if (value === undefined) return marked("undefined");
  if (typeof value === "bigint") return marked("bigint", `${value}`);
  if (Array.isArray(value)) return Array.from(value, child);
  if (value instanceof Map) return marked("map", Array.from(value, (pair, i) => child([...pair], i)));
  if (value instanceof Set) return marked("set", Array.from(value, child));
  if (isRecord(value)) {
    const fields = Object.entries(value).map(([name, item]) => [name, child(item, name)] as const);
    return "~" in value ? marked("record", fields) : Object.fromEntries(fields);
  }
  if (typeof value === "object" && isNumbers(value)) return marked("array", place(value));
  throw notData(value, path);
}

/** The data of a tree from JSON. */
function read(tree: unknown, arrays: readonly Numbers[]): unknown {
  const child = (item: unknown): unknown => read(item, arrays);
  if (typeof tree !== "object" || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map(child);
  if (!("~" in tree)) return Object.fromEntries(Object.entries(tree).map(([name, item]) => [name, child(item)]));
  const { "~": kind, is } = tree as Marked;
  const items = (): readonly unknown[] => (is as readonly unknown[]).map(child);
  switch (kind) {
    case "undefined":
      return undefined;
    case "number":
      return Number(is);
    case "bigint":
      return BigInt(is as string);
    case "array":
      return arrays[is as number];
    case "map":
      return new Map(items() as [unknown, unknown][]);
    case "set":
      return new Set(items());
    case "record":
      return Object.fromEntries((is as [string, unknown][]).map(([name, item]) => [name, child(item)]));
  }
}
