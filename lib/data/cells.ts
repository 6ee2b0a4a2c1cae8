/** Cells of CSV as the values of fields: text is text, lists and numbers are spelled. */
import { left, type Result, right } from "../result.ts";
import { type Fields, ID_LISTS, NUMBERS } from "./field.ts";
import { type Fault, shown, unreadable } from "./issue.ts";

/** The start of a list as Python prints it: no JSON, and no text that anybody means to train on. */
const PYTHON = /^\[\s*\{\s*'(?:role|content)'/;

/** The fields of a row of CSV. An empty cell is an empty text, and no number or id. */
export function readCells(names: readonly string[], cells: readonly string[]): Result<readonly Fault[], Fields> {
  const faults = names.flatMap((name, i) => {
    const cell = cells[i] as string;
    return cell[0] === "[" && PYTHON.test(cell)
      ? [unreadable(`field "${name}" must be text or JSON: it is a list as Python prints it, ${shown(cell)}`)]
      : [];
  });
  if (faults.length > 0) return left(faults);
  return right(Object.fromEntries(names.map((name, i) => [name, valueOf(name, cells[i] as string)])));
}

function valueOf(name: string, cell: string): unknown {
  if (name === "id") return cell === "" ? null : cell;
  if (!NUMBERS.includes(name)) return cell[0] === "[" ? listOf(name, cell) ?? cell : cell;
  const plain = cell.trim();
  if (plain === "") return null;
  if (/^(true|false)$/i.test(plain)) return plain.toLowerCase() === "true";
  const number = Number(plain);
  return Number.isFinite(number) ? number : cell;
}

/** A list of messages, or of completions, that is written as JSON; a text may as well begin with a bracket. */
function listOf(name: string, cell: string): readonly unknown[] | undefined {
  try {
    const list: unknown = JSON.parse(cell);
    const isList = Array.isArray(list) && list.length > 0;
    const isMessage = (one: unknown): boolean => typeof one === "object" && one !== null && "role" in one;
    const isPlain = name === "completions" || ID_LISTS.includes(name);
    return isList && (isPlain || list.every(isMessage)) ? list : undefined;
  } catch {
    return undefined;
  }
}
