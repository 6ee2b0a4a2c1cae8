/** Rows in tokens, all of them, or why which cannot be. */
import { type Failure, inputFailure, left, type Result, right, separate } from "../result.ts";
import { firstSentences } from "./report.ts";

const SHOWN = 20;

/** `encode` of every row; a model's chat template may refuse the messages of some, which are named. */
export function encodeRows<R extends { readonly id: string }, T>(
  rows: readonly R[],
  encode: (row: R) => T,
): Result<Failure, readonly T[]> {
  const [refused, encoded] = separate(rows.map((row) => attempt(row, encode)));
  return refused.length === 0
    ? right(encoded)
    : inputFailure(...firstSentences(refused.slice(0, SHOWN), refused.length));
}

function attempt<R extends { readonly id: string }, T>(row: R, encode: (row: R) => T): Result<string, T> {
  try {
    return right(encode(row));
  } catch (error) {
    if (error instanceof RangeError) return left(`Cannot use row ${row.id} as it must be encoded: ${error.message}`);
    throw error;
  }
}
