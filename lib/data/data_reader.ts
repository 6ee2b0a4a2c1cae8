/** Rows of preference data as they come: what is wrong is counted and named, what is right kept and measured. */
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import type { TableReader } from "../table/table_reader.ts";
import { type FaultCounter, faultCounter, type Keeper, keeper } from "./account.ts";
import type { Prompt } from "./chat.ts";
import { ALL_FIELDS, FIELDS, kindOf, readNames, type RowKind } from "./field.ts";
import { type Issue, issueAt, nameOf, type Place } from "./issue.ts";
import { type Loaded, type LoadReport, lossSentence, type SourceReport, tally } from "./report.ts";
import { rowReader } from "./rows.ts";

/** What every reader of preference data can be told. */
export type ReadOptions = {
  /** Rules that drop a row and go on; a row that fails another rule stops the load. Default: all three. */
  readonly drop?: readonly ("identical" | "emptyReply" | "oddDialogue")[];
  /** Largest share of the rows that may be dropped (default 0.05); beyond it the load stops. */
  readonly mostDropped?: number;
  /** Name of the source: where no content tells what it is, the ending does, such as `.csv`. */
  readonly name?: string;
};

/** What one reader makes of rows: an `R` for each that is kept, of which a `T` stays. */
export interface ReadPlan<R, T> {
  /** What sentences say is done. */
  readonly action: string;
  /** The kinds of rows that it takes; a source is of one kind. */
  readonly kinds: readonly [RowKind, RowKind];
  /** What the second kind is called, of whose rows several are made. */
  readonly madeOf: NonNullable<SourceReport["made"]>["kind"];
  /** What a source of another kind breaks, and what to do. */
  readonly refusal: { readonly rule: string; readonly remedy: string };
  readonly decode: (kind: RowKind, row: unknown, place: Place) => Result<readonly Issue[], readonly R[]>;
  /** What besides the prompt tells two rows apart. */
  readonly textsOf: (row: R) => readonly string[];
  readonly each: (row: R) => T;
}

/** The reader of a plan. */
export function dataReader<R extends { readonly prompt: Prompt }, T>(
  plan: ReadPlan<R, T>,
  { drop = ["identical", "emptyReply", "oddDialogue"], mostDropped = 0.05, name }: ReadOptions,
): TableReader<Loaded<T>> {
  const faults = faultCounter(drop), kept = keeper(plan.each, plan.textsOf);
  const unread = new Map<string, number>();
  let kind: RowKind | undefined, columns: readonly string[] | undefined, refused: string | undefined, rows = 0;
  const open = (names: readonly string[], place: Place): RowKind => {
    kind = kindOf(names);
    if (!plan.kinds.includes(kind)) refused = refusalOf(plan, kind, place);
    return kind;
  };
  const reader = rowReader({
    columns: (names, place) => {
      columns = names;
      const wrong = columnFaults(names, open(names, place));
      if (wrong.length > 0) refused ??= `Cannot read ${nameOf(place)} as ${wrong.join("; ")}`;
    },
    row: (value, place) => {
      if (refused !== undefined) return;
      rows++;
      const decoded = plan.decode(kind ?? open(fieldNames(value), place), value, place);
      if (decoded._tag === "Left") return faults.add(decoded.left);
      for (const row of decoded.right) kept.add(row);
      if (columns === undefined) countUnread(unread, value as object, kind as RowKind);
    },
    faults: (found, place) => {
      rows++;
      faults.add(found.map((fault) => issueAt(place, String(place.row), fault)));
    },
  }, name);
  return {
    push: reader.push,
    records: reader.records,
    wants: (column) => ALL_FIELDS.includes(column),
    end: () => {
      reader.end();
      if (refused !== undefined) return inputFailure(refused);
      if (columns !== undefined) countUnread(unread, columns, kind as RowKind, kept.data.length);
      const made = kind === plan.kinds[1] ? { made: { from: rows, kind: plan.madeOf } } : {};
      return close(plan.action, { faults, kept, unread, made, mostDropped });
    },
  };
}

/** Data and report, or why there are none. */
function close<R, T>(action: string, { faults, kept, unread, made, mostDropped }: {
  readonly faults: FaultCounter;
  readonly kept: Keeper<R, T>;
  readonly unread: ReadonlyMap<string, number>;
  readonly made: Pick<SourceReport, "made">;
  readonly mostDropped: number;
}): Result<Failure, Loaded<T>> {
  const { data } = kept;
  const rows = data.length + faults.rows(), wrong = faults.wrong();
  if (rows === 0) return inputFailure(`Cannot ${action} as there must be at least one row: there is none`);
  if (wrong > 0) {
    const head = rows === 1 ? [] : [`Cannot ${action} as every row must be right: ${wrong} of ${rows} are not`];
    return inputFailure(...head, ...faults.stops());
  }
  const report: LoadReport = {
    ...{ rows, kept: data.length, dropped: tally(faults.dropped), truncated: [] },
    unread: Array.from(unread, ([field, rows]) => ({ field, rows })),
    source: { ...made, ...kept.account() },
  };
  const loss = lossSentence(action, report, mostDropped);
  return loss === undefined ? right({ data, report }) : inputFailure(loss, ...faults.drops());
}

/** Counts the fields, given as such or by their names, that no row of the kind has. */
function countUnread(unread: Map<string, number>, fields: readonly string[] | object, kind: RowKind, times = 1): void {
  for (const field of Array.isArray(fields) ? fields : Object.keys(fields)) {
    if (!FIELDS[kind].known.includes(field)) unread.set(field, (unread.get(field) ?? 0) + times);
  }
}

function fieldNames(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

function refusalOf(
  { action, refusal }: Pick<ReadPlan<never, never>, "action" | "refusal">,
  kind: RowKind,
  place: Place,
): string {
  const fields = FIELDS[kind].needed.map((field) => `"${field}"`).join(" and ");
  return `Cannot ${action} as ${refusal.rule}: ${nameOf(place)} is ${kind}, with ${fields}; ${refusal.remedy}`;
}

/** What is wrong with the names of columns. */
function columnFaults(names: readonly string[], kind: RowKind): readonly string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return [`every column needs a name of its own: "${twice}" stands there twice`];
  const read = readNames(Object.fromEntries(names.map((name) => [name, ""])), kind);
  return read._tag === "Left" ? read.left.map(({ rule }) => rule) : [];
}
