/** What a reader of rows is to whoever opens files: the same for comparisons, items and pairs. */
import type { Failure, Result } from "../result.ts";

/** An object with the names of columns as keys. */
export type TableRecord = Readonly<Record<string, unknown>>;

/** A reader that takes a table piece by piece, so that a long file need not be in memory. */
export interface TableReader<T> {
  /** Takes the next piece of text. */
  readonly push: (piece: string) => void;
  /**
   * Takes the next rows of a table that is no text, such as parquet's: objects by the names of the columns. The first
   * names all columns, those that nobody wants as `undefined`.
   */
  readonly records: (records: readonly TableRecord[]) => void;
  /** Whether the values of a column are looked at; those of others need not be read. */
  readonly wants: (column: string) => boolean;
  /** What was read, or what is wrong with it; once, after the last piece. */
  readonly end: () => Result<Failure, T>;
}
