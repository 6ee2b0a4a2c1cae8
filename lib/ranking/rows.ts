/** Rows as they come: delimited text (CSV, TSV) or JSON lines in pieces of any size, or records read elsewhere. */

import { csvReader } from "../table/csv.ts";
import { lineReader, LONGEST } from "../table/lines.ts";
import type { TableRecord } from "../table/table_reader.ts";

/** Where a row stands: the line of a text, or the number of an object, from 1. */
export interface Place {
  readonly unit: "line" | "row";
  readonly at: number;
}

/** One row: where it stands, and its values in the order of the columns. */
export interface Row extends Place {
  readonly values: readonly unknown[];
}

/** Where rows go. */
export interface RowSink {
  /** Told once, before the first row. */
  readonly header: (columns: readonly string[], place: Place) => void;
  readonly row: (row: Row) => void;
  readonly fault: (place: Place, rule: string) => void;
  /** Told of a field that the first object lacks. */
  readonly stray: (place: Place, column: string) => void;
}

/** Takes text piece by piece, or records; `end` after the last. */
export interface RowReader {
  readonly push: (piece: string) => void;
  readonly records: (records: readonly TableRecord[]) => void;
  readonly end: () => void;
}

/** A column's name as rows are matched by: lower case, words joined by `_`. */
export function columnName(name: string): string {
  return name.trim().toLowerCase().replace(/[\s-]+/g, "_");
}

/**
 * A reader of delimited text with a header, of JSON lines, or of one JSON array of objects; which, the first character
 * tells. Quoted fields may hold delimiters, doubled quotes and line breaks. Records are taken as they are.
 */
export function rowReader(sink: RowSink): RowReader {
  let take: ((text: string, line: number) => void) | undefined, finish = (): void => {};
  const fault = (line: number, rule: string): void => sink.fault({ unit: "line", at: line }, rule);
  const open = (text: string): typeof take => {
    if (text.trimStart().startsWith("{")) return jsonLines(sink);
    if (text.trimStart().startsWith("[")) {
      const whole: string[] = []; // a JSON array is kept until it is complete
      finish = () => jsonArray(whole, sink);
      return (text) => whole.push(text);
    }
    const csv = csvReader({
      header: (names, at) => sink.header(names.map(columnName), { unit: "line", at }),
      row: (values, at) => sink.row({ unit: "line", at, values }),
      fault,
    });
    finish = csv.end;
    return csv.line;
  };
  const lines = lineReader({
    line: (text, line) => {
      if (take === undefined && text.trim() !== "") take = open(text);
      take?.(text, line);
    },
    overlong: (line) => fault(line, `it must have at most ${LONGEST.toLocaleString("en-US")} characters`),
  });
  return {
    push: lines.push,
    records: recordTaker(sink),
    end: () => {
      lines.end();
      finish();
    },
  };
}

/** Objects of one JSON array. */
function jsonArray(lines: readonly string[], sink: RowSink): void {
  const parsed = parseJson(lines);
  if (Array.isArray(parsed)) recordTaker(sink)(parsed);
  else sink.fault({ unit: "line", at: 1 }, "the file must be JSON lines or one JSON array of objects");
}

function jsonLines(sink: RowSink): (text: string, line: number) => void {
  let at = 0;
  const take = objects(sink, () => ({ unit: "line", at }));
  return (text, line) => {
    at = line;
    if (text.trim() !== "") take(parseJson([text]));
  };
}

function recordTaker(sink: RowSink): (records: readonly unknown[]) => void {
  let at = 0;
  const take = objects(sink, () => ({ unit: "row", at }));
  return (records) => {
    for (const item of records) {
      at++;
      take(item);
    }
  };
}

/** The value that lines spell; nothing if they are not JSON, or too long for a string. */
function parseJson(lines: readonly string[]): unknown {
  try {
    return JSON.parse(lines.join("\n"));
  } catch {
    return undefined;
  }
}

/** The first object's keys are the columns. */
function objects(sink: RowSink, place: () => Place): (item: unknown) => void {
  let keys: readonly string[] | undefined;
  const known = new Set<string>();
  return (item) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) {
      return sink.fault(place(), "it must be a JSON object");
    }
    const record = item as TableRecord;
    if (keys === undefined) {
      keys = Object.keys(record);
      for (const key of keys) known.add(key);
      sink.header(keys.map(columnName), place());
    }
    for (const key in record) {
      if (known.has(key)) continue;
      known.add(key); // each is told of once
      sink.stray(place(), columnName(key));
    }
    sink.row({ ...place(), values: keys.map((key) => record[key]) });
  };
}
