/**
 * Rows out of a source that comes in pieces: JSON lines, a JSON list of rows, a table by columns, CSV, or records.
 */
import { csvReader } from "../table/csv.ts";
import { lineReader, LONGEST } from "../table/lines.ts";
import type { TableRecord } from "../table/table_reader.ts";
import { readCells } from "./cells.ts";
import { ALL_FIELDS } from "./field.ts";
import { type Fault, type Place, tooLong, unreadable } from "./issue.ts";
import { jsonLines, jsonWhole } from "./json_rows.ts";
import { SHAPE_COLUMNS } from "./shapes.ts";

/** Where rows go. */
export interface RowSink {
  /** Told once, before the rows of CSV or of records: the names of the columns. */
  readonly columns: (names: readonly string[], place: Place) => void;
  readonly row: (value: unknown, place: Place) => void;
  /** Told of a row that has no value, and why. */
  readonly faults: (faults: readonly Fault[], place: Place) => void;
}

/** Where rows go that are not counted yet: they stand in a line, or in a list. */
export interface UncountedSink {
  readonly row: (value: unknown, line?: number) => void;
  readonly faults: (faults: readonly Fault[], line: number) => void;
}

/** Takes the lines of a text of one kind; blank ones are empty. `end` after the last. */
export interface TextRows {
  readonly line: (text: string, line: number) => void;
  readonly end: () => void;
}

/** Takes text piece by piece, or records; `end` after the last. */
export interface RowReader {
  readonly push: (piece: string) => void;
  readonly records: (records: readonly TableRecord[]) => void;
  readonly end: () => void;
}

/**
 * A reader of rows, which are counted from 0. Lines end at `\n` or `\r\n` and nowhere else, for a U+2028 may stand inside a
 * string; blank ones and a byte order mark are skipped.
 *
 * The first line tells what a text is. `[` opens a list of rows. A JSON value alone may go over several lines, and stands
 * for its rows if it is a table of equally long columns, `{"prompt": […], "chosen": […], "rejected": […]}`. A header that
 * names fields of ours, or the ending `.csv` or `.tsv` of the name, makes it CSV. All else is JSON lines.
 *
 * @param name of the source, if it has one
 * @param longest characters of a line, a cell or a list
 */
export function rowReader(sink: RowSink, name = "", longest = LONGEST): RowReader {
  let rows = 0, names: readonly string[] | undefined, text: TextRows | undefined;
  const counted: UncountedSink = {
    row: (value, line) => sink.row(value, placeOf(rows++, line)),
    faults: (faults, line) => sink.faults(faults, placeOf(rows++, line)),
  };
  const open = (first: string): TextRows => {
    const start = first.trimStart()[0];
    if (start === "[") return jsonWhole(counted, longest);
    if (start === "{" || !isCsv(first, name)) return jsonLines(counted, longest);
    return csvRows(counted, (columns, line) => sink.columns(columns, placeOf(-1, line)), longest);
  };
  const lines = lineReader({
    line: (line, at) => {
      const blank = line === "" || (line.charCodeAt(0) <= 32 && line.trim() === "");
      if (!blank) text ??= open(line);
      text?.line(line, at);
    },
    overlong: (line) => counted.faults([tooLong(longest)], line),
  }, longest);
  return {
    push: lines.push,
    records: (records) => {
      if (names === undefined && records[0] !== undefined) sink.columns(names = Object.keys(records[0]), { row: -1 });
      for (const record of records) counted.row(plainValues(record));
    },
    end: () => {
      lines.end();
      text?.end();
    },
  };
}

function placeOf(row: number, line: number | undefined): Place {
  return line === undefined ? { row } : { row, line };
}

/** What no first character tells, the ending of the name does, or a field of ours in the header. */
const isKnown = (column: string): boolean => ALL_FIELDS.includes(column) || SHAPE_COLUMNS.includes(column);

function isCsv(header: string, name: string): boolean {
  const [, ending] = /\.(csv|tsv|json|jsonl|ndjson)(?:\.gz)?$/i.exec(name) ?? [];
  if (ending !== undefined) return /^.sv$/i.test(ending);
  return header.split(/[,;\t]/).some((cell) => isKnown(cell.trim().replace(/^"|"$/g, "")));
}

/** A record with plain numbers, and without the fields that nobody wanted. */
function plainValues(record: TableRecord): TableRecord {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]));
}

function csvRows(
  sink: UncountedSink,
  columns: (names: readonly string[], line: number) => void,
  longest: number,
): TextRows {
  let names: readonly string[] = [];
  return csvReader({
    header: (cells, line) => columns(names = cells.map((cell) => cell.trim()), line),
    row: (cells, line) => {
      const fields = readCells(names, cells);
      if (fields._tag === "Right") sink.row(fields.right, line);
      else sink.faults(fields.left, line);
    },
    fault: (line, rule) => sink.faults([unreadable(rule)], line),
  }, longest);
}
