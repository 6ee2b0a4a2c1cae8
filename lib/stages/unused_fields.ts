/** Numbers of rows that a method has no use for: said aloud, not read over. */

/** The numbers that a row may have beside its texts. */
export type RowNumber = "label" | "margin" | "weight";

/**
 * How many rows have numbers that are not used, in one sentence; undefined where none has.
 *
 * @param why what the method does instead, as the start of the sentence
 * @example
 * ```ts
 * import { unusedFields } from "@logratio/logratio";
 * unusedFields([{ weight: 2 }, {}], "All replies are learned alike", ["label", "weight"]);
 * // "All replies are learned alike: the weight of 1 row is not used."
 * ```
 */
export function unusedFields(
  rows: readonly { readonly [name in RowNumber]?: number }[],
  why: string,
  names: readonly RowNumber[] = ["label", "margin", "weight"],
): string | undefined {
  const counted = names.flatMap((name) => {
    const n = rows.filter((row) => row[name] !== undefined).length;
    return n === 0 ? [] : [`the ${name} of ${n.toLocaleString("en-US")} row${n === 1 ? "" : "s"}`];
  });
  if (counted.length === 0) return undefined;
  const listed = [...counted.slice(0, -2), counted.slice(-2).join(" and ")].join(", ");
  return `${why}: ${listed} ${counted.length === 1 ? "is" : "are"} not used.`;
}
