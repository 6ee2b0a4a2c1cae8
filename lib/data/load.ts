/**
 * Preference pairs from the outside, with an account of every row.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { map, separate } from "@fp-ts/core/ReadonlyArray";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { PAIR_FIELDS } from "./field.ts";
import type { DropReason, Issue } from "./issue.ts";
import { decodePair, type Pair } from "./pair.ts";
import { issueSentences, type Loaded, type LoadReport, lossSentence, tally } from "./report.ts";
import { type Row, rowsOf, valueOf } from "./rows.ts";

/** What `readPairs` can be told. */
export type LoadOptions = {
  /** Rules that drop a row and go on; a row that fails another rule stops the load. Default: all three. */
  readonly drop?: readonly ("identical" | "emptyReply" | "oddDialogue")[];
  /** Largest share of the rows that may be dropped (default 0.05); beyond it the load stops. */
  readonly mostDropped?: number;
};

/**
 * The pairs of a text, and the report of what was dropped.
 *
 * A row that cannot be read as its author meant it (broken JSON, a missing field, a wrong type, a number out of range, a
 * slip in a field's name) stops the load, and all such rows are named. A row that can be read but teaches nothing
 * (identical replies, an empty reply, dialogues that part before the last turn) is dropped and reported, unless more than
 * one in twenty would go.
 *
 * @param source the text of a file, or its lines: JSON lines, a JSON list, or a table by columns
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
  { drop = ["identical", "emptyReply", "oddDialogue"], mostDropped = 0.05 }: LoadOptions = {},
): Result<Failure, Loaded<Pair>> {
  const rows = rowsOf(source);
  if (rows._tag === "Left") return inputFailure(...issueSentences(rows.left));
  if (rows.right.length === 0) {
    return inputFailure("Cannot load pairs as there must be at least one row: there is none");
  }
  const [lefts, decoded] = pipe(rows.right, map(decodeRow), separate);
  const issues = lefts.flat();
  const stops = ({ reason }: Issue): boolean => !(drop as readonly string[]).includes(reason);
  const wrong = lefts.filter((row) => row.some(stops));
  if (wrong.length > 0) {
    return inputFailure(
      `Cannot load pairs as every row must be right: ${wrong.length} of ${rows.right.length} are not`,
      ...issueSentences(wrong.flat().filter(stops)),
    );
  }
  const report: LoadReport = {
    rows: rows.right.length,
    kept: decoded.length,
    dropped: tally(issues as readonly { readonly reason: DropReason; readonly id: string }[]),
    truncated: [],
    unread: countNames(decoded.map(({ unread }) => unread)),
  };
  const loss = lossSentence("load pairs", report, mostDropped);
  return loss === undefined
    ? right({ data: decoded.map(({ pair }) => pair), report })
    : inputFailure(loss, ...issueSentences(issues));
}

/** A pair, and the names of the fields in its row that no pair has. */
type Decoded = { readonly pair: Pair; readonly unread: readonly string[] };

function decodeRow(row: Row): Result<readonly Issue[], Decoded> {
  return pipe(
    valueOf(row),
    E.flatMap((value) =>
      pipe(
        decodePair(value, row.place),
        E.map((pair) => ({ pair, unread: Object.keys(value as object).filter((name) => !PAIR_FIELDS.includes(name)) })),
      )
    ),
  );
}

function countNames(lists: readonly (readonly string[])[]): LoadReport["unread"] {
  const counts = new Map<string, number>();
  for (const name of lists.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Array.from(counts, ([field, rows]) => ({ field, rows }));
}
