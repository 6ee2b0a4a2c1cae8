/** Comparisons and item covariates from files. */
import {
  comparisonReader,
  type Failure,
  itemCovariateReader,
  type ItemCovariates,
  type ReadComparisons,
  type ReadComparisonsOptions,
  readTable,
  type Result,
} from "../mod.ts";

/** Reads and adds up a file of comparisons. */
export const readComparisonFile = (
  path: string,
  options: ReadComparisonsOptions,
): Promise<Result<Failure, ReadComparisons>> => readTable(path, comparisonReader(options));

/** Reads a file with a row for each item. */
export const readItemCovariateFile = (path: string): Promise<Result<Failure, ItemCovariates>> =>
  readTable(path, itemCovariateReader());
