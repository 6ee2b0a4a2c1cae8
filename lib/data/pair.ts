/**
 * A preference pair: a prompt, a chosen and a rejected completion, read from a row of JSON.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, type Result, right } from "../result.ts";
import { type Prompt, promptMessages } from "./chat.ts";
import { agrees, isBlank, readText, splitDialogues, splitTexts, type Texts, withPrompt } from "./dialogue.ts";
import { decodeFields, fault, type Fields, has, type Read, readId, readNames, readNumber } from "./field.ts";
import { type Issue, type Place, shown, unreadable } from "./issue.ts";

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
  return decodeFields(row, place, (fields) => readPair(fields, place.row));
}

function readPair(fields: Fields, row: number): Read<Pair> {
  return pipe(
    all({
      names: readNames(fields, "pairs"),
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
      prompt: has(fields, "prompt") ? readText(fields.prompt, "prompt") : right(undefined),
      chosen: readText(fields.chosen, "chosen"),
      rejected: readText(fields.rejected, "rejected"),
    }),
    E.flatMap(({ prompt, chosen, rejected }) => join(prompt, chosen, rejected)),
    E.flatMap(checkTexts),
  );
}

function join(prompt: Prompt | undefined, chosen: Prompt, rejected: Prompt): Read<Texts> {
  if (typeof chosen === "string" && typeof rejected === "string") {
    return prompt === undefined ? splitTexts(chosen, rejected) : right({ prompt, chosen, rejected });
  }
  if (typeof chosen === "string" || typeof rejected === "string") {
    const strings = typeof chosen === "string" ? "chosen" : "rejected";
    const rule = "chosen and rejected must both be strings or both be lists of messages";
    return left([unreadable(`${rule}: only ${strings} is a string`)]);
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

function checkTexts(texts: Texts): Read<Texts> {
  const { prompt, chosen, rejected } = texts;
  if (isBlank(prompt)) return fault("a prompt must not be empty", prompt);
  const empty = isBlank(chosen) ? "chosen" : isBlank(rejected) ? "rejected" : undefined;
  if (empty !== undefined) {
    return left([{ reason: "emptyReply", rule: `a reply must not be empty: ${empty} is` }]);
  }
  if (chosen === rejected) {
    return left([{ reason: "identical", rule: `chosen and rejected must differ: both are ${shown(chosen)}` }]);
  }
  return right(texts);
}
