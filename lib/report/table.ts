/** Figures as plain text: tables, bars, shares and intervals. */

/** What a cell of a table holds; `null` is what is not known. */
export type Cell = string | number | null;

const UNKNOWN = "–";

/** A number with a fixed number of digits, by default three: `0.105`. */
export function fixed(x: number | null, digits = 3): string {
  if (x === null || Number.isNaN(x)) return UNKNOWN;
  const text = x.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** A share in percent: `45.1 %`. */
export function percent(share: number | null, digits = 1): string {
  return share === null || Number.isNaN(share) ? UNKNOWN : `${fixed(100 * share, digits)} %`;
}

/** An estimate with the ends of its interval: `0.62 [0.58, 0.66]`. */
export function interval(
  of: { readonly estimate: number; readonly low: number; readonly high: number } | null,
  show: (x: number) => string = (x) => fixed(x),
): string {
  return of === null ? UNKNOWN : `${show(of.estimate)} [${show(of.low)}, ${show(of.high)}]`;
}

/** A share as a bar of `width` characters: `██████░░░░`. */
export function bar(share: number, width = 20): string {
  const full = Math.round(width * Math.min(1, Math.max(0, share || 0)));
  return "█".repeat(full) + "░".repeat(width - full);
}

/** Numbers as a line of at most `width` blocks, from the least to the greatest, many in a block as their mean: `█▅▃▂▁`. */
export function sparkline(numbers: readonly number[], width = 8): string {
  const blocks = Math.min(width, numbers.length);
  const start = (i: number): number => Math.round(i * numbers.length / blocks);
  const means = Array.from({ length: blocks }, (_, i) => {
    const inside = numbers.slice(start(i), start(i + 1));
    return inside.reduce((sum, x) => sum + x, 0) / inside.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  return means.map((x) => BLOCKS[high > low ? Math.round(7 * (x - low) / (high - low)) : 3]).join("");
}

const BLOCKS = "▁▂▃▄▅▆▇█";

/** A number in at most four digits that count: `0.6931`, `1.2e-5`. */
export function brief(x: number): string {
  const size = Math.abs(x);
  if (!Number.isFinite(x) || x === 0) return String(x);
  return size >= 1e-3 && size < 1e6 ? String(Number(x.toPrecision(4))) : x.toExponential(1);
}

/** A text on one line of at most `width` characters; what is cut off ends in `…`. */
export function shorten(text: string, width: number): string {
  const letters = [...text.replace(/\s+/g, " ").trim()];
  return letters.length <= width ? letters.join("") : letters.slice(0, Math.max(0, width - 1)).join("") + "…";
}

/**
 * A table as text: a header, a rule, a line for each row. Columns of figures are aligned to the right.
 *
 * @throws {RangeError} if a row has another number of cells than the header
 * @example
 * ```ts
 * import { percent, table } from "@logratio/logratio";
 * table(["family", "before", "after"], [["helpful", percent(0.21), percent(0.5)]]);
 * // family   before   after
 * // ───────  ──────  ──────
 * // helpful  21.0 %  50.0 %
 * ```
 */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const shown = rows.map((row, i) => {
    if (row.length === header.length) return row.map(show);
    throw new RangeError(
      `Cannot make a table as each row must have ${header.length} cells: row ${i + 1} has ${row.length}`,
    );
  });
  const columns = header.map((name, i) => [name, ...shown.map((row) => row[i] as string)]);
  const widths = columns.map((cells) => Math.max(...cells.map(widthOf)));
  const figures = columns.map(([, ...cells]) => cells.some((c) => c !== UNKNOWN) && cells.every(isFigure));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => {
      const space = " ".repeat((widths[i] as number) - widthOf(cell));
      return figures[i] ? space + cell : cell + space;
    }).join("  ").trimEnd();
  return [line(header), line(widths.map((width) => "─".repeat(width))), ...shown.map(line)].join("\n");
}

function show(cell: Cell): string {
  return typeof cell === "number" ? brief(cell) : cell ?? UNKNOWN;
}

/** Characters, not UTF-16 units. */
function widthOf(text: string): number {
  return [...text].length;
}

/** Whether a cell reads as a number. */
export function isFigure(cell: string): boolean {
  return cell === UNKNOWN || /^[+-]?(\d|\.\d|NaN|Infinity)/.test(cell);
}
