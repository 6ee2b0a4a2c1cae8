/** From a file's text to comparisons or rankings: every bad line named, the rest added up. */

import type { Failure, Result } from "../result.ts";
import { headerFault, layoutOf, playsPart } from "./columns.ts";
import { optionFault, takeComparisons } from "./comparison_rows.ts";
import type { Comparisons } from "./comparisons.ts";
import type { Rankings } from "./plackett_luce.ts";
import { takeRankings } from "./ranking_rows.ts";
import type { TableReader } from "../table/table_reader.ts";
import { tableReader } from "./table_reader.ts";

/** How to read. */
export interface ReadComparisonsOptions {
  /** The column whose values cluster the errors: `judge`, `prompt`, or any other by its name. */
  readonly cluster?: string;
  /** Columns that hold covariates of a comparison, or, as `<name>_a` and `<name>_b`, their two sides. */
  readonly covariates?: readonly string[];
  /** Without an order column: item_a was at home or shown first. */
  readonly listedFirst?: boolean;
  /** Keep each game as a row of its own too, by the column `time` or as they come, for {@link elo}. */
  readonly sequence?: boolean;
}

/** What a file held. */
export interface ReadComparisons {
  /** What the rows were. */
  readonly data:
    | { readonly type: "comparisons"; readonly comparisons: Comparisons }
    | { readonly type: "rankings"; readonly rankings: Rankings };
  /** Rows read. */
  readonly rows: number;
  /** Ties that were called "both bad". */
  readonly bothBad: number;
  /** Whether there was an order column. */
  readonly hasOrder: boolean;
  /** Number of clusters. */
  readonly clusters: number;
  /** The games one by one, if they were asked for. */
  readonly games?: Comparisons;
}

/**
 * Reads comparisons or rankings from CSV, TSV, JSON lines or a JSON array.
 *
 * - one row a comparison: `item_a, item_b, winner`, the winner being `a`, `b`, `tie`, `both_bad` or a name; optional
 *   `judge`, `prompt`, `order` (who was at home or shown first), `time`, `weight`, covariates;
 * - counts: `item_a, item_b, wins_a, wins_b, ties`;
 * - rankings: `ranking` = `x>y=z`.
 *
 * The column names of LMSYS arena data (`model_a`, …) and of llmfao (`left`, `right`, `worker`) are understood.
 *
 * @returns the data, or a sentence for each of the first twenty bad lines and how many there are
 * @example
 * ```ts
 * import { readComparisons } from "@logratio/logratio";
 * const read = readComparisons("item_a,item_b,winner\nx,y,a\ny,x,x\n");
 * ```
 */
export function readComparisons(text: string, options: ReadComparisonsOptions = {}): Result<Failure, ReadComparisons> {
  const reader = comparisonReader(options);
  reader.push(text);
  return reader.end();
}

/** {@link readComparisons} for text in pieces, or for records. */
export function comparisonReader(options: ReadComparisonsOptions = {}): TableReader<ReadComparisons> {
  const named = [...options.covariates ?? [], options.cluster ?? ""].map((name) => name.toLowerCase());
  return tableReader<Omit<ReadComparisons, "rows">>({
    wants: (column) => playsPart(column) || named.some((name) => [name, `${name}_a`, `${name}_b`].includes(column)),
    empty: "Cannot rank as the file holds no comparisons: it needs a header and a row for each comparison",
    open: (columns) => {
      const layout = layoutOf(columns);
      const wrong = headerFault(columns, layout) ?? optionFault(columns, layout, options);
      if (wrong !== undefined) return wrong;
      return layout.ranking === undefined ? takeComparisons(columns, layout, options) : takeRankings(layout);
    },
  });
}
