/**
 * A preference pair as token ids: encoded from text, prompt and completions apart, so that no token crosses the border
 * between them, or read as ids that another program has made.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, type Result, right } from "../result.ts";
import { encodeCompletion, encodePrompt } from "./chat.ts";
import { decodeFields, fault, type Fields, has, type Read, readId, readNames, readNumber } from "./field.ts";
import type { Issue, Place } from "./issue.ts";
import type { Pair } from "./pair.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A pair in tokens: the prompt up to what asks for an answer, the completions with their end token. */
export type TokenPair = Omit<Pair, "prompt" | "chosen" | "rejected"> & {
  readonly prompt: Int32Array;
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
};

/** A pair as a source has it: texts, or token ids. */
export type PairRow = Pair | TokenPair;

/** Whether a pair came as token ids. */
export function isTokenPair(row: PairRow): row is TokenPair {
  return typeof row.chosen !== "string";
}

/** The ids of a pair; id, margin, label and weight go along. */
export function encodePair(tokenizer: Tokenizer, pair: Pair): TokenPair {
  return {
    ...pair,
    prompt: encodePrompt(tokenizer, pair.prompt),
    chosen: encodeCompletion(tokenizer, pair.chosen, pair.prompt),
    rejected: encodeCompletion(tokenizer, pair.rejected, pair.prompt),
  };
}

/**
 * The pair that a row of token ids holds, or everything that is wrong with the row: `prompt_ids`, `chosen_ids` and
 * `rejected_ids` are lists of ids, the completions with their end token. They are trained on as they are.
 *
 * @param place where it stands, for the sentences
 * @example
 * ```ts
 * import { decodeTokenPair } from "@logratio/logratio";
 * decodeTokenPair({ prompt_ids: [1, 17], chosen_ids: [5, 2], rejected_ids: [9, 2] }, { row: 0 });
 * // right({ id: "0", prompt: [1, 17], chosen: [5, 2], rejected: [9, 2] })
 * ```
 */
export function decodeTokenPair(row: unknown, place: Place): Result<readonly Issue[], TokenPair> {
  return decodeFields(row, place, (fields) =>
    pipe(
      all({
        names: readNames(fields, "tokens"),
        id: readId(fields, place.row),
        prompt: readIds(fields, "prompt_ids"),
        chosen: readIds(fields, "chosen_ids"),
        rejected: readIds(fields, "rejected_ids"),
        margin: readNumber(fields, "margin"),
        label: readNumber(fields, "label", { least: 0, most: 1 }),
        weight: readNumber(fields, "weight", { least: 0 }),
      }),
      E.flatMap(({ names: _, margin, label, weight, ...ids }) => checkIds({ ...ids, ...margin, ...label, ...weight })),
    ));
}

/** Ids of a list as JSON or a parquet file has it; `readNames` says where there is none. */
export function readIds(fields: Fields, name: string): Read<Int32Array> {
  if (!has(fields, name)) return left([]);
  const value = fields[name];
  const list = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
    ? Array.from(value as ArrayLike<unknown>, (id) => typeof id === "bigint" ? Number(id) : id)
    : undefined;
  if (list === undefined) return fault(`field "${name}" must be a list of token ids`, value);
  const wrong = list.findIndex((id) => !(Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 31));
  return wrong < 0
    ? right(Int32Array.from(list as number[]))
    : fault(`field "${name}" must be a list of whole numbers from 0: at ${wrong} it has another`, list[wrong]);
}

/** A prompt needs a token for the first completion token to follow, and completions must not be empty. */
export function checkReplyIds<Row extends { readonly prompt: Int32Array }>(
  row: Row,
  names: readonly (keyof Row & string)[],
): Read<Row> {
  if (row.prompt.length === 0) {
    return fault('field "prompt_ids" must hold a token that the first completion token follows', []);
  }
  const empty = names.find((name) => (row[name] as Int32Array).length === 0);
  return empty === undefined
    ? right(row)
    : left([{ reason: "emptyReply", rule: `a reply must not be empty: ${empty}_ids is` }]);
}

function checkIds(pair: TokenPair): Read<TokenPair> {
  const { chosen, rejected } = pair, replies = checkReplyIds(pair, ["chosen", "rejected"]);
  if (replies._tag === "Left") return replies;
  if (chosen.length !== rejected.length || chosen.some((id, i) => id !== rejected[i])) return right(pair);
  const rule = `chosen and rejected must differ: both have the same ${chosen.length} ids`;
  return left([{ reason: "identical", rule }]);
}
