/**
 * What is wrong with a row, as data: where, which rule, and the sentence to print.
 */

/**
 * Where a row stands: counted from 0 among the rows, and its line from 1 where the source has lines. What is no row but
 * the names of the columns has row −1.
 */
export type Place = { readonly row: number; readonly line?: number };

/**
 * Rules that a readable row can fail. The run goes on without such a row, and names it.
 *
 * `identical`: chosen and rejected say the same · `emptyReply`: one of them is empty · `oddDialogue`: the two dialogues
 * differ before the last turn · `tie`: whoever compared them preferred neither · `ownTurns`: two conversations that went
 * their own ways before the last turn · `alone`: a rated reply whose prompt has no other · `overlong`: more tokens than the context · `noCompletion`: the prompt alone fills the
 * context · `noPrompt`: the completion alone does · `weightless`: its weight is 0 · `identicalWhenCut`: cut to the context, both are the same.
 */
export type DropReason =
  | "identical"
  | "emptyReply"
  | "oddDialogue"
  | "tie"
  | "ownTurns"
  | "alone"
  | "overlong"
  | "noCompletion"
  | "noPrompt"
  | "identicalWhenCut"
  | "weightless";

/** Reasons that lie in how comparisons are collected: such rows are expected, and no share of them stops a load. */
export const EXPECTED: readonly DropReason[] = ["tie", "ownTurns", "weightless"];

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

/** The fault that a value cannot be read as its author meant it. */
export function unreadable(rule: string): Fault {
  return { reason: "unreadable", rule };
}

/** The fault of what does not fit into one string. */
export function tooLong(most: number): Fault {
  return unreadable(`it must have at most ${most.toLocaleString("en-US")} characters`);
}

/** What sentences call a place. */
export function nameOf({ row, line }: Place): string {
  if (row < 0 && line === undefined) return "the columns";
  return line === undefined ? `row ${row} (the first is row 0)` : `line ${line}`;
}

/** A value as a sentence shows it: JSON, cut after 80 characters. */
export function shown(value: unknown): string {
  const json = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : jsonOf(value);
  if (json.length <= 80 && !(typeof value === "string" && value.length > 100)) return json;
  return `${json.slice(0, 79).toWellFormed()}…`;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, (_, part) => typeof part === "bigint" ? Number(part) : part) ?? "nothing";
  } catch {
    return "a value nested too deep to be shown";
  }
}
