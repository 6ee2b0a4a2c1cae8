/**
 * Preference data from the outside, with an account of every row.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import type { Failure, Result } from "../result.ts";
import type { TableReader } from "../table/table_reader.ts";
import { dataReader, type ReadOptions, type ReadPlan } from "./data_reader.ts";
import { decodePair, type Pair } from "./pair.ts";
import { decodeRanked, type RankedPairs, rankedPairs } from "./ranked.ts";
import type { Loaded } from "./report.ts";
import { decodeTokenPair, isTokenPair, type PairRow } from "./token_pair.ts";
import { decodeUnpaired, unpair, type UnpairedRow } from "./unpaired.ts";

/** What `readPairs` can be told. */
export type LoadOptions = ReadOptions & {
  /** Which pairs a ranked row gives: each completion with all that are worse (the default), or with the next alone. */
  readonly ranked?: RankedPairs;
};

/**
 * The pairs of a text, and the report of what was dropped.
 *
 * A row that cannot be read as its author meant it (broken JSON, a missing field, a wrong type, a number out of range, a
 * slip in a field's name) stops the load, and all such rows are named. A row that can be read but teaches nothing
 * (identical replies, an empty reply, dialogues that part before the last turn) is dropped and reported, unless more than
 * one in twenty would go. Ranked rows, `prompt` and `completions` from best to worst, are made pairs.
 *
 * @param source the text of a file, or its lines: JSON lines, a JSON list, a table by columns, or CSV
 * @returns pairs and report, or the sentences that say what to mend
 * @example
 * ```ts
 * import { readPairs } from "@logratio/logratio";
 * readPairs('{"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}');
 * // right({ data: [{ id: "0", prompt: "2 + 2?", chosen: "4", rejected: "5" }], report: { rows: 1, kept: 1, … } })
 * ```
 */
export function readPairs(
  source: string | readonly string[],
  options: LoadOptions = {},
): Result<Failure, Loaded<Pair>> {
  return readAll(pairReader(options), source);
}

/**
 * {@link readPairs} for text in pieces, or for records; with `each`, what is kept of every pair, so that texts need not stay
 * in memory.
 *
 * @example
 * ```ts
 * import { CHAT_TOKENS, encodePair, pairReader, readTable, trainTokenizer } from "@logratio/logratio";
 * const tokenizer = trainTokenizer([], { vocabSize: 259, specialTokens: CHAT_TOKENS });
 * const rows = await readTable("pairs.jsonl", pairReader({}, (pair) => encodePair(tokenizer, pair))); // token ids alone
 * ```
 */
export function pairReader(options?: LoadOptions): TableReader<Loaded<Pair>>;
/** With what is kept of every pair. */
export function pairReader<T>(options: LoadOptions, each: (pair: Pair) => T): TableReader<Loaded<T>>;
export function pairReader(
  { ranked = "all", ...options }: LoadOptions = {},
  each: (pair: Pair) => unknown = (pair) => pair,
): TableReader<Loaded<unknown>> {
  return dataReader({ ...textPairs(ranked), each }, options);
}

/** How pairs are read from rows of text. */
function textPairs(ranked: RankedPairs): Omit<ReadPlan<Pair, never>, "each"> {
  return {
    action: "load pairs",
    kinds: ["pairs", "ranked"],
    madeOf: "ranked rows",
    refusal: {
      rule: "every row must have a chosen and a rejected completion",
      remedy: "put two completions of a prompt into one row",
    },
    decode: (kind, row, place) =>
      kind === "pairs"
        ? pipe(decodePair(row, place), E.map((pair) => [pair]))
        : pipe(decodeRanked(row, place), E.map((row) => rankedPairs(row, ranked))),
    textsOf: ({ chosen, rejected }) => [chosen, rejected],
  };
}

/**
 * {@link pairReader} for sources that may also hold token ids, `prompt_ids`, `chosen_ids` and `rejected_ids`, in all their
 * rows: what is trained on takes both.
 *
 * @example
 * ```ts
 * import { loadPairs, pairRowReader, readTable } from "@logratio/logratio";
 * const pairs = loadPairs(() => readTable("pairs.jsonl", pairRowReader({ name: "pairs.jsonl" })));
 * ```
 */
export function pairRowReader({ ranked = "all", ...options }: LoadOptions = {}): TableReader<Loaded<PairRow>> {
  const texts = textPairs(ranked);
  return dataReader<PairRow, PairRow>({
    ...texts,
    kinds: [...texts.kinds, "tokens"],
    decode: (kind, row, place) =>
      kind === "tokens" ? pipe(decodeTokenPair(row, place), E.map((pair) => [pair])) : texts.decode(kind, row, place),
    textsOf: (row) => isTokenPair(row) ? [row.chosen.join(), row.rejected.join()] : [row.chosen, row.rejected],
    each: (row) => row,
  }, options);
}

/**
 * The unpaired rows of a text: `prompt`, `completion` and `label`, true for a good completion. Pairs are made two rows each.
 *
 * @param source the text of a file, or its lines: JSON lines, a JSON list, a table by columns, or CSV
 * @returns rows and report, or the sentences that say what to mend
 * @example
 * ```ts
 * import { readUnpaired } from "@logratio/logratio";
 * readUnpaired("prompt,completion,label\n2 + 2?,4,true\n");
 * ```
 */
export function readUnpaired(
  source: string | readonly string[],
  options: ReadOptions = {},
): Result<Failure, Loaded<UnpairedRow>> {
  return readAll(unpairedReader(options), source);
}

/** {@link readUnpaired} for text in pieces, or for records. */
export function unpairedReader(options: ReadOptions = {}): TableReader<Loaded<UnpairedRow>> {
  return dataReader({
    action: "load unpaired rows",
    kinds: ["unpaired", "pairs"],
    madeOf: "pairs",
    refusal: {
      rule: "every row must have a completion and a label",
      remedy: "a ranking does not say which of its completions are good",
    },
    decode: (kind, row, place) =>
      kind === "pairs"
        ? pipe(decodePair(row, place), E.map(unpair))
        : pipe(decodeUnpaired(row, place), E.map((row) => [row])),
    textsOf: ({ completion, label }) => [completion, String(label)],
    each: (row) => row,
  }, options);
}

function readAll<T>(reader: TableReader<T>, source: string | readonly string[]): Result<Failure, T> {
  if (typeof source === "string") reader.push(source);
  else for (const line of source) reader.push(`${line}\n`);
  return reader.end();
}
