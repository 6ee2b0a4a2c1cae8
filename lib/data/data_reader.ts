/** Rows of preference data as they come: what is wrong is counted and named, what is right kept and measured. */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { type Failure, inputFailure, type Result, right, traverse } from "../result.ts";
import type { TableReader } from "../table/table_reader.ts";
import { type FaultCounter, faultCounter, type Keeper, keeper } from "./account.ts";
import type { Prompt } from "./chat.ts";
import { ALL_FIELDS, FIELDS, kindOf, type Names, readNames, type RowKind } from "./field.ts";
import { EXPECTED, type Issue, issueAt, nameOf, type Place } from "./issue.ts";
import { type Loaded, type LoadReport, lossSentence, type SourceReport, tally } from "./report.ts";
import { rowReader } from "./rows.ts";
import { type RowShape, SHAPE_COLUMNS, shapeOf } from "./shapes.ts";
import { asTheyAre, type Translator, translator } from "./translate.ts";

/** What every reader of preference data can be told. */
export type ReadOptions = {
  /** Rules that drop a row and go on; a row that fails another rule stops the load. Default: all three. */
  readonly drop?: readonly ("identical" | "emptyReply" | "oddDialogue")[];
  /** Largest share of the rows that may be dropped (default 0.05), ties aside; beyond it the load stops. */
  readonly mostDropped?: number;
  /** How rows say what is chosen: as their columns tell (the default), by our own fields, or as a data set does. */
  readonly rows?: RowShape;
  /** Name of the source: where no content tells what it is, the ending does, such as `.csv`. */
  readonly name?: string;
};

/** Which rows a reader takes. */
export interface RowPlan {
  /** What sentences say is done. */
  readonly action: string;
  /** The kinds of rows that it takes; a source is of one kind. */
  readonly kinds: readonly [RowKind, RowKind, ...RowKind[]];
  /** The fields of kinds whose rows need others here than elsewhere. */
  readonly fields?: Readonly<Partial<Record<RowKind, Names>>>;
  /** What the second kind is called, of whose rows several are made. */
  readonly madeOf: NonNullable<SourceReport["made"]>["kind"];
  /** What a source of another kind breaks, and what to do. */
  readonly refusal: { readonly rule: string; readonly remedy: string };
}

/** What one reader makes of rows: an `R` for each that is kept, of which a `T` stays. */
export interface ReadPlan<R, T> extends RowPlan {
  readonly decode: (kind: RowKind, row: unknown, place: Place) => Result<readonly Issue[], readonly R[]>;
  /** What besides the prompt tells two rows apart. */
  readonly textsOf: (row: R) => readonly string[];
  readonly each: (row: R) => T;
}

/** What a source turned out to be. */
interface Opened {
  readonly kind: RowKind;
  /** The fields that its rows have. */
  readonly names: Names;
  readonly shape: SourceReport["shape"];
  readonly translator: Translator;
  /** Why its rows are not read. */
  readonly refused: string | undefined;
}

/** What rows with these columns are. */
function opened(plan: RowPlan, columns: readonly string[], place: Place, rows?: RowShape): Opened {
  const shape = shapeOf(columns, rows);
  if (shape !== undefined) {
    const sentence = `Rows ${rows === shape.name ? "are read as" : "look like"} ${shape.title}: ${shape.meaning}`;
    return {
      kind: "pairs",
      names: shape,
      shape: { name: shape.name, sentence },
      translator: translator(shape),
      refused: undefined,
    };
  }
  const kind = kindOf(columns), refused = plan.kinds.includes(kind) ? undefined : refusalOf(plan, kind, place);
  const names = plan.fields?.[kind] ?? FIELDS[kind];
  return { kind, names, shape: undefined, translator: asTheyAre, refused };
}

/** The reader of a plan. */
export function dataReader<R extends { readonly prompt: Prompt | Int32Array }, T>(
  plan: ReadPlan<R, T>,
  { drop = ["identical", "emptyReply", "oddDialogue"], mostDropped = 0.05, name, rows: asked }: ReadOptions,
): TableReader<Loaded<T>> {
  const faults = faultCounter([...drop, ...EXPECTED, "alone"]), kept = keeper(plan.each, plan.textsOf);
  const unread = new Map<string, number>();
  let source: Opened | undefined, columns: readonly string[] | undefined, refused: string | undefined, rows = 0;
  const open = (names: readonly string[], place: Place): Opened => {
    source = opened(plan, names, place, asked);
    refused = source.refused;
    return source;
  };
  const reader = rowReader({
    columns: (names, place) => {
      columns = names;
      const wrong = columnFaults(names, open(names, place).names);
      if (wrong.length > 0) refused ??= `Cannot read ${nameOf(place)} as ${wrong.join("; ")}`;
    },
    row: (value, place) => {
      if (refused !== undefined) return;
      rows++;
      const { kind, names, translator } = source ?? open(fieldNames(value), place);
      const decoded = pipe(
        translator.row(value, place),
        E.flatMap((ours) => traverse(ours, (row) => plan.decode(kind, row, place))),
      );
      if (decoded._tag === "Left") return faults.add(decoded.left);
      for (const row of decoded.right.flat()) kept.add(row);
      if (columns === undefined) countUnread(unread, value as object, names);
    },
    faults: (found, place) => {
      rows++;
      faults.add(found.map((fault) => issueAt(place, String(place.row), fault)));
    },
  }, name);
  return {
    push: reader.push,
    records: reader.records,
    wants: (column) => ALL_FIELDS.includes(column) || SHAPE_COLUMNS.includes(column),
    end: () => {
      reader.end();
      if (refused !== undefined) return inputFailure(refused);
      for (const issue of source?.translator.end() ?? []) faults.add([issue]);
      if (columns !== undefined && source !== undefined) countUnread(unread, columns, source.names, kept.data.length);
      return close(plan.action, { faults, kept, unread, about: aboutOf(plan, source, rows), mostDropped });
    },
  };
}

/** What a report says of a source of so many rows. */
function aboutOf(
  { kinds, madeOf }: RowPlan,
  source: Opened | undefined,
  rows: number,
): Pick<SourceReport, "made" | "shape"> {
  const kind = source?.translator.made ?? (source?.kind === kinds[1] ? madeOf : undefined);
  return {
    ...source?.shape && { shape: source.shape },
    ...kind !== undefined && { made: { from: rows, kind } },
  };
}

/** Data and report, or why there are none. */
function close<R, T>(action: string, { faults, kept, unread, about, mostDropped }: {
  readonly faults: FaultCounter;
  readonly kept: Keeper<R, T>;
  readonly unread: ReadonlyMap<string, number>;
  readonly about: Pick<SourceReport, "made" | "shape">;
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
    source: { ...about, ...kept.account() },
  };
  const loss = lossSentence(action, report, mostDropped);
  return loss === undefined ? right({ data, report }) : inputFailure(loss, ...faults.drops());
}

/** Counts the fields, given as such or by their names, that are not known. */
function countUnread(
  unread: Map<string, number>,
  fields: readonly string[] | object,
  { known }: Names,
  times = 1,
): void {
  for (const field of Array.isArray(fields) ? fields : Object.keys(fields)) {
    if (!known.includes(field)) unread.set(field, (unread.get(field) ?? 0) + times);
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
function columnFaults(names: readonly string[], known: Names): readonly string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return [`every column needs a name of its own: "${twice}" stands there twice`];
  const read = readNames(Object.fromEntries(names.map((name) => [name, ""])), known);
  return read._tag === "Left" ? read.left.map(({ rule }) => rule) : [];
}
