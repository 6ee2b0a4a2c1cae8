import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeSafetensors, encodeSafetensors } from "../../lib/model/safetensors.ts";
import { readHeader, storedBytes } from "../../lib/model/safetensors_header.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { key } from "../../lib/tensor/random.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { tryHeaderMutants, underHeader } from "./safetensors_mutants.ts";

const TWO = encodeSafetensors({ a: tensor([2], [1, 2]), b: tensor([2], [3, 4]) });
const entry = (name: string, from: number, to: number, more = ""): string =>
  `"${name}":{"dtype":"F32","shape":[2],"data_offsets":[${from},${to}]${more}}`;

/** The rule that sixteen bytes of numbers break under a header. */
function rule(header: string, length?: bigint): string {
  const decoded = decodeSafetensors(underHeader(header, TWO, length));
  return decoded._tag === "Left" ? decoded.left : "";
}

Deno.test("a header and its numbers that fit are read", () => {
  assertEquals(rule(`{${entry("a", 0, 8)},${entry("b", 8, 16)}}`), "");
  assertEquals(rule(`{"__metadata__":{"any":"text"}, ${entry("b", 8, 16)} ,${entry("a", 0, 8)}}  \n`), "");
});

const HOSTILE: readonly (readonly [what: string, header: string, rule: string, length?: bigint])[] = [
  [
    "tensors overlap",
    `{${entry("a", 0, 8)},${entry("b", 4, 12)}}`,
    "its tensors must lie one behind the other: b overlaps a",
  ],
  [
    "two tensors share their bytes",
    `{${entry("a", 0, 8)},${entry("b", 0, 8)}}`,
    "its tensors must lie one behind the other: b overlaps a",
  ],
  [
    "there is a gap",
    `{${entry("a", 0, 8)},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`,
    "its tensors must lie one behind the other: b leaves a gap of 4 bytes to a",
  ],
  ["bytes follow", `{${entry("a", 0, 8)}}`, "it must end with its last tensor: 8 bytes follow a"],
  [
    "a tensor ends beyond the file",
    `{${entry("a", 0, 8)},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}`,
    "it must hold all numbers of its tensors: b, [4], would end at byte 140 of 132; the file is cut off or damaged",
  ],
  [
    "offsets are huge",
    `{${entry("a", 0, 8)},${entry("b", 2 ** 52, 2 ** 52 + 8)}}`,
    "its tensors must lie one behind the other: b leaves a gap of 4503599627370488 bytes to a",
  ],
  [
    "offsets are beyond 2^53",
    `{"a":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551616]}}`,
    "a must have two data_offsets, whole numbers from 0 to 2^53",
  ],
  ["offsets are turned round", `{${entry("a", 8, 0)}}`, "a must have 8 bytes of F32 [2]: it has -8"],
  [
    "a product overflows",
    '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}',
    "a must have 73786976294838210000 bytes of F32 [4294967296, 4294967296]: it has 0",
  ],
  [
    "an axis is negative",
    '{"a":{"dtype":"F32","shape":[-2,-2],"data_offsets":[0,16]}}',
    "a must have a shape of whole numbers from 0 to 2^53",
  ],
  [
    "the shape is another",
    '{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}}',
    "a must have 12 bytes of F32 [3]: it has 16",
  ],
  [
    "a tensor is named twice",
    `{${entry("a", 0, 8)},${entry("a", 8, 16)}}`,
    "its header must hold every name once: a is there twice",
  ],
  [
    "a tensor is named twice, once escaped",
    `{${entry("a", 0, 8)},${entry("\\u0061", 8, 16)}}`,
    "its header must hold every name once: a is there twice",
  ],
  [
    "a field is there twice",
    `{${entry("a", 0, 8, ',"shape":[4]')}}`,
    "its header must hold every name once: shape is there twice",
  ],
  [
    "a field is unknown",
    `{${entry("a", 0, 8, ',"strides":[4]')}}`,
    "its header must say dtype, shape and data_offsets of a tensor and no more: a has strides",
  ],
  [
    "the type is no weights'",
    '{"a":{"dtype":"F8_E4M3","shape":[16],"data_offsets":[0,16]}}',
    "its weights must be F32, F64, F16 or BF16: a is F8_E4M3",
  ],
  [
    "the type is a prototype's",
    '{"a":{"dtype":"constructor","shape":[16],"data_offsets":[0,16]}}',
    "a must have a dtype among F64, F32, F16, BF16, BOOL, U8, I8, U16, I16, U32, I32, U64, I64, C64, F8_E4M3, F8_E5M2, " +
    "F8_E8M0: it has constructor",
  ],
  ["a tensor is a list", '{"a":[]}', "its header must be a record of tensors: a is of another form"],
  [
    "a thousand axes",
    `{"a":{"dtype":"F32","shape":[${"1,".repeat(1000)}1],"data_offsets":[0,4]}}`,
    "its tensors must have at most 16 axes: a has more",
  ],
  [
    "deep nesting",
    `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    "its header must be a record of tensors: a is of another form",
  ],
  ["the text has no end", '{"a', "its header must be JSON: a text in it has no end"],
  ["it is no JSON", "{]", "its header must be JSON in UTF-8: it does not parse"],
  ["it is a list", "[]", "it must be a safetensors file: its header does not begin with {"],
  [
    "the header claims 2^60 bytes",
    "{}",
    "it must be a safetensors file, its header at most 100000000 bytes: its first 8 bytes say 1152921504606846976",
    1n << 60n,
  ],
  [
    "the header claims more than the file has",
    "{}",
    "it must hold its whole header of 99999999 bytes: the file has 26 and is cut off or damaged",
    99_999_999n,
  ],
];

for (const [what, header, expected, length] of HOSTILE) {
  Deno.test(`a file is refused where ${what}`, () => assertEquals(rule(header, length), expected));
}

Deno.test("text that is not UTF-8 is refused", () => {
  const bytes = underHeader(`{${entry("a", 0, 8)},${entry("b", 8, 16)}}`, TWO);
  bytes[10] = 0xff;
  const decoded = decodeSafetensors(bytes);
  assertEquals(decoded._tag === "Left" && decoded.left, "its header must be JSON in UTF-8: it is not");
});

Deno.test("any text is a tensor's name, those of prototypes too", () => {
  const names = ["__proto__", "constructor", "gewicht.é", "重み", "a b\n"];
  const file = encodeSafetensors(Object.fromEntries(names.map((name, i) => [name, tensor([1], [i])])));
  const decoded = decodeSafetensors(file);
  assert(decoded._tag === "Right");
  assertEquals([...decoded.right].map(([name, t]) => [name, [...t.data]]), names.map((name, i) => [name, [i]]));
});

Deno.test("a file is refused for its header before memory is taken for its tensors", () => {
  const before = memoryUse().highWater;
  assertMatch(
    rule(`{${entry("a", 0, 8)},"b":{"dtype":"F32","shape":[1000000000],"data_offsets":[8,4000000008]}}`),
    /cut/,
  );
  assertEquals(memoryUse().highWater, before);
});

Deno.test("storedBytes() says what a file's tensors take, by type, from its header alone", () => {
  const header = '{"a":{"dtype":"BF16","shape":[1000,1000],"data_offsets":[0,2000000]},' +
    '"b":{"dtype":"F32","shape":[5],"data_offsets":[2000000,2000020]},' +
    '"c":{"dtype":"BF16","shape":[],"data_offsets":[2000020,2000022]}}';
  const head = underHeader(header, TWO).subarray(0, 8 + header.length);
  const read = readHeader({
    bytes: head.length + 2_000_022,
    read: (at, out) => {
      assert(at + out.length <= head.length, "only the header is read");
      out.set(head.subarray(at, at + out.length));
    },
  });
  assert(read._tag === "Right", read._tag === "Left" ? read.left : "");
  assertEquals(storedBytes(read.right.values()), { BF16: 2_000_002, F32: 20 });
});

Deno.test("of 1,500 damaged headers each is read soundly or refused with a sentence", () => {
  const { read, refused, broken } = tryHeaderMutants(key(2), 1500);
  assertEquals(broken, []);
  assert(read > 20 && refused > 1000, `${read} read, ${refused} refused`);
});
