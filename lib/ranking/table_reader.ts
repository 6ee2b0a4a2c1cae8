/** Tables read piece by piece: bad rows are named and counted, good ones handed on. */

import { inputFailure, right } from "../result.ts";
import type { TableReader } from "../table/table_reader.ts";
import { columnName, type Place, type Row, rowReader } from "./rows.ts";

/** Takes rows, says what is wrong with one, and hands over what they add up to. */
export interface RowTaker<T> {
  readonly row: (row: Row) => string | undefined;
  readonly end: () => T;
}

/** What to read of a table. */
export interface TablePlan<T> {
  /** Who takes the rows of a table with these columns, or what is wrong with the columns. */
  readonly open: (columns: readonly string[]) => RowTaker<T> | string;
  /** Whether a column, by its {@link columnName}, is looked at. */
  readonly wants: (column: string) => boolean;
  /** What to say of a table without rows. */
  readonly empty: string;
}

const SHOWN = 20;

/** The reader of a plan. */
export function tableReader<T>({ open, wants, empty }: TablePlan<T>): TableReader<T & { readonly rows: number }> {
  const faults: string[] = [];
  let faulty = 0, rows = 0, taker: RowTaker<T> | undefined;
  const fault = ({ unit, at }: Place, rule: string): void => {
    if (++faulty <= SHOWN) faults.push(`Cannot read ${unit} ${at} as ${rule}`);
  };
  const reader = rowReader({
    header: (columns, place) => {
      const opened = open(columns);
      if (typeof opened === "string") fault(place, opened);
      else taker = opened;
    },
    row: (row) => {
      if (taker === undefined) return;
      rows++;
      const wrong = taker.row(row);
      if (wrong !== undefined) fault(row, wrong);
    },
    stray: (place, column) => {
      if (wants(column)) fault(place, `its field "${column}" is not in the first object: give all the same fields`);
    },
    fault,
  });
  return {
    push: reader.push,
    records: reader.records,
    wants: (column) => wants(columnName(column)),
    end: () => {
      reader.end();
      if (faulty > SHOWN) faults.push(`… and ${faulty - SHOWN} more that cannot be read`);
      if (faulty > 0) return inputFailure(...faults);
      return taker === undefined || rows === 0 ? inputFailure(empty) : right({ ...taker.end(), rows });
    },
  };
}
