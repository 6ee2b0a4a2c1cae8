/**
 * Rows out of a text: JSON lines, a JSON list of rows, or a table by columns.
 */
import { left, type Result, right } from "../result.ts";
import type { Fields } from "./field.ts";
import { type Fault, type Issue, issueAt, type Place, shown } from "./issue.ts";
import { jsonFault } from "./json_fault.ts";

/** A row and where it stands: a line of JSON yet to be parsed, or a value. */
export type Row = { readonly place: Place; readonly json: string } | { readonly place: Place; readonly value: unknown };

/**
 * The rows of a text, in order. Lines end at `\n` or `\r\n` and nowhere else, for a U+2028 may stand inside a string; blank
 * lines and a byte order mark are skipped. A text that is one JSON value may go over several lines: a list stands for its
 * rows, and so does a table of equally long columns, `{"prompt": […], "chosen": […], "rejected": […]}`.
 *
 * @param source a text, or its lines
 * @returns the rows, or why a text that is one value has none
 */
export function rowsOf(source: string | readonly string[]): Result<readonly Issue[], readonly Row[]> {
  const lines = typeof source === "string" ? source.replace(/^\ufeff/, "").split("\n") : source;
  const rows = lines.flatMap((json, i) => json.trim() === "" ? [] : [{ json, line: i + 1 }])
    .map(({ json, line }, row) => ({ place: { row, line }, json }));
  const [first, second] = rows;
  if (first === undefined) return right([]);
  const list = first.json.trimStart().startsWith("[");
  if (!list && second !== undefined && jsonFault(first.json) !== first.json.length) return right(rows);
  const text = lines.join("\n");
  const fault = jsonFault(text);
  if (fault !== undefined) return list ? left([brokenAt(lines, fault)]) : right(rows);
  return rowsOfValue(JSON.parse(text), first.place);
}

/** The value of a row. */
export function valueOf(row: Row): Result<readonly Issue[], unknown> {
  if ("value" in row) return right(row.value);
  try {
    return right(JSON.parse(row.json));
  } catch {
    return left([issueAt(row.place, String(row.place.row), notJson(row.json, jsonFault(row.json) ?? row.json.length))]);
  }
}

function notJson(line: string, at: number): Fault {
  const rest = line.slice(at).trim();
  const where = rest === ""
    ? `it breaks off after character ${at}`
    : `it is wrong from character ${at + 1} on, ${shown(rest.slice(0, 20))}`;
  return { reason: "unreadable", rule: `it must be JSON: ${where}` };
}

function brokenAt(lines: readonly string[], at: number): Issue {
  let [line, rest] = [0, at];
  while (line < lines.length - 1 && rest > (lines[line] as string).length) rest -= (lines[line++] as string).length + 1;
  return issueAt({ row: 0, line: line + 1 }, "0", notJson(lines[line] as string, rest));
}

function rowsOfValue(value: unknown, place: Place): Result<readonly Issue[], readonly Row[]> {
  if (Array.isArray(value)) return right(value.map((one, row) => ({ place: { row }, value: one })));
  if (!isTable(value)) return right([{ place, value }]);
  const columns = Object.entries(value);
  const lengths = columns.map(([, column]) => Array.isArray(column) ? column.length : -1);
  if (lengths.includes(-1) || lengths.some((length) => length !== lengths[0])) {
    const sizes = columns.map(([name], i) => `${name} has ${lengths[i] === -1 ? "none" : lengths[i]}`).join(", ");
    const rule = `the columns of a table must have equally many rows: ${sizes}`;
    return left([issueAt(place, "0", { reason: "unreadable", rule })]);
  }
  const table = columns as readonly (readonly [string, readonly unknown[]])[];
  return right(Array.from({ length: lengths[0] as number }, (_, row) => ({
    place: { row },
    value: Object.fromEntries(table.map(([name, column]) => [name, column[row]])),
  })));
}

/** Whether a text field holds a list of texts, or of lists; a list of messages is one text. */
function isTable(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null) return false;
  return ["prompt", "chosen", "rejected"].some((name) => {
    const column = (value as Fields)[name];
    return Array.isArray(column) && (typeof column[0] === "string" || Array.isArray(column[0]));
  });
}
