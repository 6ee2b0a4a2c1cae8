/**
 * Byte-level byte-pair encoding: text to token ids and back, without loss.
 *
 * A word starts as its UTF-8 bytes; the learned merge with the lowest rank is applied, leftmost first, until none is left.
 *
 * @see Sennrich et al. 2016, "Neural machine translation of rare words with subword units", algorithm 1
 */
import { bytesOf, words } from "./byte_level.ts";
import { pop, push } from "./heap.ts";

/** A byte-level BPE as plain data; `trainTokenizer` and `tokenizerFromJson` make one. */
export type BytePairTokenizer = {
  /** Token of each id: ordinary tokens spelled in the byte-level alphabet, special tokens as they are written. */
  readonly vocab: readonly string[];
  /** Pairs of ids that become one token, by rank: the first learned is applied first. */
  readonly merges: readonly (readonly [left: number, right: number])[];
  /** Ids that text never produces, by name. */
  readonly specialTokens: Readonly<Record<string, number>>;
};

/** What `encode` and `decode` look up, derived once from a tokenizer. */
type Tables = {
  readonly byteIds: Int32Array; // [256], the id of each byte
  readonly ranks: ReadonlyMap<number, number>; // left · V + right → rank
  readonly merged: Int32Array; // rank → id
  readonly bytes: readonly Uint8Array[]; // id → bytes, empty for special tokens
  readonly names: ReadonlyMap<number, string>; // special id → name
  readonly words: Map<string, Int32Array>; // words met so far
};

/** Most words of a text repeat: remembering this many costs some megabytes and makes `encode` five times as fast. */
const REMEMBERED_WORDS = 50_000;
const UTF8 = new TextEncoder();
const first = (a: number, b: number): boolean => a < b;

// A memory of a pure function's results: it shows only in the time taken, and goes when the tokenizer goes.
const tablesOf = new WeakMap<BytePairTokenizer, Tables>();

function tables(tokenizer: BytePairTokenizer): Tables {
  const known = tablesOf.get(tokenizer);
  if (known) return known;
  const { vocab, merges, specialTokens } = tokenizer;
  const names = new Map(Object.entries(specialTokens).map(([name, id]) => [id, name]));
  const ids = new Map(vocab.map((token, id) => [token, id]));
  const bytes = vocab.map((token, id) => names.has(id) ? new Uint8Array() : bytesOf(token) as Uint8Array);
  const byteIds = new Int32Array(256);
  bytes.forEach((b, id) => b.length === 1 && (byteIds[b[0] as number] = id));
  const made: Tables = {
    byteIds,
    ranks: new Map(merges.map(([left, right], rank) => [left * vocab.length + right, rank])),
    merged: Int32Array.from(merges, ([left, right]) => ids.get(`${vocab[left]}${vocab[right]}`) as number),
    bytes,
    names,
    words: new Map(),
  };
  tablesOf.set(tokenizer, made);
  return made;
}

/** The tokens of one word. The heap holds `rank · length + position`, so the lowest rank comes first, then the leftmost. */
function encodeWord({ byteIds, ranks, merged, bytes }: Tables, word: string): Int32Array {
  const tokens = Int32Array.from(UTF8.encode(word), (byte) => byteIds[byte] as number);
  const length = tokens.length;
  const next = Int32Array.from(tokens, (_, i) => i + 1);
  const previous = Int32Array.from(tokens, (_, i) => i - 1);
  const rankAt = (i: number): number | undefined =>
    i >= 0 && (next[i] as number) < length
      ? ranks.get((tokens[i] as number) * bytes.length + (tokens[next[i] as number] as number))
      : undefined;
  const heap: number[] = [];
  const offer = (i: number): void => {
    const rank = rankAt(i);
    if (rank !== undefined) push(heap, rank * length + i, first);
  };
  for (let i = 0; i < length; i++) offer(i);
  for (let top = pop(heap, first); top !== undefined; top = pop(heap, first)) {
    const i = top % length;
    const rank = (top - i) / length;
    if (tokens[i] === -1 || rankAt(i) !== rank) continue; // a neighbour was merged away since this was offered
    const j = next[i] as number;
    tokens[i] = merged[rank] as number;
    tokens[j] = -1;
    next[i] = next[j] as number;
    if ((next[j] as number) < length) previous[next[j] as number] = i;
    offer(previous[i] as number);
    offer(i);
  }
  return tokens.filter((id) => id !== -1);
}

/** The token ids of a text, `[T]`; text never gives a special token. */
export function encodeBytePairs(tokenizer: BytePairTokenizer, text: string): Int32Array {
  const known = tables(tokenizer);
  const ids: number[] = [];
  for (const word of words(text)) {
    let tokens = known.words.get(word);
    if (tokens === undefined) {
      tokens = encodeWord(known, word);
      if (known.words.size >= REMEMBERED_WORDS) known.words.clear();
      if (word.length < 64) known.words.set(word, tokens);
    }
    for (let i = 0; i < tokens.length; i++) ids.push(tokens[i] as number);
  }
  return Int32Array.from(ids);
}

/** The text of token ids, without special tokens if so said; bytes that are not UTF-8 become U+FFFD. */
export function decodeBytePairs(
  tokenizer: BytePairTokenizer,
  ids: Iterable<number>,
  skipSpecialTokens: boolean,
): string {
  const { bytes, names } = tables(tokenizer);
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const pending: number[] = [];
  const flush = (): string => utf8.decode(Uint8Array.from(pending.splice(0)));
  let text = "";
  for (const id of ids) {
    const part = bytes[id];
    if (part === undefined) {
      throw new RangeError(`Cannot decode as an id must be one of 0 to ${bytes.length - 1}: current value is ${id}`);
    }
    const name = names.get(id);
    if (name === undefined) { for (const byte of part) pending.push(byte); }
    else if (!skipSpecialTokens) text += flush() + name; // a character does not go on beyond a special token
  }
  return text + flush();
}
