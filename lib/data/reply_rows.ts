/** Rows whose completions are to be scored: pairs, or one completion each; as text, or as token ids. */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, type Result } from "../result.ts";
import type { TableReader } from "../table/table_reader.ts";
import { encodeCompletion, encodePrompt, type Prompt } from "./chat.ts";
import { dataReader, type ReadOptions } from "./data_reader.ts";
import { decodeFields, FIELDS as ALL, has, type Names, NUMBERS, readId, readNames, type RowKind } from "./field.ts";
import type { Issue, Place } from "./issue.ts";
import { decodePair } from "./pair.ts";
import { decodeRanked, rankedPairs } from "./ranked.ts";
import type { Loaded } from "./report.ts";
import { checkReplyIds, decodeTokenPair, type PairRow, readIds } from "./token_pair.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { readReply } from "./unpaired.ts";

/** A prompt with its completions by the names that the row has for them: `chosen` and `rejected`, or `completion`. */
export type ReplyRow<Content = string | Int32Array> = {
  /** What reports call the row: its own id, or its place among the rows, from 0. */
  readonly id: string;
  readonly prompt: Prompt | Int32Array;
  readonly replies: Readonly<Record<string, Content>>;
};

/** A row as token ids. */
export type TokenReplyRow = ReplyRow<Int32Array> & { readonly prompt: Int32Array };

/** The fields of a kind but for its numbers: no label, margin or weight is read here, as reports say. */
const unnumbered = ({ needed, known }: Names): Names => (
  { needed: needed.filter(isRead), known: known.filter(isRead) }
);
const isRead = (name: string): boolean => !NUMBERS.includes(name);

const FIELDS: Readonly<Record<RowKind, Names>> = {
  pairs: unnumbered(ALL.pairs),
  ranked: unnumbered(ALL.ranked),
  tokens: unnumbered(ALL.tokens),
  unpaired: unnumbered(ALL.unpaired), // which needs a label elsewhere
  unpairedTokens: unnumbered(ALL.unpairedTokens),
};

/**
 * A reader of rows to be scored: pairs, rankings (made pairs) and single completions, `prompt` and `completion`, or the same
 * as token ids, `prompt_ids` and `chosen_ids`, `rejected_ids` or `completion_ids`. A source is of one kind.
 *
 * @example
 * ```ts
 * import { readTable, replyRowReader } from "@logratio/logratio";
 * const rows = await readTable("rows.jsonl", replyRowReader({ name: "rows.jsonl" }));
 * ```
 */
export function replyRowReader(options: ReadOptions = {}): TableReader<Loaded<ReplyRow>> {
  return dataReader<ReplyRow, ReplyRow>({
    action: "load rows",
    kinds: ["pairs", "ranked", "tokens", "unpaired", "unpairedTokens"],
    fields: FIELDS,
    madeOf: "ranked rows",
    refusal: { rule: "every row must have completions", remedy: "give chosen and rejected, or completion" },
    decode: decodeReplies,
    textsOf: ({ replies }) => Object.values(replies).map(String),
    each: (row) => row,
  }, options);
}

/** The ids of a row; what came as ids stays as it is. */
export function encodeReplies(tokenizer: Tokenizer, { id, prompt, replies }: ReplyRow): TokenReplyRow {
  const encoded = Object.entries(replies).map(([name, reply]) => [
    name,
    typeof reply === "string" ? encodeCompletion(tokenizer, reply, prompt as Prompt) : reply,
  ]);
  return {
    id,
    prompt: prompt instanceof Int32Array ? prompt : encodePrompt(tokenizer, prompt),
    replies: Object.fromEntries(encoded),
  };
}

const ofPair = ({ id, prompt, chosen, rejected }: PairRow): ReplyRow => ({ id, prompt, replies: { chosen, rejected } });

function decodeReplies(kind: RowKind, row: unknown, place: Place): Result<readonly Issue[], readonly ReplyRow[]> {
  switch (kind) {
    case "pairs":
      return pipe(decodePair(row, place), E.map((pair) => [ofPair(pair)]));
    case "ranked":
      return pipe(decodeRanked(row, place), E.map((row) => rankedPairs(row, "all").map(ofPair)));
    case "tokens":
      return pipe(decodeTokenPair(row, place), E.map((pair) => [ofPair(pair)]));
    default:
      return pipe(
        kind === "unpaired" ? decodeText(row, place) : decodeIds(row, place),
        E.map(({ id, prompt, completion }) => [{ id, prompt, replies: { completion } }]),
      );
  }
}

/** A row of one completion, before it is a `ReplyRow`. */
type Single = {
  readonly id: string;
  readonly prompt: Prompt | Int32Array;
  readonly completion: string | Int32Array;
};

function decodeText(row: unknown, place: Place): Result<readonly Issue[], Single> {
  return decodeFields(row, place, (fields) =>
    pipe(
      all({
        names: readNames(fields, FIELDS.unpaired),
        id: readId(fields, place.row),
        reply: has(fields, "completion") ? readReply(fields) : left([]), // readNames says it
      }),
      E.map(({ id, reply }) => ({ id, ...reply })),
    ));
}

function decodeIds(row: unknown, place: Place): Result<readonly Issue[], Single> {
  return decodeFields(row, place, (fields) =>
    pipe(
      all({
        names: readNames(fields, "unpairedTokens"),
        id: readId(fields, place.row),
        prompt: readIds(fields, "prompt_ids"),
        completion: readIds(fields, "completion_ids"),
      }),
      E.flatMap(({ names: _, ...ids }) => checkReplyIds(ids, ["completion"])),
    ));
}
