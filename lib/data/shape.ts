/** The row shapes of published data sets: what a shape is, and the readers of which the table is made. */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, right, traverse } from "../result.ts";
import type { Prompt } from "./chat.ts";
import { readText } from "./dialogue.ts";
import { fault, type Fields, has, type Read } from "./field.ts";
import type { Fault } from "./issue.ts";

/** Two replies, and the prompt that both answer; without one they are whole dialogues. */
export type Sides = { readonly prompt?: Prompt; readonly replies: readonly [Prompt, Prompt] };

/** Which of two replies is better. */
export type Verdict = {
  /** Above 0 the first, below 0 the second, 0 neither. */
  readonly lead: number;
  /** By how much, in the units of whoever rated it. */
  readonly margin?: number | undefined;
  /** The field that says so with its value, for the sentence of a tie. */
  readonly because: string;
};

/** One reply to a prompt, and its score. */
export type RatedReply = { readonly prompt: Prompt; readonly reply: Prompt; readonly score: number };

/** How a data set says what is compared. */
export type Shape =
  & {
    /** What a flag calls it. */
    readonly name: string;
    /** What sentences call it. */
    readonly title: string;
    /** The columns that tell it: rows that have them all are of this shape. */
    readonly needed: readonly string[];
    /** All columns that are read. */
    readonly known: readonly string[];
    /** How chosen, rejected and margin come from the columns. */
    readonly meaning: string;
    /** Its columns are another's too: it is read so only if asked to. */
    readonly onlyAsked?: true;
  }
  & (
    /** A row holds both replies. */
    | { readonly sides: (fields: Fields) => Read<Sides>; readonly verdict: (fields: Fields) => Read<Verdict> }
    /** A row holds one reply: two of a prompt are compared by their scores. */
    | { readonly reply: (fields: Fields) => Read<RatedReply>; readonly scoredBy: string }
  );

/** The fields of a pair from two replies and a verdict; a tie is no pair, and no fault of the row. */
export function pairFields(
  { prompt, replies: [first, second] }: Sides,
  { lead, margin, because }: Verdict,
): Read<Fields> {
  if (lead === 0) {
    const tie: Fault = { reason: "tie", rule: `one reply must be preferred: ${because}` };
    return left([tie]);
  }
  const [chosen, rejected] = lead > 0 ? [first, second] : [second, first];
  return right({ ...prompt !== undefined && { prompt }, chosen, rejected, ...margin !== undefined && { margin } });
}

/** Sides that stand in three columns. */
export function inColumns(prompt: string, first: string, second: string): (fields: Fields) => Read<Sides> {
  return (fields) =>
    pipe(
      all({
        prompt: readText(fields[prompt], prompt),
        first: readText(fields[first], first),
        second: readText(fields[second], second),
      }),
      E.map(({ prompt, first, second }) => ({ prompt, replies: [first, second] })),
    );
}

/** A verdict that names one of two: by the values that stand for the first and for the second. */
export function namedBy(name: string, first: number, second: number): (fields: Fields) => Read<Verdict> {
  return (fields) => {
    const number = numberOf(fields[name]);
    if (number !== first && number !== second) {
      return fault(`field "${name}" must be ${first} or ${second}`, fields[name]);
    }
    return right({ lead: number === first ? 1 : -1, because: "" });
  };
}

/** A verdict on a scale around 0, of which one end is the first reply's: its distance from 0 is the margin. */
export function onScale(
  name: string,
  { first, most }: { readonly first: 1 | -1; readonly most: number },
): (fields: Fields) => Read<Verdict> {
  return (fields) =>
    pipe(
      readRating(fields, name, { least: -most, most }),
      E.map((rating) => ({ lead: first * rating, margin: Math.abs(rating), because: `${name} is ${rating}` })),
    );
}

/** A verdict by the scores of the two: the better one's lead is the margin. */
export function byScores(first: string, second: string): (fields: Fields) => Read<Verdict> {
  return (fields) =>
    pipe(
      all({ a: readRating(fields, first), b: readRating(fields, second) }),
      E.map(({ a, b }) => ({ lead: a - b, margin: Math.abs(a - b), because: `${first} and ${second} are ${a}` })),
    );
}

/** A number in a range, also as CSV spells it. */
export function readRating(
  fields: Fields,
  name: string,
  { least = -Infinity, most = Infinity }: { readonly least?: number; readonly most?: number } = {},
): Read<number> {
  const number = numberOf(fields[name]);
  if (number !== undefined && number >= least && number <= most) return right(number);
  return fault(`field "${name}" must be a number${most < Infinity ? ` from ${least} to ${most}` : ""}`, fields[name]);
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

/** A record in a field. */
export function readRecord(fields: Fields, name: string): Read<Fields> {
  const value = fields[name];
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? right(value as Fields)
    : fault(`field "${name}" must be an object`, value);
}

/** A dialogue whose messages may come in parts, `[{ "type": "text", "text": … }]`. */
export function readDialogue(fields: Fields, name: string): Read<Prompt> {
  const value = fields[name];
  return Array.isArray(value)
    ? readText(value.map(inOnePiece), name)
    : fault(`field "${name}" must be a list of messages`, value);
}

function inOnePiece(message: unknown): unknown {
  const parts = (message as Fields | null)?.content;
  if (!Array.isArray(parts)) return message;
  const texts = parts.map((part) => (part as Fields | null)?.text);
  return texts.every((text) => typeof text === "string")
    ? { ...message as Fields, content: texts.join("\n") }
    : message;
}

/** A list of two records, of each its text. */
export function readTwoTexts(fields: Fields, name: string): Read<readonly [Prompt, Prompt]> {
  const value = fields[name];
  if (!Array.isArray(value) || value.length !== 2) return fault(`field "${name}" must be a list of two`, value);
  return pipe(
    traverse(value, (one, i) => readText((one as Fields | null)?.text, `${name}[${i}].text`)),
    E.map((texts) => texts as unknown as readonly [Prompt, Prompt]),
  );
}

/** A text that may be absent or blank. */
export function readRemark(fields: Fields, name: string): Read<string> {
  if (!has(fields, name)) return right("");
  const value = fields[name];
  return typeof value === "string" ? right(value) : fault(`field "${name}" must be a string`, value);
}
