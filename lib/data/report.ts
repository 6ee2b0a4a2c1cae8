/**
 * What became of the rows: kept, dropped and truncated, with the names of those that were not kept whole.
 */
import { type DropReason, EXPECTED, type Issue } from "./issue.ts";

/** The rows that met one fate, all of them, in order. */
export type Tally<Reason> = { readonly reason: Reason; readonly ids: readonly string[] };

/** How rows were cut to the context. */
export type CutReason = "completionEnd" | "promptStart";

/** The account of a load: every row is kept or dropped, and a truncated one is kept. */
export type LoadReport = {
  /** Rows that there were. */
  readonly rows: number;
  readonly kept: number;
  readonly dropped: readonly Tally<DropReason>[];
  readonly truncated: readonly Tally<CutReason>[];
  /** Fields that no pair has, with the number of kept rows that have them. */
  readonly unread: readonly { readonly field: string; readonly rows: number }[];
  /** What was met while reading; absent where rows were not read but drawn. */
  readonly source?: SourceReport;
};

/** What a source held. */
export type SourceReport = {
  /** Rows of the source, where they are of another kind: ranked ones and rated replies, made pairs; pairs, made unpaired rows. */
  readonly made?: { readonly from: number; readonly kind: "ranked rows" | "pairs" | "rated replies" };
  /** The data set whose row shape was read, and what was made of its columns; absent for rows of our own fields. */
  readonly shape?: { readonly name: string; readonly sentence: string };
  /** Different prompts of the kept rows; those that differ in blanks alone are one. */
  readonly prompts: number;
  /** Rows kept that say the same as an earlier one, prompt and completions. */
  readonly repeated: number;
  /** Bytes that the kept rows take: 1 or 2 a character, 4 a token id. */
  readonly bytes: number;
};

/** Rows with the account of how they came to be. */
export type Loaded<T> = { readonly data: readonly T[]; readonly report: LoadReport };

const DROPPED: Readonly<Record<DropReason, string>> = {
  identical: "chosen and rejected are identical",
  emptyReply: "a reply is empty",
  oddDialogue: "chosen and rejected do not share the turns before the last",
  tie: "neither reply was preferred",
  ownTurns: "the two conversations went their own ways before the last turn",
  alone: "there is no other reply to their prompt",
  overlong: "prompt and completion have more tokens than the context",
  noCompletion: "the prompt leaves no room for a completion token",
  noPrompt: "the completion leaves no room for a prompt token",
  identicalWhenCut: "chosen and rejected are identical once cut to the context",
  weightless: "their weight is 0",
};

const CUT: Readonly<Record<CutReason, string>> = {
  completionEnd: "the end of a completion, with its end token, was cut to fit the context",
  promptStart: "the start of the prompt was cut to fit the context",
};

/** Row names shown per reason, and sentences; all are counted. */
export const SHOWN = 20;

/** Groups names by reason, reasons in the order met. */
export function tally<Reason>(
  entries: Iterable<{ readonly reason: Reason; readonly id: string }>,
): readonly Tally<Reason>[] {
  const groups = new Map<Reason, string[]>();
  for (const { reason, id } of entries) {
    const group = groups.get(reason);
    if (group) group.push(id);
    else groups.set(reason, [id]);
  }
  return Array.from(groups, ([reason, ids]) => ({ reason, ids }));
}

/** Number of rows in tallies. */
export function countOf(tallies: readonly Tally<unknown>[]): number {
  return tallies.reduce((sum, { ids }) => sum + ids.length, 0);
}

/**
 * The report in sentences, one a line: the counts, then every reason with the rows it met.
 *
 * Rows without an id of their own go by their place, and the first is row 0.
 */
export function reportText({ rows, kept, dropped, truncated, unread, source }: LoadReport): string {
  const number = (n: number): string => n.toLocaleString("en-US");
  const named = (ids: readonly string[]): string => {
    const more = ids.length > SHOWN ? ` and ${number(ids.length - SHOWN)} more` : "";
    return `row${ids.length === 1 ? "" : "s"} ${ids.slice(0, SHOWN).join(", ")}${more}`;
  };
  const line = (fate: string, ids: readonly string[], why: string): string =>
    `${number(ids.length)} row${ids.length === 1 ? "" : "s"} ${fate} as ${why}: ${named(ids)}.`;
  return [
    `${number(kept)} of ${number(rows)} rows kept, ${number(countOf(dropped))} dropped, ${
      number(countOf(truncated))
    } truncated.`,
    ...source === undefined ? [] : sourceLines(source),
    ...dropped.map(({ reason, ids }) => line("dropped", ids, DROPPED[reason])),
    ...truncated.map(({ reason, ids }) => line("truncated", ids, CUT[reason])),
    ...unread.map(({ field, rows }) => `Field "${field}" of ${number(rows)} row${rows === 1 ? "" : "s"} was not read.`),
  ].join("\n");
}

function sourceLines({ shape, made, prompts, repeated, bytes }: SourceReport): readonly string[] {
  const number = (n: number): string => n.toLocaleString("en-US");
  const size = bytes < 1e5 ? `${number(bytes)} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
  const again = repeated === 0
    ? "no row repeats"
    : repeated === 1
    ? "1 row repeats"
    : `${number(repeated)} rows repeat`;
  return [
    ...shape === undefined ? [] : [`${shape.sentence}.`],
    ...made === undefined ? [] : [`They were made from ${number(made.from)} ${made.kind}.`],
    `${number(prompts)} different prompt${prompts === 1 ? "" : "s"}, ${again} an earlier one; ${size} in memory.`,
  ];
}

/** The sentences of issues, the first 20 in full and the number of the others. */
export function issueSentences(issues: readonly Issue[]): readonly string[] {
  return firstSentences(issues.slice(0, SHOWN).map(({ sentence }) => sentence), issues.length);
}

/** The first 20 of so many sentences, and the number of the others. */
export function firstSentences(sentences: readonly string[], count: number): readonly string[] {
  const more = count - SHOWN;
  return more > 0 ? [...sentences.slice(0, SHOWN), `… and ${more.toLocaleString("en-US")} more like these`] : sentences;
}

/** The sentence that refuses to go on when more than a share of the rows would be dropped; `undefined` when it may. */
export function lossSentence(action: string, { rows, kept, dropped }: LoadReport, most: number): string | undefined {
  const faulty = countOf(dropped.filter(({ reason }) => !EXPECTED.includes(reason)));
  if (faulty > most * rows) {
    return `Cannot ${action} as at most ${100 * most} % of the rows may be dropped: ${faulty} of ${rows} would be`;
  }
  return kept > 0
    ? undefined
    : `Cannot ${action} as at least one row must be left: ${countOf(dropped)} of ${rows} would be dropped`;
}
