/** Completions as the library has them: end to end, without padding. */

/** Rows of any length, laid end to end. */
export interface Laid {
  readonly values: readonly number[];
  readonly offsets: Int32Array;
}

/** Rows laid end to end, with their offsets. */
export function laidOut(rows: readonly (readonly number[])[]): Laid {
  const offsets = [0];
  for (const row of rows) offsets.push((offsets.at(-1) as number) + row.length);
  return { values: rows.flat(), offsets: Int32Array.from(offsets) };
}

/** The first entries of padded rows, as many as each has. */
export function unpadded(rows: readonly (readonly number[])[], lengths: readonly number[]): readonly number[][] {
  return rows.map((row, b) => row.slice(0, lengths[b]));
}

/** Entries that a mask keeps. */
export function kept<T>(values: readonly T[], mask: readonly number[]): readonly T[] {
  return values.filter((_, i) => mask[i] === 1);
}
