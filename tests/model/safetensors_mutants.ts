/** Safetensors files whose headers were damaged at random, and what becomes of them. */
import { decodeSafetensors, encodeSafetensors } from "../../lib/model/safetensors.ts";
import { readHeader } from "../../lib/model/safetensors_header.ts";
import { fold, type Key, uniform } from "../../lib/tensor/random.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { type Outcome } from "../data/mutants.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const FILE = encodeSafetensors({
  "model.embed_tokens.weight": tensor([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
  "model.norm.weight": tensor([2], [1, 2]),
  "lm_head.weight": tensor([2, 2], [1, 2, 3, 4], "f64"),
  empty: tensor([0, 3], []),
});

const NUMBERS = ["0", "1", "2", "-1", "4", "8", "16", "32", "40", "72", "104", "1e3", "0.5", "1e999", "4294967296"]
  .concat(
    ["9007199254740991", "9007199254740993", "18446744073709551615", "null", '"8"'],
  );
const TYPES = ["F16", "BF16", "F32", "F64", "I64", "BOOL", "U8", "F8_E4M3", "f32", "", "__proto__", "constructor"];
const TOKENS = [
  ...['"', ",", ":", "[", "]", "{", "}", "[[", "null", "true", "\\u0000", "\0", "\xff", "\u2028", "é", "\ud800"],
  ...['"__proto__"', '"toString":{},', '"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},', '"__metadata__":{},'],
  ...['"dtype":"F32",', '"shape":[2],', '"data_offsets":[0,8],', "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"],
];

/** The file's bytes under another header. */
export function underHeader(header: string, file: Bytes = FILE, length?: bigint): Bytes {
  const text = new TextEncoder().encode(header);
  const data = file.subarray(8 + Number(new DataView(file.buffer).getBigUint64(0, true)));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** The header's text. */
export function headerText(file: Bytes = FILE): string {
  return new TextDecoder().decode(file.subarray(8, 8 + Number(new DataView(file.buffer).getBigUint64(0, true)))).trim();
}

/** One to four damages of the header: values and names exchanged, put in, doubled, cut out; rarely of its length too. */
export function mutant(key: Key): Bytes {
  const draws = uniform(key, 24);
  const draw = (i: number, below: number): number => Math.floor((draws[i] as number) * below);
  let header = headerText();
  for (let k = 0; k <= draw(0, 4); k++) {
    const at = draw(5 * k + 1, header.length), size = 1 + draw(5 * k + 2, 30), kind = draw(5 * k + 3, 10);
    const one = (of: readonly string[]): string => of[draw(5 * k + 4, of.length)] as string;
    const [before, after] = [header.slice(0, at), header.slice(at)];
    if (kind < 5) header = before + after.replace(/(?<=[[,])\d+/, () => one(NUMBERS)); // the next offset or axis
    else if (kind < 6) header = before + after.replace(/"F\d\d"/, () => `"${one(TYPES)}"`);
    else if (kind < 7) header = before + after.replace(/(?<=[{,])/, () => one(TOKENS)); // where a field may begin
    else if (kind < 8) header = before + one(TOKENS) + after.slice(0, size) + after;
    else if (kind < 9) header = before + after.slice(size);
    else header = before + String.fromCharCode(draw(5 * k + 4, 256)) + after.slice(1);
  }
  const kind = draw(22, 20);
  const length = kind === 0 ? 1n << BigInt(draw(23, 64)) : kind === 1 ? BigInt(draw(23, 400)) : undefined;
  return underHeader(header, FILE, length);
}

/** What makes the tensors of a header no tensors of its file, worked out anew; or nothing. */
function unsound(bytes: Bytes): string | undefined {
  const header = readHeader({ bytes: bytes.length, read: (at, out) => out.set(bytes.subarray(at, at + out.length)) });
  if (header._tag === "Left") return "the header is refused alone";
  const owner = new Map<number, string>();
  for (const [name, { start, end }] of header.right) {
    for (let byte = start; byte < end; byte++) {
      if (owner.has(byte)) return `${name} and ${owner.get(byte)} share byte ${byte}`;
      if (byte >= bytes.length) return `${name} has byte ${byte} of ${bytes.length}`;
      owner.set(byte, name);
    }
  }
  return undefined;
}

/** Damages the header so many times. */
export function tryHeaderMutants(key: Key, count: number): Outcome {
  let read = 0, refused = 0, slowest = 0;
  const broken: string[] = [];
  for (let i = 0; i < count; i++) {
    const bytes = mutant(fold(key, i)), began = performance.now();
    try {
      const result = decodeSafetensors(bytes);
      slowest = Math.max(slowest, performance.now() - began);
      const fault = result._tag === "Right" ? unsound(bytes) : undefined;
      if (fault !== undefined) broken.push(`mutant ${i}: ${fault}`);
      else if (result._tag === "Right") read++;
      else if (/ must .*: | must /.test(result.left) && result.left.length < 500) refused++;
      else broken.push(`mutant ${i}: ${result.left}`);
    } catch (error) {
      broken.push(`mutant ${i}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  return { read, refused, slowest, broken };
}
