/** Which rows make which batch: an order drawn by a key, the same for any number of threads. */
import { fold, type Key, permutation } from "../tensor/random.ts";

/** How rows are grouped into optimizer steps. */
export interface BatchOptions {
  /** Rows of one step. */
  readonly batchSize: number;
  /** Times that each row is used. Default 1; not a whole number ends in the middle of a pass. */
  readonly epochs?: number;
  /** Steps in all, in place of `epochs`. */
  readonly steps?: number | undefined;
  /** Whether the rows of each pass come in random order. Default true. */
  readonly shuffle?: boolean;
}

/**
 * The row numbers of every step, in order. Each pass has an order of its own; the last batch of a pass may be smaller.
 *
 * @param rows number of rows there are
 * @throws {RangeError} if there is no row, or batchSize, epochs or steps is out of range
 * @example
 * ```ts
 * import { batches, key } from "@logratio/logratio";
 * batches(key(0), 10, { batchSize: 4, epochs: 2 }).map((rows) => rows.length); // 4, 4, 2, 4, 4, 2
 * ```
 */
export function batches(key: Key, rows: number, options: BatchOptions): readonly Int32Array[] {
  const { batchSize, epochs = 1, shuffle = true } = options;
  if (rows < 1) throw new RangeError("Cannot make batches as there must be at least one row");
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
    throw new RangeError(`Cannot make batches as batchSize must be a positive integer: current value is ${batchSize}`);
  }
  if (!(epochs > 0)) throw new RangeError(`Cannot make batches as epochs must be > 0: current value is ${epochs}`);
  const perPass = Math.ceil(rows / batchSize);
  const { steps = Math.max(1, Math.round(epochs * perPass)) } = options;
  if (!(Number.isInteger(steps) && steps >= 1)) {
    throw new RangeError(`Cannot make batches as steps must be a positive integer: current value is ${steps}`);
  }
  const inOrder = Int32Array.from({ length: rows }, (_, i) => i);
  return Array.from({ length: Math.ceil(steps / perPass) }, (_, pass) => {
    const order = shuffle ? permutation(fold(key, pass), rows) : inOrder;
    return Array.from({ length: perPass }, (_, i) => order.slice(i * batchSize, (i + 1) * batchSize));
  }).flat().slice(0, steps);
}
