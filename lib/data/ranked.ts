/**
 * A ranked row: several completions of a prompt, from the best to the worst.
 *
 * @see Ouyang et al. 2022, "Training language models to follow instructions with human feedback", section 3.5
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, type Result, right, traverse } from "../result.ts";
import type { Prompt } from "./chat.ts";
import { readText } from "./dialogue.ts";
import { decodeFields, fault, type Fields, has, type Read, readId, readNames, readNumber } from "./field.ts";
import { type Issue, type Place, shown } from "./issue.ts";
import type { Pair } from "./pair.ts";
import { joinReply } from "./reply.ts";

/** Completions of a prompt, the best first. */
export type RankedRow = {
  /** What reports call the row: its own id, or its place among the rows, from 0. */
  readonly id: string;
  readonly prompt: Prompt;
  /** At least two, all different, from the best to the worst. */
  readonly completions: readonly string[];
  /** How much each pair of it counts, at least 0. */
  readonly weight?: number;
};

/** Which pairs a ranked row gives: each completion with all that are worse, or with the next one alone. */
export type RankedPairs = "all" | "adjacent";

/**
 * The ranked row that a row of fields holds, or everything that is wrong with it.
 *
 * @param place where it stands, for the sentences
 * @example
 * ```ts
 * import { decodeRanked } from "@logratio/logratio";
 * decodeRanked({ prompt: "2 + 2?", completions: ["4", "about 4", "5"] }, { row: 0 });
 * ```
 */
export function decodeRanked(row: unknown, place: Place): Result<readonly Issue[], RankedRow> {
  return decodeFields(row, place, (fields) =>
    pipe(
      all({
        names: readNames(fields, "ranked"),
        id: readId(fields, place.row),
        replies: has(fields, "prompt") && has(fields, "completions") ? readReplies(fields) : left([]), // readNames says it
        weight: readNumber(fields, "weight", { least: 0 }),
      }),
      E.map(({ id, replies, weight }) => ({ id, ...replies, ...weight })),
    ));
}

/**
 * The pairs of a ranked row, of n completions n·(n − 1)/2 or n − 1. They are named by the places in the ranking: `7:0>2`.
 *
 * @example
 * ```ts
 * import { rankedPairs } from "@logratio/logratio";
 * rankedPairs({ id: "7", prompt: "2 + 2?", completions: ["4", "about 4", "5"] }, "adjacent").map(({ id }) => id); // "7:0>1", "7:1>2"
 * ```
 */
export function rankedPairs({ completions, id, ...shared }: RankedRow, which: RankedPairs): readonly Pair[] {
  return completions.flatMap((chosen, i) =>
    completions.slice(i + 1, which === "all" ? undefined : i + 2).map((rejected, k): Pair => ({
      ...shared,
      ...{ id: `${id}:${i}>${i + 1 + k}`, chosen, rejected },
    }))
  );
}

function readReplies(fields: Fields): Read<Pick<RankedRow, "prompt" | "completions">> {
  const { completions } = fields;
  if (!Array.isArray(completions) || completions.length < 2) {
    return fault('field "completions" must be a list of at least two, the best first', completions);
  }
  const field = (i: number): string => `completion ${i} of field "completions"`;
  return pipe(
    all({
      prompt: readText(fields.prompt, "prompt"),
      completions: traverse(completions, (one, i) => readText(one, `completions[${i}]`)),
    }),
    E.flatMap(({ prompt, completions }) => traverse(completions, (one, i) => joinReply(prompt, one, field(i)))),
    E.flatMap((replies) => checkReplies(replies.map(({ prompt }) => prompt), replies.map((reply) => reply.completion))),
  );
}

function checkReplies(
  [prompt, ...others]: readonly Prompt[],
  completions: readonly string[],
): Read<Pick<RankedRow, "prompt" | "completions">> {
  const seen = new Set<string>();
  const twice = completions.find((one) => seen.size === seen.add(one).size);
  if (twice !== undefined) {
    return left([{ reason: "identical", rule: `the completions must differ: two are ${shown(twice)}` }]);
  }
  const turns = JSON.stringify(prompt);
  return others.every((other) => JSON.stringify(other) === turns)
    ? right({ prompt: prompt as Prompt, completions })
    : left([{ reason: "oddDialogue", rule: "all completions must have the same turns before them" }]);
}
