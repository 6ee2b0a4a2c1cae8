/**
 * An unpaired row: one completion of a prompt, good or bad.
 *
 * @see Ethayarajh et al. 2024, "KTO: model alignment as prospect theoretic optimization"
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, type Result, right } from "../result.ts";
import type { Prompt } from "./chat.ts";
import { readText } from "./dialogue.ts";
import { decodeFields, fault, type Fields, has, type Read, readId, readNames, readNumber } from "./field.ts";
import type { Issue, Place } from "./issue.ts";
import type { Pair } from "./pair.ts";
import { joinReply } from "./reply.ts";

/** One completion of a prompt, and whether it is a good one. */
export type UnpairedRow = {
  /** What reports call the row: its own id, or its place among the rows, from 0. */
  readonly id: string;
  readonly prompt: Prompt;
  readonly completion: string;
  /** Whether the completion is good. */
  readonly label: boolean;
  /** How much the row counts, at least 0. */
  readonly weight?: number;
};

/**
 * The unpaired row that a row of fields holds, or everything that is wrong with it. `label` is true or false, 1 or 0.
 *
 * @param place where it stands, for the sentences
 * @example
 * ```ts
 * import { decodeUnpaired } from "@logratio/logratio";
 * decodeUnpaired({ prompt: "2 + 2?", completion: "4", label: true }, { row: 0 }); // right({ id: "0", prompt: "2 + 2?", … })
 * ```
 */
export function decodeUnpaired(row: unknown, place: Place): Result<readonly Issue[], UnpairedRow> {
  return decodeFields(row, place, (fields) =>
    pipe(
      all({
        names: readNames(fields, "unpaired"),
        id: readId(fields, place.row),
        reply: has(fields, "completion") ? readReply(fields) : left([]), // readNames says it
        label: has(fields, "label") ? readLabel(fields.label) : left([]),
        weight: readNumber(fields, "weight", { least: 0 }),
      }),
      E.map(({ id, reply, label, weight }) => ({ id, ...reply, label, ...weight })),
    ));
}

/** The two unpaired rows of a pair: the chosen one is good, the rejected one bad. */
export function unpair({ id, prompt, chosen, rejected, weight }: Pair): readonly [UnpairedRow, UnpairedRow] {
  const shared = weight === undefined ? { prompt } : { prompt, weight };
  return [
    { ...shared, id: `${id}:chosen`, completion: chosen, label: true },
    { ...shared, id: `${id}:rejected`, completion: rejected, label: false },
  ];
}

/** Prompt and completion of a row, in all their forms. */
export function readReply(fields: Fields): Read<Pick<UnpairedRow, "prompt" | "completion">> {
  return pipe(
    all({
      prompt: has(fields, "prompt") ? readText(fields.prompt, "prompt") : right(undefined),
      completion: readText(fields.completion, "completion"),
    }),
    E.flatMap(({ prompt, completion }) => joinReply(prompt, completion, "completion")),
  );
}

function readLabel(value: unknown): Read<boolean> {
  if (typeof value === "boolean") return right(value);
  return value === 1 || value === 0 ? right(value === 1) : fault('field "label" must be true or false, 1 or 0', value);
}
