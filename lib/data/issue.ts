/**
 * What is wrong with a row, as data: where, which rule, and the sentence to print.
 */

/** Where a row stands: counted from 0 among the rows, and its line from 1 where the source has lines. */
export type Place = { readonly row: number; readonly line?: number };

/**
 * Rules that a readable row can fail. The run goes on without such a row, and names it.
 *
 * `identical`: chosen and rejected say the same · `emptyReply`: one of them is empty · `oddDialogue`: the two dialogues
 * differ before the last turn · `overlong`: more tokens than the context · `noCompletion`: the prompt alone fills the
 * context · `noPrompt`: the completion alone does · `identicalWhenCut`: cut to the context, both are the same.
 */
export type DropReason =
  | "identical"
  | "emptyReply"
  | "oddDialogue"
  | "overlong"
  | "noCompletion"
  | "noPrompt"
  | "identicalWhenCut";

/** One rule that a row fails; `unreadable` rows stop a run, for their author meant something else. */
export type Issue = {
  readonly reason: "unreadable" | DropReason;
  /** What a report calls the row. */
  readonly id: string;
  /** Action, rule and value. */
  readonly sentence: string;
};

/** A failed rule before it is known which row it is about: the rule with the value that broke it. */
export type Fault = { readonly reason: Issue["reason"]; readonly rule: string };

/** The issue that a fault is at a place, for the row called `id`. */
export function issueAt(place: Place, id: string, { reason, rule }: Fault): Issue {
  const action = reason === "unreadable" ? "read" : "use";
  return { reason, id, sentence: `Cannot ${action} ${nameOf(place)} as ${rule}` };
}

function nameOf({ row, line }: Place): string {
  return line === undefined ? `row ${row} (the first is row 0)` : `line ${line}`;
}

/** A value as a sentence shows it: JSON, cut after 80 characters. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length <= 80 ? json : `${json.slice(0, 79).toWellFormed()}…`;
}
