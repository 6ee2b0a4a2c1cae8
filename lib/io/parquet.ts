/** Parquet files, one row group at a time, and of it the columns that are wanted. */
import { type Failure, inputFailure, type Result, right } from "../result.ts";

const MAGIC = "PAR1";

/** Whether the file at `path` is there, may be read, and is parquet by its first bytes, whatever its name. */
export async function isParquet(path: string): Promise<boolean> {
  if (path === "" || (await Deno.permissions.query({ name: "read", path })).state !== "granted") return false;
  try {
    using file = await Deno.open(path);
    const bytes = new Uint8Array(MAGIC.length);
    return await file.read(bytes) === bytes.length && new TextDecoder().decode(bytes) === MAGIC;
  } catch {
    return false; // what is wrong with it, the reader of other files says
  }
}

/** Where the rows of a table go. */
export interface RecordSink {
  /** Whether a column is wanted; the values of others are not read. */
  readonly wants: (column: string) => boolean;
  /** Takes rows; the first names all columns of the table, those that nobody wants as `undefined`. */
  readonly records: (records: readonly Readonly<Record<string, unknown>>[]) => void;
}

/**
 * Reads a parquet file into a sink, in the memory of one row group.
 *
 * The packages that know the format are loaded on the first call.
 *
 * @param path of the file, from the working directory
 * @returns the number of rows
 */
export async function readParquet(path: string, sink: RecordSink): Promise<Result<Failure, number>> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  try {
    using opened = await Deno.open(path);
    const file = { byteLength: (await opened.stat()).size, slice: slices(opened) };
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const columns = names.filter(sink.wants), all = Object.fromEntries(names.map((name) => [name, undefined]));
    let rows = 0;
    for (const { num_rows: count } of columns.length === 0 ? [] : metadata.row_groups) {
      const range = { rowStart: rows, rowEnd: rows + Number(count) };
      const records = await parquetReadObjects({ file, metadata, columns, compressors, ...range });
      sink.records(rows === 0 ? records.map((record, i) => i === 0 ? { ...all, ...record } : record) : records);
      rows += Number(count);
    }
    if (columns.length === 0) sink.records([all]);
    return right(rows);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : error;
    return inputFailure(`Cannot read ${path} as it must be a whole parquet file: ${why}`);
  }
}

/** The bytes of a file from one place up to another; one read after the other, as they share its position. */
function slices(file: Deno.FsFile): (start: number, end?: number) => Promise<ArrayBuffer> {
  let last: Promise<unknown> = Promise.resolve();
  const read = async (start: number, end = file.statSync().size): Promise<ArrayBuffer> => {
    const bytes = new Uint8Array(end - start);
    await file.seek(start, Deno.SeekMode.Start);
    for (let filled = 0; filled < bytes.length;) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    return bytes.buffer;
  };
  return (start, end) => {
    const next = last.then(() => read(start, end));
    last = next.catch(() => undefined);
    return next;
  };
}
