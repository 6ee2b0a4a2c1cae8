/** A hash of data by content: equal trees, equal hash, whatever memory they lie in. */
import { isTensor, numbersOf } from "../tensor/tensor.ts";

type Bytes = { readonly buffer: ArrayBufferLike; readonly byteOffset: number; readonly byteLength: number };

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** Spreads each bit of a word over all of it (the finaliser of MurmurHash3). */
function avalanche(word: number): number {
  let x = word;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * A 64-bit hash of data as 16 hexadecimal digits: nested records, arrays, maps and sets of tensors, typed arrays,
 * strings, numbers, booleans, `null` and `undefined`. It finds changes; it is no defence against forgery.
 *
 * The order of a record's fields does not count, that of arrays, maps and sets does.
 *
 * @throws {TypeError} with the path if something in it is not data: a function, an instance of a class
 * @see MurmurHash3 (Appleby), two lanes of 32 bits
 */
export function contentHash(data: unknown): string {
  let a = 0;
  let b = 0x9747b28c;
  const word = (w: number): void => {
    a = Math.imul(rotate(a ^ Math.imul(rotate(Math.imul(w, 0xcc9e2d51), 15), 0x1b873593), 13), 5) + 0xe6546b64 | 0;
    b = Math.imul(rotate(b ^ Math.imul(rotate(Math.imul(w, 0x239b961b), 16), 0xab0e9789), 15), 5) + 0x38b34ae5 | 0;
  };
  const words = ({ buffer, byteOffset, byteLength }: Bytes): void => {
    const aligned = byteOffset % 4 === 0;
    const from = aligned ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
    const start = aligned ? byteOffset : 0;
    const whole = byteLength >>> 2;
    word(byteLength);
    for (const w of new Uint32Array(from, start, whole)) word(w);
    for (const w of new Uint8Array(from, start + 4 * whole, byteLength - 4 * whole)) word(w);
  };
  const text = (value: string): void => {
    word(value.length);
    for (let i = 0; i < value.length; i++) word(value.charCodeAt(i));
  };
  eachPart(data, {
    mark: text,
    number: (x) => words(new Float64Array([x])),
    bytes: words,
  });
  return [a, b].map((lane) => avalanche(lane).toString(16).padStart(8, "0")).join("");
}

/** What a reader of data is told, part by part. */
interface Reader {
  readonly mark: (text: string) => void;
  readonly number: (x: number) => void;
  readonly bytes: (bytes: Bytes) => void;
}

function eachPart(value: unknown, read: Reader, path = "state"): void {
  if (typeof value === "number") return read.mark("number"), read.number(value);
  if (typeof value === "string") return read.mark("text"), read.mark(value);
  if (isTensor(value)) {
    read.mark(`tensor ${value.dtype} ${value.shape}`);
    return read.bytes(numbersOf(value));
  }
  if (ArrayBuffer.isView(value)) return read.mark(value.constructor.name), read.bytes(value);
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    read.mark(`${value.constructor.name} ${value instanceof Array ? value.length : value.size}`);
    let i = 0;
    for (const item of value) eachPart(item, read, `${path}.${i++}`);
    return;
  }
  if (isRecord(value)) {
    const names = Object.keys(value).sort();
    read.mark(`record ${names.length}`);
    for (const name of names) read.mark(name), eachPart(value[name], read, `${path}.${name}`);
    return;
  }
  if (value === null || ["undefined", "boolean", "bigint"].includes(typeof value)) return read.mark(String(value));
  throw notData(value, path);
}

/** Whether a value is a plain record. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The error for what cannot be saved. */
export function notData(value: unknown, path: string): TypeError {
  const what = typeof value === "object" ? value?.constructor.name : typeof value;
  return new TypeError(`Cannot save the state as it must be data: ${path} is of type ${what}`);
}
