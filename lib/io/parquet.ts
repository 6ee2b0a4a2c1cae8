/** Parquet files, one row group at a time, and of it the columns that are wanted. */
import type { ColumnMetaData, FileMetaData, SchemaTree } from "hyparquet";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import type { TableReader } from "../table/table_reader.ts";

/** The first and last bytes of every parquet file. */
export const PARQUET: Uint8Array = new TextEncoder().encode("PAR1");

/** Bytes to read from, anywhere. */
export interface ByteSource {
  readonly byteLength: number;
  readonly slice: (start: number, end?: number) => ArrayBuffer | Promise<ArrayBuffer>;
}

/**
 * Reads parquet into a reader of tables, in the memory of one row group.
 *
 * The packages that know the format are loaded on the first call.
 *
 * @param path what sentences call the file
 */
export async function readParquet(
  path: string,
  file: ByteSource,
  reader: Pick<TableReader<unknown>, "wants" | "records">,
): Promise<Result<Failure, null>> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  const { checkPages } = await import("./parquet_pages.ts");
  try {
    const metadata = await parquetMetadataAsync(file), schema = parquetSchema(metadata);
    checkMetadata(metadata, schema, file.byteLength);
    const names = schema.children.map(({ element }) => element.name);
    const columns = names.filter(reader.wants), all = Object.fromEntries(names.map((name) => [name, undefined]));
    let rows = 0;
    for (const { num_rows: count, columns: chunks } of columns.length === 0 ? [] : metadata.row_groups) {
      for (const { meta_data: column } of chunks) {
        if (column === undefined || !columns.includes(column.path_in_schema[0] as string)) continue;
        checkPages(await file.slice(...bytesOf(column)), column, schema, compressors);
      }
      const range = { rowStart: rows, rowEnd: rows + Number(count) };
      const records = await parquetReadObjects({ file, metadata, columns, compressors, ...range });
      reader.records(rows === 0 ? records.map((record, i) => i === 0 ? { ...all, ...record } : record) : records);
      rows += Number(count);
    }
    if (columns.length === 0) reader.records([all]);
    return right(null);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : error;
    return inputFailure(`Cannot read ${path} as it must be a whole parquet file: ${why}`);
  }
}

/**
 * Looks at what a damaged file may claim: other columns than its schema has, bytes outside the file, rows without end.
 *
 * @throws {Error} if it does; the reader of columns would lose the error, or itself in the rows
 */
function checkMetadata(metadata: FileMetaData, schema: SchemaTree, byteLength: number): void {
  const leaves = (tree: SchemaTree): readonly string[] =>
    tree.children.length === 0 ? [tree.path.join(".")] : tree.children.flatMap(leaves);
  const named = leaves(schema).join("\n");
  for (const { columns, num_rows: rows } of metadata.row_groups) {
    if (rows < 0 || rows > 1000 * byteLength) throw new Error(`it claims to have ${rows} rows`);
    const found = columns.map(({ meta_data: column }) => column?.path_in_schema.join(".")).join("\n");
    if (found !== named) throw new Error("its columns are not those of its schema");
    for (const { meta_data: column } of columns) {
      const [start, end] = column === undefined ? [0, 0] : bytesOf(column);
      if (!(start >= 4 && start <= end && end <= byteLength)) throw new Error("a column lies outside of it");
      const values = Number(column?.num_values);
      if (!(values >= 0 && values <= 1000 * byteLength)) throw new Error(`a column claims to have ${values} values`);
    }
  }
}

/** Where the bytes of a column begin, and where they end. */
function bytesOf(column: ColumnMetaData): readonly [start: number, end: number] {
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  return [start, start + Number(column.total_compressed_size)];
}

/** An open file as bytes to read from; one read after the other, as they share its position. */
export async function byteSource(file: Deno.FsFile): Promise<ByteSource> {
  const byteLength = (await file.stat()).size;
  let last: Promise<unknown> = Promise.resolve();
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    const bytes = new Uint8Array(Math.max(0, Math.min(end, byteLength) - start));
    await file.seek(start, Deno.SeekMode.Start);
    for (let filled = 0; filled < bytes.length;) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    return bytes.buffer;
  };
  return {
    byteLength,
    slice: (start, end = byteLength) => {
      const next = last.then(() => read(start, end));
      last = next.catch(() => undefined);
      return next;
    },
  };
}
