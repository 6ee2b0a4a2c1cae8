/** What is known about the items themselves, from a table with a row for each. */

import { nameFault, numberOf, quote, textOf } from "./cells.ts";
import type { Covariates } from "./comparisons.ts";
import type { TableReader } from "../table/table_reader.ts";
import { tableReader } from "./table_reader.ts";

/** A table of items. */
export interface ItemCovariates {
  /** Names of the columns, as in the file's header. */
  readonly names: readonly string[];
  /** The values of each item; `NaN` where the file has none. */
  readonly byItem: ReadonlyMap<string, readonly number[]>;
  /** Rows read. */
  readonly rows: number;
}

const ITEM = ["item", "model", "player", "name"];

/**
 * A reader of item covariates: a column `item` (or `model`, `player`, `name`), all others numbers; an empty cell is a value
 * that is not known.
 *
 * @example
 * ```ts
 * import { itemCovariateReader } from "@logratio/logratio";
 * const reader = itemCovariateReader();
 * reader.push("item,parameters\nx,7\ny,13\n");
 * reader.end(); // Right: names ["parameters"], x 7, y 13
 * ```
 */
export function itemCovariateReader(): TableReader<ItemCovariates> {
  return tableReader({
    wants: () => true,
    empty: "Cannot read item covariates as the file has no rows: it needs a header and a row for each item",
    open: (columns) => {
      const item = columns.findIndex((name) => ITEM.includes(name));
      const twice = columns.find((name, k) => columns.indexOf(name) !== k);
      const names = columns.filter((_, k) => k !== item);
      if (twice !== undefined) return `every column needs a name of its own: "${twice}" stands there twice`;
      if (item < 0 || names.length === 0) {
        return `it must name item and at least one covariate: it names ${
          columns.slice(0, 12).join(", ").slice(0, 200)
        }`;
      }
      const byItem = new Map<string, readonly number[]>();
      return {
        row: ({ values }) => {
          const name = textOf(values[item]), cells = values.filter((_, k) => k !== item);
          const bad = cells.findIndex((cell) => textOf(cell) !== "" && numberOf(cell) === undefined);
          if (byItem.has(name)) return `each item must have one row: ${quote(name)} has another`;
          if (bad >= 0) return `${names[bad]} must be a number or empty: current value is ${quote(cells[bad])}`;
          byItem.set(name, cells.map((cell) => numberOf(cell) ?? NaN));
          return nameFault(name, "item");
        },
        end: () => ({ names, byItem }),
      };
    },
  });
}

/** The covariates of a list of items, `[items, names]`; an item that the table lacks has `NaN` in all. */
export function covariatesOf(items: readonly string[], { names, byItem }: ItemCovariates): Covariates {
  const unknown = names.map(() => NaN);
  return { names, values: Float64Array.from(items.flatMap((item) => byItem.get(item) ?? unknown)) };
}
