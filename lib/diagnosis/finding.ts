/** What a diagnosis says: a fault, the rows it is about, and what to do. */
import type { Pair } from "../data/pair.ts";

/** The kinds of fault in preference data. */
export type FindingKind =
  | "identical"
  | "empty"
  | "odd-dialogue"
  | "alone"
  | "near-duplicate"
  | "conflict"
  | "swapped"
  | "label-noise"
  | "length-bias"
  | "format-bias"
  | "template-debris"
  | "encoding-debris"
  | "truncated"
  | "leakage"
  | "context"
  | "chat-template"
  | "imbalance"
  | "id"
  | "label"
  | "margin"
  | "weight";

/** `error`: it spoils training or its evaluation; `warning`: it likely teaches what nobody meant; `note`: worth a look. */
export type Severity = "error" | "warning" | "note";

/** One fault of a data set. */
export interface Finding {
  /** What sort of fault. */
  readonly kind: FindingKind;
  /** How much it matters. */
  readonly severity: Severity;
  /** Rows that it is about. */
  readonly count: number;
  /** What reports call these rows, those to look at first in front. */
  readonly rows: readonly string[];
  /** What was found, with figures. */
  readonly sentence: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** What a check says beside the rows. */
export type Verdict = Omit<Finding, "count" | "rows">;

/** A finding about rows of a data set, or none if there is no row. */
export function finding(pairs: readonly Pair[], rows: Iterable<number>, verdict: Verdict): readonly Finding[] {
  return findingOf(Array.from(rows, (row) => pairs[row]!.id), verdict);
}

/** A finding about rows by their names, or none if there is no row. */
export function findingOf(rows: readonly string[], { kind, severity, sentence, remedy }: Verdict): readonly Finding[] {
  return rows.length === 0 ? [] : [{ kind, severity, count: rows.length, rows, sentence, remedy }];
}

/** Numbers of the rows that a rule holds for. */
export function rowsWhere(pairs: readonly Pair[], rule: (pair: Pair, row: number) => boolean): readonly number[] {
  const rows: number[] = [];
  for (let row = 0; row < pairs.length; row++) if (rule(pairs[row]!, row)) rows.push(row);
  return rows;
}

/** `1 row`, `1,024 rows`; the plural is regular unless it is given. */
export function counted(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? noun : plural}`;
}

const IRREGULAR: Readonly<Record<string, string>> = { have: "has", do: "does" };

/** Rows as the subject of a verb, if asked for with their share: `1 row holds`, `5 rows (2.5 %) hold`. */
export function rowsThat(n: number, verb: string, of?: number): string {
  const among = of === undefined ? "" : ` (${share(n / of)})`;
  return `${counted(n, "row")}${among} ${n !== 1 ? verb : IRREGULAR[verb] ?? `${verb}s`}`;
}

/** `55.5 %`. */
export function share(p: number): string {
  return `${(100 * p).toFixed(1)} %`;
}

/** `55.5 % (53.4 to 57.5)`. */
export function shareWithin(of: { readonly estimate: number; readonly low: number; readonly high: number }): string {
  return `${share(of.estimate)} (${(100 * of.low).toFixed(1)} to ${(100 * of.high).toFixed(1)})`;
}
