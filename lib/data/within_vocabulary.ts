/** Token ids must be those of the model that reads them. */
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { firstSentences, SHOWN } from "./report.ts";

/** Every id of every row must be one that the model has an embedding for. */
export function withinVocabulary<Row extends { readonly id: string }>(
  rows: readonly Row[],
  vocabSize: number,
  partsOf: (row: Row) => Readonly<Record<string, Int32Array>>,
): Result<Failure, null> {
  const faults = rows.flatMap((row) => {
    const found = Object.entries(partsOf(row)).flatMap(([name, ids]) => {
      const id = ids.find((id) => id >= vocabSize);
      return id === undefined ? [] : [`${name} has ${id}`];
    });
    const rule = `every id must be below ${vocabSize}, the size of the model's vocabulary`;
    return found.length === 0 ? [] : [`Cannot use row ${row.id} as ${rule}: ${found.join(", ")}`];
  });
  return faults.length === 0 ? right(null) : inputFailure(...firstSentences(faults.slice(0, SHOWN), faults.length));
}
