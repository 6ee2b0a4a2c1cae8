/** Rows as they come: delimited text (CSV, TSV) or JSON lines in pieces of any size, or records read elsewhere. */

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

/** An object with the names of columns as keys. */
export type TableRecord = Readonly<Record<string, unknown>>;

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
  let rest = "", line = 0, lines: ((text: string) => void) | undefined;
  const whole: string[] = []; // a JSON array is kept until it is complete
  let isArray = false;
  const takeRecords = recordTaker(sink);
  const take = (text: string): void => {
    line++;
    const clean = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (lines === undefined && clean.trim() === "") return;
    lines ??= clean.trimStart().startsWith("{") ? jsonLines(sink, () => line) : delimitedLines(sink, () => line);
    lines(clean);
  };
  return {
    push: (piece) => {
      if (lines === undefined && !isArray && rest.trim() === "" && whole.length === 0) {
        isArray = piece.replace(/^\uFEFF/, "").trimStart().startsWith("[");
        piece = piece.replace(/^\uFEFF/, "");
      }
      if (isArray) {
        whole.push(piece);
        return;
      }
      const text = rest + piece;
      let from = 0;
      for (let feed = text.indexOf("\n"); feed >= 0; feed = text.indexOf("\n", from)) {
        take(text.slice(from, feed));
        from = feed + 1;
      }
      rest = text.slice(from);
    },
    records: takeRecords,
    end: () => {
      if (isArray) jsonArray(whole.join(""), sink);
      else if (rest !== "") take(rest);
      if (rest !== "" && quotes(rest) % 2 === 1) sink.fault({ unit: "line", at: line }, "its quotes must be closed");
    },
  };
}

/** Objects of one JSON array. */
function jsonArray(text: string, sink: RowSink): void {
  const parsed = parseJson(text);
  if (Array.isArray(parsed)) recordTaker(sink)(parsed);
  else sink.fault({ unit: "line", at: 1 }, "the file must be JSON lines or one JSON array of objects");
}

function jsonLines(sink: RowSink, line: () => number): (text: string) => void {
  const take = objects(sink, () => ({ unit: "line", at: line() }));
  return (text) => {
    if (text.trim() !== "") take(parseJson(text));
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
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

function delimitedLines(sink: RowSink, line: () => number): (text: string) => void {
  let delimiter = ",", width = -1, open = "", openedAt = 0;
  return (text) => {
    if (open !== "") text = `${open}\n${text}`;
    else openedAt = line();
    const quoted = text.includes('"');
    if (quoted && quotes(text) % 2 === 1) { // a quoted field goes on in the next line
      open = text;
      return;
    }
    open = "";
    if (width < 0) {
      delimiter = [",", "\t", ";"].reduce((best, d) => text.split(d).length > text.split(best).length ? d : best);
      const names = split(text, delimiter).map(columnName);
      width = names.length;
      return sink.header(names, { unit: "line", at: openedAt });
    }
    const values = quoted ? split(text, delimiter) : text.split(delimiter);
    if (values.length === width) sink.row({ unit: "line", at: openedAt, values });
    else if (text.trim() !== "") {
      sink.fault(
        { unit: "line", at: openedAt },
        `it must have ${width} fields like the header: it has ${values.length}`,
      );
    }
  };
}

function quotes(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) count++;
  return count;
}

/** The fields of a line that may hold quoted ones. */
function split(text: string, delimiter: string): string[] {
  const fields: string[] = [];
  let field = "", quoted = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!;
    if (quoted) {
      if (letter !== '"') field += letter;
      else if (text[i + 1] === '"') field += text[++i]!;
      else quoted = false;
    } else if (letter === '"' && field.trim() === "") [quoted, field] = [true, ""];
    else if (letter === delimiter) {
      fields.push(field);
      field = "";
    } else field += letter;
  }
  return [...fields, field];
}
