/**
 * A preference pair: a prompt, a chosen and a rejected completion, read from a row of JSON.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, type Result, right } from "../result.ts";
import { type Message, type Prompt, promptMessages } from "./chat.ts";
import { readMessages, splitDialogues, splitTexts, type Texts } from "./dialogue.ts";
import { fault, type Fields, has, type Read, readFields, readId, readNames, readNumber } from "./field.ts";
import { type Issue, issueAt, type Place, shown } from "./issue.ts";

/** One comparison: of two completions of a prompt, the chosen is preferred to the rejected. */
export type Pair = {
  /** What reports call the row: its own id, or its place among the rows, from 0. */
  readonly id: string;
  readonly prompt: Prompt;
  readonly chosen: string;
  readonly rejected: string;
  /** By how much the chosen is better, in the units of whoever rated it. */
  readonly margin?: number;
  /** Probability that the chosen is better, 0 to 1. */
  readonly label?: number;
  /** How much the pair counts, at least 0. */
  readonly weight?: number;
};

/**
 * The pair that a row holds, or everything that is wrong with the row.
 *
 * A row has `chosen` and `rejected`, both strings or both lists of messages, and mostly a `prompt`. Without one they must
 * be whole dialogues, lists of messages or hh-rlhf's `\n\nHuman:` and `\n\nAssistant:` turns, and the turns before the last
 * are the prompt: two plain texts are never split where their characters happen to differ.
 *
 * @param row a parsed row
 * @param place where it stands, for the sentences
 * @example
 * ```ts
 * import { decodePair } from "@logratio/logratio";
 * decodePair({ prompt: "2 + 2?", chosen: "4", rejected: "5" }, { row: 0, line: 1 });
 * // right({ id: "0", prompt: "2 + 2?", chosen: "4", rejected: "5" })
 * ```
 */
export function decodePair(row: unknown, place: Place): Result<readonly Issue[], Pair> {
  const read = pipe(readFields(row), E.flatMap((fields) => readPair(fields, place.row)));
  return pipe(
    read,
    E.mapLeft((faults) => {
      const id = pipe(
        readFields(row),
        E.flatMap((fields) => readId(fields, place.row)),
        E.getOrElse(() => `${place.row}`),
      );
      return faults.map((fault) => issueAt(place, id, fault));
    }),
  );
}

function readPair(fields: Fields, row: number): Read<Pair> {
  return pipe(
    all({
      names: readNames(fields),
      id: readId(fields, row),
      texts: has(fields, "chosen") && has(fields, "rejected") ? readTexts(fields) : left([]), // readNames says it
      margin: readNumber(fields, "margin"),
      label: readNumber(fields, "label", { least: 0, most: 1 }),
      weight: readNumber(fields, "weight", { least: 0 }),
    }),
    E.map(({ id, texts, margin, label, weight }) => ({ id, ...texts, ...margin, ...label, ...weight })),
  );
}

function readTexts(fields: Fields): Read<Texts> {
  return pipe(
    all({
      prompt: has(fields, "prompt") ? readText(fields, "prompt") : right(undefined),
      chosen: readText(fields, "chosen"),
      rejected: readText(fields, "rejected"),
    }),
    E.flatMap(({ prompt, chosen, rejected }) => join(prompt, chosen, rejected)),
    E.flatMap(checkTexts),
  );
}

function readText(fields: Fields, name: string): Read<Prompt> {
  const value = fields[name];
  if (typeof value === "string") return right(value);
  return Array.isArray(value)
    ? readMessages(value, name)
    : fault(`field "${name}" must be a string or a list of messages`, value);
}

function join(prompt: Prompt | undefined, chosen: Prompt, rejected: Prompt): Read<Texts> {
  if (typeof chosen === "string" && typeof rejected === "string") {
    return prompt === undefined ? splitTexts(chosen, rejected) : right({ prompt, chosen, rejected });
  }
  if (typeof chosen === "string" || typeof rejected === "string") {
    const strings = typeof chosen === "string" ? "chosen" : "rejected";
    return left([{
      reason: "unreadable",
      rule: `chosen and rejected must both be strings or both be lists of messages: only ${strings} is a string`,
    }]);
  }
  if (prompt === undefined) return splitDialogues(chosen, rejected);
  const turns = promptMessages(prompt);
  return pipe(
    splitDialogues(withPrompt(turns, chosen), withPrompt(turns, rejected)),
    E.flatMap((texts) =>
      agrees(prompt, texts.prompt)
        ? right(texts)
        : fault('field "prompt" must say what the turns before the reply say', prompt)
    ),
  );
}

/** A completion given as one message continues the prompt; a longer list repeats it. */
function withPrompt(turns: readonly Message[], completion: readonly Message[]): readonly Message[] {
  return completion.length === 1 ? [...turns, ...completion] : completion;
}

/** Whether an explicit prompt is the dialogue's: the same messages, or as a string the last of them. */
function agrees(prompt: Prompt, turns: Prompt): boolean {
  const messages = promptMessages(turns);
  const last = messages.at(-1);
  if (typeof prompt === "string") return last?.role === "user" && last.content.trim() === prompt.trim();
  return prompt.length === messages.length &&
    prompt.every(({ role, content }, i) => role === messages[i]?.role && content === messages[i]?.content);
}

const blank = (text: string): boolean => text.trim() === "";

function checkTexts(texts: Texts): Read<Texts> {
  const { prompt, chosen, rejected } = texts;
  if (promptMessages(prompt).every(({ content }) => blank(content))) return fault("a prompt must not be empty", prompt);
  const empty = blank(chosen) ? "chosen" : blank(rejected) ? "rejected" : undefined;
  if (empty !== undefined) {
    return left([{ reason: "emptyReply", rule: `a reply must not be empty: ${empty} is` }]);
  }
  if (chosen === rejected) {
    return left([{ reason: "identical", rule: `chosen and rejected must differ: both are ${shown(chosen)}` }]);
  }
  return right(texts);
}
