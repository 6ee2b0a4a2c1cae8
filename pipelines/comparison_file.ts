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
const PACKED = 8 * 2 ** 20; // bytes of gzip, which may hold twenty times as many

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
  const { size, gzip } = await look(path);
  if (size > (gzip ? PACKED : LARGE)) return await pushStream(path, reader, { gzip });
  const text = await readText(path);
  if (text._tag === "Right") reader.push(text.right);
  return text;
}

/** Size and kind of a file; nothing of one that cannot be read: what is wrong with it, the reader of small files says. */
async function look(path: string): Promise<{ readonly size: number; readonly gzip: boolean }> {
  const nothing = { size: 0, gzip: false };
  if (path === "" || (await Deno.permissions.query({ name: "read", path })).state !== "granted") return nothing;
  try {
    using file = await Deno.open(path);
    const start = new Uint8Array(2);
    await file.read(start);
    return { size: (await file.stat()).size, gzip: start[0] === 0x1f && start[1] === 0x8b };
  } catch {
    return nothing;
  }
}

async function pushStream<T>(
  path: string,
  reader: TableReader<T>,
  { gzip }: { readonly gzip: boolean },
): Promise<Result<Failure, unknown>> {
  try {
    const file = (await Deno.open(path)).readable;
    const bytes = gzip ? file.pipeThrough(new DecompressionStream("gzip")) : file;
    for await (const piece of bytes.pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))) reader.push(piece);
    return { _tag: "Right", right: path };
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    return inputFailure(
      `Cannot read ${path} as it must be whole UTF-8 text${gzip ? ", packed in one part" : ""}: ${why}`,
    );
  }
}
