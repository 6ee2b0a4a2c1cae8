/** Rows of a known shape into rows of our own fields, one or two at a time. */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, type Result, right } from "../result.ts";
import { decodeFields, type Fields, has, type Read, readId, readNames } from "./field.ts";
import { type Issue, issueAt, type Place } from "./issue.ts";
import { promptName } from "./prompt_name.ts";
import { pairFields, type RatedReply, type Shape } from "./shape.ts";

/** Takes rows as they come, and gives rows of our own. */
export interface Translator {
  /** The rows that a row completes: itself, a pair with an earlier one, or none as yet. */
  readonly row: (row: unknown, place: Place) => Result<readonly Issue[], readonly unknown[]>;
  /** What two rows that make one are called. */
  readonly made?: "rated replies";
  /** What is wrong with the rows that still wait when there are no more. */
  readonly end: () => readonly Issue[];
}

/** Rows that are of our own fields already. */
export const asTheyAre: Translator = { row: (row) => right([row]), end: () => [] };

/** The translator of a shape. */
export function translator(shape: Shape): Translator {
  return "reply" in shape ? matching(shape) : {
    row: (row, place) => decodeFields(row, place, (fields) => pipe(readBoth(shape, fields), E.map((pair) => [pair]))),
    end: () => [],
  };
}

function readBoth(shape: Extract<Shape, { readonly sides: unknown }>, fields: Fields): Read<Fields> {
  const names = readNames(fields, shape);
  if (names._tag === "Left") return names;
  const verdict = shape.verdict(fields);
  const tie = verdict._tag === "Right" && verdict.right.lead === 0; // whose replies need not be comparable
  return tie ? pairFields({ replies: ["", ""] }, verdict.right) : pipe(
    all({ sides: shape.sides(fields), verdict }),
    E.flatMap(({ sides, verdict }) => pairFields(sides, verdict)),
    E.map((pair) => has(fields, "id") ? { ...pair, id: fields.id } : pair),
  );
}

/** A rated reply, and where it stands. */
type Waiting = { readonly reply: RatedReply; readonly place: Place; readonly id: string };

/** Pairs each reply with the next to the same prompt; only those without a partner are held. */
function matching(shape: Extract<Shape, { readonly reply: unknown }>): Translator {
  const waiting = new Map<string, Waiting>();
  const read = (fields: Fields, row: number): Read<Omit<Waiting, "place">> =>
    pipe(readNames(fields, shape), E.flatMap(() => all({ reply: shape.reply(fields), id: readId(fields, row) })));
  return {
    made: "rated replies",
    row: (row, place) =>
      pipe(
        decodeFields(row, place, (fields) => read(fields, place.row)),
        E.flatMap((second): Result<readonly Issue[], readonly Fields[]> => {
          const prompt = promptName(second.reply.prompt), first = waiting.get(prompt);
          if (first === undefined) {
            waiting.set(prompt, { ...second, place });
            return right([]);
          }
          waiting.delete(prompt);
          const pair = matched(first, second, shape.scoredBy);
          return pair._tag === "Right"
            ? right([pair.right])
            : left(pair.left.map((fault) => issueAt(place, second.id, fault)));
        }),
      ),
    end: () =>
      Array.from(
        waiting.values(),
        ({ place, id }) =>
          issueAt(place, id, { reason: "alone", rule: "there must be another reply to its prompt: there is none" }),
      ),
  };
}

/** The pair of two rated replies, named by both with the better one first: `5>4`. */
function matched(a: Omit<Waiting, "place">, b: Omit<Waiting, "place">, scoredBy: string): Read<Fields> {
  const lead = a.reply.score - b.reply.score;
  const because = `${scoredBy} of rows ${a.id} and ${b.id} is ${a.reply.score}`;
  return pipe(
    pairFields(
      { prompt: a.reply.prompt, replies: [a.reply.reply, b.reply.reply] },
      { lead, margin: Math.abs(lead), because },
    ),
    E.map((pair) => ({ ...pair, id: lead > 0 ? `${a.id}>${b.id}` : `${b.id}>${a.id}` })),
  );
}
