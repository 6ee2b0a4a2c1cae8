/**
 * Delimited text with a header. Which of comma, tab and semicolon parts the cells, the header tells; cells in quotes may
 * hold delimiters, doubled quotes and line breaks.
 *
 * @see RFC 4180, "Common format and MIME type for comma-separated values (CSV) files"
 */
import { LONGEST, withoutReturn } from "./lines.ts";

/** Where rows go; a row stands where its first line does. */
export interface CsvSink {
  /** Told once, before the first row. */
  readonly header: (names: readonly string[], line: number) => void;
  /** Takes a row that has as many cells as the header. */
  readonly row: (cells: readonly string[], line: number) => void;
  readonly fault: (line: number, rule: string) => void;
}

/** Takes lines as they stand in the file; `end` after the last. */
export interface CsvReader {
  readonly line: (text: string, line: number) => void;
  readonly end: () => void;
}

/** A reader of the lines of delimited text. Blank lines are skipped. */
export function csvReader(sink: CsvSink, longest = LONGEST): CsvReader {
  let delimiter = ",", width = -1, began = 0;
  let cells: string[] = [];
  let quoted: string[] | undefined; // the parts so far of a cell whose quotes are open
  let held = 0; // characters of the row's cells in quotes
  const keep = (parts: string[], part: string): void => {
    held += part.length;
    if (held <= longest) parts.push(part);
  };
  const finish = (row: readonly string[]): void => {
    if (held > longest) sink.fault(began, `a row must have at most ${longest.toLocaleString("en-US")} characters`);
    else if (width < 0) {
      width = row.length;
      sink.header(row, began);
    } else if (row.length === width) sink.row(row, began);
    else sink.fault(began, `it must have ${width} fields like the header: it has ${row.length}`);
  };
  /** The rest of a cell after its opening quotes; where it ends, or −1 if its quotes stay open. */
  const unquote = (text: string, from: number): number => {
    const parts = quoted ??= [];
    for (;;) {
      const quote = text.indexOf('"', from);
      if (quote < 0) {
        keep(parts, `${text.slice(from)}\n`);
        return -1;
      }
      const doubled = text[quote + 1] === '"';
      keep(parts, text.slice(from, doubled ? quote + 1 : quote));
      from = quote + (doubled ? 2 : 1);
      if (doubled) continue;
      const next = text.indexOf(delimiter, from), end = next < 0 ? text.length : next;
      keep(parts, withoutReturn(text.slice(from, end))); // what stands behind the closing quotes
      cells.push(parts.join(""));
      quoted = undefined;
      return end;
    }
  };
  /** Cells from a place on, up to the end of the line or of its part that is complete. */
  const parse = (text: string, from: number): void => {
    for (let at = from; at <= text.length;) {
      let start = at;
      while (text[start] === " ") start++;
      if (text[start] === '"') {
        const end = unquote(text, start + 1);
        if (end < 0) return;
        at = end + 1;
      } else {
        const next = text.indexOf(delimiter, at), end = next < 0 ? text.length : next;
        cells.push(next < 0 ? withoutReturn(text.slice(at)) : text.slice(at, end));
        at = end + 1;
      }
    }
    finish(cells);
    cells = [];
    held = 0;
  };
  return {
    line: (text, line) => {
      if (quoted !== undefined) {
        const end = unquote(text, 0);
        if (end >= 0) parse(text, end + 1);
        return;
      }
      if (text.charCodeAt(0) <= 32 && text.trim() === "" || text === "") return;
      began = line;
      if (width < 0) delimiter = delimiterOf(text);
      if (text.includes('"')) parse(text, 0);
      else finish(withoutReturn(text).split(delimiter)); // most lines, and faster
    },
    end: () => {
      if (quoted !== undefined) sink.fault(began, "its quotes must be closed");
    },
  };
}

function delimiterOf(header: string): string {
  return [",", "\t", ";"].reduce((best, d) => header.split(d).length > header.split(best).length ? d : best);
}
