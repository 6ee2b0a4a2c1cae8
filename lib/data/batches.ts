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
  /**
   * Most tokens of one step, in place of `batchSize`. In random order rows of similar length come together, and the steps
   * of each pass are shuffled; else rows are taken as they come. A row of more tokens is a step of its own.
   */
  readonly batchTokens?: number | undefined;
}

/** The rows in order, as many together as have `most` tokens at most. */
function filled(order: Int32Array, lengths: ArrayLike<number>, most: number): readonly Int32Array[] {
  const starts = [0];
  let tokens = 0;
  order.forEach((row, i) => {
    const own = lengths[row] as number;
    tokens += own;
    if (i > (starts.at(-1) as number) && tokens > most) {
      starts.push(i);
      tokens = own;
    }
  });
  return starts.map((start, i) => order.slice(start, starts[i + 1]));
}

/** One pass over the rows in an order drawn by a key, or without one as they are. */
function passOf(
  key: Key | undefined,
  rows: number,
  { batchSize, batchTokens, lengths }: Grouping,
): readonly Int32Array[] {
  const order = key === undefined ? Int32Array.from({ length: rows }, (_, i) => i) : permutation(key, rows);
  if (batchTokens === undefined) {
    return Array.from({ length: Math.ceil(rows / batchSize) }, (_, i) => {
      return order.slice(i * batchSize, (i + 1) * batchSize);
    });
  }
  if (key === undefined) return filled(order, lengths, batchTokens);
  const byLength = order.toSorted((a, b) => (lengths[a] as number) - (lengths[b] as number));
  const together = filled(byLength, lengths, batchTokens);
  return Array.from(permutation(fold(key, "steps"), together.length), (i) => together[i] as Int32Array);
}

interface Grouping extends Pick<BatchOptions, "batchSize" | "batchTokens"> {
  readonly lengths: ArrayLike<number>;
}

function check(rows: number, { batchSize, epochs = 1, batchTokens, lengths }: BatchOptions & Partial<Grouping>): void {
  if (rows < 1) throw new RangeError("Cannot make batches as there must be at least one row");
  for (const [name, n] of Object.entries({ batchSize, batchTokens: batchTokens ?? 1 })) {
    if (!(Number.isInteger(n) && n >= 1)) {
      throw new RangeError(`Cannot make batches as ${name} must be a positive integer: current value is ${n}`);
    }
  }
  if (!(epochs > 0)) throw new RangeError(`Cannot make batches as epochs must be > 0: current value is ${epochs}`);
  if (batchTokens !== undefined && lengths?.length !== rows) {
    const known = lengths === undefined ? "none is" : `${lengths.length} are`;
    throw new TypeError(`Cannot make batches of tokens as the tokens of all ${rows} rows must be known: ${known}`);
  }
}

/**
 * The row numbers of every step, in order. Each pass has an order of its own; the last batch of a pass may be smaller.
 *
 * @param rows number of rows there are
 * @param options.lengths tokens of each row, where `batchTokens` is given
 * @throws {RangeError} if there is no row, or batchSize, batchTokens, epochs or steps is out of range
 * @example
 * ```ts
 * import { batches, key } from "@logratio/logratio";
 * batches(key(0), 10, { batchSize: 4, epochs: 2 }).map((rows) => rows.length); // 4, 4, 2, 4, 4, 2
 * batches(key(0), 4, { batchSize: 1, batchTokens: 10, lengths: [9, 5, 8, 5] }).length; // 3: both rows of 5 go together
 * ```
 */
export function batches(
  key: Key,
  rows: number,
  options: BatchOptions & { readonly lengths?: ArrayLike<number> | undefined },
): readonly Int32Array[] {
  check(rows, options);
  const { epochs = 1, shuffle = true, lengths = [] } = options;
  const pass = (i: number): readonly Int32Array[] =>
    passOf(shuffle ? fold(key, i) : undefined, rows, { ...options, lengths });
  const perPass = pass(0).length; // every pass has as many: lengths alone say where a step is full
  const { steps = Math.max(1, Math.round(epochs * perPass)) } = options;
  if (!(Number.isInteger(steps) && steps >= 1)) {
    throw new RangeError(`Cannot make batches as steps must be a positive integer: current value is ${steps}`);
  }
  return Array.from({ length: Math.ceil(steps / perPass) }, (_, i) => pass(i)).flat().slice(0, steps);
}
