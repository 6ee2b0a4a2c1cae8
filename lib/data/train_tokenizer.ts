/**
 * Training of byte-pair encoding: the most frequent pair of neighbouring tokens becomes a token, again and again.
 *
 * @see Sennrich et al. 2016, "Neural machine translation of rare words with subword units", algorithm 1
 */
import { ALPHABET, words } from "./byte_level.ts";
import { pop, push } from "./heap.ts";
import type { BytePairTokenizer } from "./byte_pair.ts";

/** What `trainTokenizer` can be told. */
export type TrainTokenizerOptions = {
  /** Number of ids, special tokens included; fewer come out when the texts have no more pairs to merge. */
  readonly vocabSize: number;
  /** Names of special tokens, such as `<|end|>`; they take the last ids. */
  readonly specialTokens?: readonly string[];
  /** A pair is merged only if it occurs at least this often (default 2). */
  readonly minFrequency?: number;
};

/** The distinct words as one chain of tokens; a token knows its neighbours and how often its word occurs. */
type Chain = {
  readonly tokens: Int32Array; // −1 once merged into its left neighbour
  readonly next: Int32Array; // −1 at the end of a word
  readonly previous: Int32Array; // −1 at the start of a word
  readonly frequency: Int32Array;
};

/** Pairs (`left · V + right`) with their counts, where each begins, and the queue of who comes next. */
type Pairs = {
  readonly size: number;
  readonly counts: Map<number, number>;
  readonly places: Map<number, number[]>;
  readonly queue: Candidate[];
};
type Candidate = { readonly pair: number; readonly count: number };

/** More frequent first; among equals the pair with the smaller left id, then the smaller right id. */
const sooner = (a: Candidate, b: Candidate): boolean => a.count > b.count || (a.count === b.count && a.pair < b.pair);

/**
 * A byte-level tokenizer for the texts at hand. Ids 0–255 are the bytes, then come the merges in the order learned, then
 * the special tokens. The same texts give the same tokenizer: equally frequent pairs are taken by smaller left id, then
 * smaller right id.
 *
 * @param texts any strings; pairs are counted inside words and never across
 * @throws {RangeError} if `vocabSize` leaves no room for 256 bytes and the special tokens, or a special token is a plain word
 * @example
 * ```ts
 * import { trainTokenizer } from "@logratio/logratio";
 * const tokenizer = trainTokenizer(["low low low lower lowest"], { vocabSize: 260, specialTokens: ["<|end|>"] });
 * tokenizer.vocab.slice(256); // ["lo", "low", "Ġlow", "<|end|>"]
 * ```
 */
export function trainTokenizer(texts: Iterable<string>, options: TrainTokenizerOptions): BytePairTokenizer {
  const { vocabSize, specialTokens = [], minFrequency = 2 } = options;
  checkOptions(vocabSize, specialTokens);
  const chain = chainOf(countWords(texts));
  const pairs = countPairs(chain, vocabSize);
  const vocab = [...ALPHABET];
  const ids = new Map(vocab.map((token, id) => [token, id]));
  const merges: (readonly [number, number])[] = [];
  while (vocab.length < vocabSize - specialTokens.length) {
    const best = mostFrequent(pairs);
    if (best === undefined || best.count < minFrequency) break;
    const [left, right] = [Math.floor(best.pair / vocabSize), best.pair % vocabSize];
    const token = `${vocab[left]}${vocab[right]}`;
    if (!ids.has(token)) ids.set(token, vocab.push(token) - 1); // another pair may spell the same token: one id for both
    merges.push([left, right]);
    mergePair(chain, pairs, { left, right, into: ids.get(token) as number });
  }
  const special = specialTokens.map((name, i): [string, number] => [name, vocab.length + i]);
  return { vocab: [...vocab, ...specialTokens], merges, specialTokens: Object.fromEntries(special) };
}

function checkOptions(vocabSize: number, specialTokens: readonly string[]): void {
  const least = 256 + specialTokens.length;
  if (!Number.isSafeInteger(vocabSize) || vocabSize < least) {
    throw new RangeError(
      `Cannot train a tokenizer as vocabSize must be at least ${least}: current value is ${vocabSize}`,
    );
  }
  const plain = specialTokens.find((name, i) => words(name).length < 2 || specialTokens.indexOf(name) !== i);
  if (plain !== undefined) {
    const rule = "a special token must be distinct and no plain word, such as <|end|>";
    throw new RangeError(`Cannot train a tokenizer as ${rule}: current value is ${JSON.stringify(plain)}`);
  }
}

function countWords(texts: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of words(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function chainOf(counts: ReadonlyMap<string, number>): Chain {
  const utf8 = new TextEncoder();
  const spelled = Array.from(counts, ([word, count]) => ({ bytes: utf8.encode(word), count }));
  const length = spelled.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const [tokens, next, previous, frequency] = [0, 1, 2, 3].map(() => new Int32Array(length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let start = 0;
  for (const { bytes, count } of spelled) {
    const end = start + bytes.length;
    for (let i = start; i < end; i++) {
      tokens[i] = bytes[i - start] as number;
      next[i] = i + 1 < end ? i + 1 : -1;
      previous[i] = i > start ? i - 1 : -1;
      frequency[i] = count;
    }
    start = end;
  }
  return { tokens, next, previous, frequency };
}

/** Counts the pair that begins at `i` up, and remembers the place. */
function countAt({ tokens, next, frequency }: Chain, { size, counts, places }: Pairs, i: number): number {
  const pair = (tokens[i] as number) * size + (tokens[next[i] as number] as number);
  counts.set(pair, (counts.get(pair) ?? 0) + (frequency[i] as number));
  const known = places.get(pair);
  if (known === undefined) places.set(pair, [i]);
  else known.push(i);
  return pair;
}

function countPairs(chain: Chain, size: number): Pairs {
  const pairs: Pairs = { size, counts: new Map(), places: new Map(), queue: [] };
  for (let i = 0; i < chain.tokens.length; i++) if (chain.next[i] !== -1) countAt(chain, pairs, i);
  for (const [pair, count] of pairs.counts) push(pairs.queue, { pair, count }, sooner);
  return pairs;
}

/** The next pair to merge. Counts in the queue may be out of date, never too low: such a one goes back with its true count. */
function mostFrequent({ counts, queue }: Pairs): Candidate | undefined {
  for (let top = pop(queue, sooner); top !== undefined; top = pop(queue, sooner)) {
    const count = counts.get(top.pair) ?? 0;
    if (count === top.count) return top;
    if (count > 0) push(queue, { pair: top.pair, count }, sooner);
  }
  return undefined;
}

/** Merges every place of a pair, left to right, and brings the counts of the neighbouring pairs up to date. */
function mergePair(
  chain: Chain,
  pairs: Pairs,
  { left, right, into }: { readonly left: number; readonly right: number; readonly into: number },
): void {
  const { tokens, next, previous, frequency } = chain;
  const pair = left * pairs.size + right;
  const places = (pairs.places.get(pair) ?? []).sort((a, b) => a - b); // a token made by two merges is met out of order
  const grown = new Set<number>();
  const countDown = (i: number): void => {
    const gone = (tokens[i] as number) * pairs.size + (tokens[next[i] as number] as number);
    pairs.counts.set(gone, (pairs.counts.get(gone) as number) - (frequency[i] as number));
  };
  for (const i of places) {
    const j = next[i] as number;
    if (tokens[i] !== left || j === -1 || tokens[j] !== right) continue; // merged away since it was remembered
    const [before, after] = [previous[i] as number, next[j] as number];
    if (before !== -1) countDown(before);
    if (after !== -1) countDown(j);
    tokens[i] = into;
    tokens[j] = -1;
    next[i] = after;
    if (after !== -1) previous[after] = i;
    if (before !== -1) grown.add(countAt(chain, pairs, before));
    if (after !== -1) grown.add(countAt(chain, pairs, i));
  }
  pairs.counts.delete(pair);
  pairs.places.delete(pair);
  for (const changed of grown) {
    const count = pairs.counts.get(changed) ?? 0;
    if (count > 0) push(pairs.queue, { pair: changed, count }, sooner);
  }
}
