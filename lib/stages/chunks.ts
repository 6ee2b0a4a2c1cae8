/** Rows in parts that are computed at once, by how many tokens they have. */
import type { StepTokens } from "../flow/stage.ts";

/** Tokens that are scored at once, if no row has more: a forward pass holds as many states, and with more is no faster. */
export const MOST_TOKENS = 2560;

/** Ids of tokens in rows, wherever they stand in them. */
export function tokensIn(rows: unknown): number {
  if (rows instanceof Int32Array) return rows.length;
  if (typeof rows !== "object" || rows === null || ArrayBuffer.isView(rows)) return 0;
  return Object.values(rows).reduce((sum: number, part) => sum + tokensIn(part), 0);
}

/** Rows in order, in parts of at most so many tokens, or of one row. */
export function byTokens<T>(rows: readonly T[], most = MOST_TOKENS): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let room = -1;
  for (const row of rows) {
    const tokens = tokensIn(row);
    if (room < tokens) [room] = [most, parts.push([])];
    room -= tokens;
    parts.at(-1)?.push(row);
  }
  return parts;
}

/** The tokens of rows that are computed with in these parts. */
export function stepTokens(parts: readonly unknown[]): StepTokens {
  const sizes = parts.map(tokensIn);
  return { all: sizes.reduce((a, b) => a + b, 0), atOnce: Math.max(0, ...sizes) };
}
