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

/** The bytes that a token spells, by the steps of the decoder. */
function spell(token: string, decoder: readonly string[]): Uint8Array {
  if (decoder.includes("ByteLevel")) return bytesOf(token) ?? UTF8.encode(token);
  const byte = decoder.includes("ByteFallback") ? BYTE.exec(token)?.[1] : undefined;
  if (byte !== undefined) return Uint8Array.of(parseInt(byte, 16));
  return UTF8.encode(decoder.includes("WordPiece") ? token.replace(/^##/, "") : token.replaceAll("▁", " "));
}

/**
 * The stretches of a text that its tokens stand for; bytes of one character all have that character's, and a blank that
 * was put before a text has the first one's.
 *
 * @returns one for each token of `encode(tokenizer, text)`, or undefined where the tokenizer changes the text so that they
 * cannot be told
 */
export function tokenOffsets(tokenizer: PretrainedTokenizer, text: string): readonly Offsets[] | undefined {
  const { engine, normalizer, decoder: steps } = reading(tokenizer);
  const [decoder, isPrefixed] = [stepNames(steps), stepNames(normalizer).includes("Prepend")];
  const added = new Set(engine.get_added_tokens_decoder().values().map(({ content }) => content));
  const { bytes, starts: from, ends } = spread(text, normalizer);
  const found: Offsets[] = [];
  let at = 0;
  let begins = isPrefixed;
  for (const token of engine.encode(text.toWellFormed(), { add_special_tokens: false }).tokens) {
    const spelled = added.has(token) ? UTF8.encode(token) : spell(token, decoder);
    const place = findAt(bytes, at, begins && !added.has(token) ? spelled.subarray(1) : spelled);
    if (place === undefined) return undefined;
    at = place[0] + place[1];
    found.push([from[place[0]] ?? text.length, ends[Math.max(place[0], at - 1)] ?? text.length]);
    begins = isPrefixed && added.has(token);
  }
  return found;
}

/** The bytes that the tokenizer sees of a text, and where in it the character of each begins and ends. */
interface Spread {
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** A character, or where characters are composed one with the marks that go with it. */
const ONE = /[\s\S]/gu;
const COMPOSED = /\P{M}\p{M}*|\p{M}+/gu;

function spread(text: string, normalizer: unknown): Spread {
  const form = stepNames(normalizer).find((name) => /^NFK?[CD]$/.test(name));
  const isLower = /"lowercase":true|"type":"Lowercase"/.test(JSON.stringify(normalizer ?? null));
  const bytes: number[] = [], starts: number[] = [], ends: number[] = [];
  let at = 0;
  for (const piece of text.toWellFormed().match(form === undefined ? ONE : COMPOSED) ?? []) {
    const formed = form === undefined ? piece : piece.normalize(form);
    for (const byte of UTF8.encode(isLower ? formed.toLowerCase() : formed)) {
      bytes.push(byte), starts.push(at), ends.push(at + piece.length);
    }
    at += piece.length;
  }
  return { bytes: Uint8Array.from(bytes), starts, ends };
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
