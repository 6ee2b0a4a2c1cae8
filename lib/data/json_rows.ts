/** JSON as rows: a value a line, or one value that is a list or a table by columns. */
import { withoutReturn } from "../table/lines.ts";
import { left, type Result, right } from "../result.ts";
import { type Fields, ID_LISTS } from "./field.ts";
import { type Fault, shown, tooLong, unreadable } from "./issue.ts";
import { jsonFault } from "./json_fault.ts";
import type { TextRows, UncountedSink } from "./rows.ts";

/** JSON lines, unless the first turns out to be a value that is alone. */
export function jsonLines(sink: UncountedSink, longest: number): TextRows {
  const plain: TextRows = { line: (text, line) => takeLine(sink, text, line), end: () => {} };
  let rest: TextRows | undefined;
  return {
    line: (text, line) => {
      if (rest !== undefined) return rest.line(text, line);
      const value = parse(text);
      if (value._tag === "Left") {
        const breaksOff = jsonFault(text) === text.length;
        rest = breaksOff ? jsonWhole(sink, longest) : plain;
        return rest.line(text, line);
      }
      rest = rowsOfValue(value.right) === undefined ? plain : afterTable(sink, value.right, line);
      if (rest === plain) sink.row(value.right, line);
    },
    end: () => rest?.end(),
  };
}

/** What follows a first line that may be a table: it is one only if it is alone. */
function afterTable(sink: UncountedSink, value: unknown, first: number): TextRows {
  let alone = true;
  return {
    line: (text, line) => {
      if (alone && text.trim() === "") return;
      if (alone) sink.row(value, first);
      alone = false;
      takeLine(sink, text, line);
    },
    end: () => {
      if (alone) takeValue(sink, value, first);
    },
  };
}

/** Lines that are one JSON value together, or, if they are none and no list, rows of their own. */
export function jsonWhole(sink: UncountedSink, longest: number): TextRows {
  const lines: string[] = [];
  let length = 0, first = 0, list = false, apart = false;
  const takeApart = (): void => {
    apart = true;
    for (const [i, line] of lines.splice(0).entries()) takeLine(sink, line, first + i);
  };
  return {
    line: (text, line) => {
      if (lines.length === 0 && !apart) [first, list] = [line, text.trimStart().startsWith("[")];
      else if (!list && !apart && text.startsWith("{") && parse(text)._tag === "Right") takeApart();
      if (apart) return takeLine(sink, text, line);
      length += text.length + 1;
      if (length <= longest) lines.push(text);
    },
    end: () => {
      if (apart) return;
      if (length > longest) {
        const { rule } = tooLong(longest);
        return sink.faults([unreadable(`${rule} as one value: write JSON lines, one row a line`)], first);
      }
      const text = lines.join("\n"), value = parse(text);
      if (value._tag === "Right") return takeValue(sink, value.right, first);
      if (!list) return takeApart();
      const { line, at } = lineAt(lines, jsonFault(text) ?? text.length);
      sink.faults([notJson(lines[line] as string, at)], first + line);
    },
  };
}

function parse(text: string): Result<null, unknown> {
  try {
    return right(JSON.parse(text));
  } catch {
    return left(null);
  }
}

function takeLine(sink: UncountedSink, text: string, line: number): void {
  const value = parse(text);
  if (value._tag === "Right") return sink.row(value.right, line);
  if (text.trim() === "") return;
  const clean = withoutReturn(text);
  sink.faults([notJson(clean, jsonFault(clean) ?? clean.length)], line);
}

function takeValue(sink: UncountedSink, value: unknown, line: number): void {
  const rows = rowsOfValue(value);
  if (rows === undefined) sink.row(value, line);
  else if (rows._tag === "Left") sink.faults([rows.left], line);
  else for (const row of rows.right) sink.row(row);
}

function notJson(line: string, at: number): Fault {
  const rest = line.slice(at, at + 100).trim();
  const where = rest === ""
    ? `it breaks off after character ${at}`
    : `it is wrong from character ${at + 1} on, ${shown(rest.slice(0, 20))}`;
  return unreadable(`it must be JSON: ${where}`);
}

/** The line, from 0, and the place in it of a character of all lines. */
function lineAt(lines: readonly string[], at: number): { readonly line: number; readonly at: number } {
  let line = 0;
  while (line < lines.length - 1 && at > (lines[line] as string).length) at -= (lines[line++] as string).length + 1;
  return { line, at };
}

/** The rows of a value that stands for several, or what is wrong with its columns; `undefined` if it is one row. */
function rowsOfValue(value: unknown): Result<Fault, readonly unknown[]> | undefined {
  if (Array.isArray(value)) return right(value);
  if (!isTable(value)) return undefined;
  const columns = Object.entries(value);
  const lengths = columns.map(([, column]) => Array.isArray(column) ? column.length : -1);
  if (lengths.includes(-1) || lengths.some((length) => length !== lengths[0])) {
    const sizes = columns.map(([name], i) => `${name} has ${lengths[i] === -1 ? "none" : lengths[i]}`).join(", ");
    return left(unreadable(`the columns of a table must have equally many rows: ${sizes}`));
  }
  const table = columns as readonly (readonly [string, readonly unknown[]])[];
  return right(Array.from(
    { length: lengths[0] as number },
    (_, row) => Object.fromEntries(table.map(([name, column]) => [name, column[row]])),
  ));
}

/** Whether a text field holds a list of texts, or of lists; a list of messages is one text. */
function isTable(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null) return false;
  return ["prompt", "chosen", "rejected", "completion", ...ID_LISTS].some((name) => {
    const column = Object.hasOwn(value, name) ? (value as Fields)[name] : undefined;
    return Array.isArray(column) && (typeof column[0] === "string" || Array.isArray(column[0]));
  });
}
