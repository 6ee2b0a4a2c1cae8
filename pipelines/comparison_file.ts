/** Tables from files: a small text whole, a large one piece by piece, parquet by row groups, all in bounded memory. */
import {
  comparisonReader,
  type Failure,
  inputFailure,
  isParquet,
  itemCovariateReader,
  type ItemCovariates,
  type ReadComparisons,
  type ReadComparisonsOptions,
  readParquet,
  readText,
  type Result,
  type TableReader,
} from "../mod.ts";

const LARGE = 64 * 2 ** 20; // bytes

/** Reads and adds up a file of comparisons. */
export const readComparisonFile = (
  path: string,
  options: ReadComparisonsOptions,
): Promise<Result<Failure, ReadComparisons>> => readTable(path, comparisonReader(options));

/** Reads a file with a row for each item. */
export const readItemCovariateFile = (path: string): Promise<Result<Failure, ItemCovariates>> =>
  readTable(path, itemCovariateReader());

async function readTable<T>(path: string, reader: TableReader<T>): Promise<Result<Failure, T>> {
  const read = await (await isParquet(path) ? readParquet(path, reader) : pushText(path, reader));
  return read._tag === "Left" ? read : reader.end();
}

/** Pushes a text file, however long. */
async function pushText<T>(path: string, reader: TableReader<T>): Promise<Result<Failure, unknown>> {
  if (await isLarge(path)) return await pushStream(path, reader);
  const text = await readText(path);
  if (text._tag === "Right") reader.push(text.right);
  return text;
}

async function isLarge(path: string): Promise<boolean> {
  if (path === "" || (await Deno.permissions.query({ name: "read", path })).state !== "granted") return false;
  try {
    return (await Deno.stat(path)).size > LARGE;
  } catch {
    return false; // what is wrong with it, the reader of small files says
  }
}

async function pushStream<T>(path: string, reader: TableReader<T>): Promise<Result<Failure, unknown>> {
  try {
    const file = (await Deno.open(path)).readable;
    const bytes = path.endsWith(".gz") ? file.pipeThrough(new DecompressionStream("gzip")) : file;
    for await (const piece of bytes.pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))) reader.push(piece);
    return { _tag: "Right", right: path };
  } catch (error) {
    return inputFailure(
      `Cannot read ${path} as it must be whole UTF-8 text: ${error instanceof Error ? error.message : error}`,
    );
  }
}
