/**
 * Which stretch of a text each of its tokens stands for.
 */
import { bytesOf } from "./byte_level.ts";
import { type PretrainedTokenizer, reading } from "./pretrained.ts";

/** From the first to behind the last character, in UTF-16 units. */
export type Offsets = readonly [start: number, end: number];

const UTF8 = new TextEncoder();
const BYTE = /^<0x([0-9A-F]{2})>$/i;
const SPACES = [0x20, 0x09, 0x0a, 0x0d];

/** The steps named in a part of a tokenizer.json, however deep. */
function stepNames(step: unknown): readonly string[] {
  if (typeof step !== "object" || step === null) return [];
  const { type, ...rest } = step as Readonly<Record<string, unknown>>;
  return [...typeof type === "string" ? [type] : [], ...Object.values(rest).flat().flatMap(stepNames)];
}

/** The bytes that tokens of this tokenizer spell, by token. */
function speller(tokenizer: PretrainedTokenizer): (token: string, added: boolean) => Uint8Array {
  const { decoder } = JSON.parse(tokenizer.files["tokenizer.json"] ?? "{}") as { readonly decoder?: unknown };
  const names = stepNames(decoder);
  return (token, added) => {
    if (added) return UTF8.encode(token);
    if (names.includes("ByteLevel")) return bytesOf(token) ?? UTF8.encode(token);
    const byte = names.includes("ByteFallback") ? BYTE.exec(token)?.[1] : undefined;
    if (byte !== undefined) return Uint8Array.of(parseInt(byte, 16));
    const piece = names.includes("WordPiece") ? token.replace(/^##/, "") : token.replaceAll("▁", " ");
    return UTF8.encode(piece);
  };
}

/**
 * The stretches of a text that its tokens stand for; bytes of one character all have that character's.
 *
 * @returns one for each token of `encode(tokenizer, text)`, or undefined where the tokenizer changes the text so that they
 * cannot be told
 */
export function tokenOffsets(tokenizer: PretrainedTokenizer, text: string): readonly Offsets[] | undefined {
  const { engine } = reading(tokenizer);
  const spell = speller(tokenizer);
  const added = new Set(engine.get_added_tokens_decoder().values().map(({ content }) => content));
  const bytes = bytesAs(tokenizer, text.toWellFormed());
  const places = placesOf(text);
  let at = 0;
  const found: Offsets[] = [];
  for (const token of engine.encode(text.toWellFormed(), { add_special_tokens: false }).tokens) {
    const spelled = spell(token, added.has(token));
    const start = findAt(bytes, at, spelled);
    if (start === undefined) return undefined;
    const [from, length] = start;
    at = from + length;
    found.push(
      length === 0
        ? [places[from]!, places[from]!]
        : [places[from] as number, (places[at - 1] as number) + widthAt(text, places[at - 1]!)],
    );
  }
  return found;
}

/** The bytes of a text, in lower case where the tokenizer makes it so and no byte moves. */
function bytesAs(tokenizer: PretrainedTokenizer, text: string): Uint8Array {
  const bytes = UTF8.encode(text);
  const { normalizer } = JSON.parse(tokenizer.files["tokenizer.json"] ?? "{}") as { readonly normalizer?: unknown };
  if (!/"lowercase":true|"type":"Lowercase"/.test(JSON.stringify(normalizer ?? null))) return bytes;
  const lower = UTF8.encode(text.toLowerCase());
  return lower.length === bytes.length ? lower : bytes;
}

/** Where a spelling stands from `at` on: there, without the space that was put before a text, or after spaces. */
function findAt(
  bytes: Uint8Array,
  at: number,
  spelled: Uint8Array,
): readonly [from: number, length: number] | undefined {
  const fits = (from: number, part: Uint8Array): boolean => part.every((byte, i) => bytes[from + i] === byte);
  if (fits(at, spelled)) return [at, spelled.length];
  const bare = spelled[0] === 0x20 ? spelled.subarray(1) : spelled;
  for (let from = at; from <= bytes.length; from++) {
    if (fits(from, bare)) return [from, bare.length];
    if (!SPACES.includes(bytes[from] as number)) return undefined;
  }
  return undefined;
}

/** The UTF-16 place of the character that each byte belongs to, and behind the last the text's length. */
function placesOf(text: string): Int32Array {
  const places: number[] = [];
  let at = 0;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    const width = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (let i = 0; i < width; i++) places.push(at);
    at += character.length;
  }
  return Int32Array.from([...places, at]);
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}
