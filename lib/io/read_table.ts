/** Tables from files, however long: text piece by piece, parquet by row groups. */
import { type Failure, inputFailure, type Result } from "../result.ts";
import type { TableReader } from "../table/table_reader.ts";
import { joined, readChunks, startsWith, withFile } from "./files.ts";
import { byteSource, PARQUET, readParquet } from "./parquet.ts";
import { textDecoder } from "./utf8.ts";

/**
 * Reads a file into a reader of tables: JSON lines, JSON, CSV or parquet, each plain or gzipped, whatever its name.
 *
 * Text is never in memory as a whole, nor are more than the wanted columns of one row group of a parquet file; only gzipped
 * parquet is unpacked first, as it is read from its end.
 *
 * @param path of the file, from the working directory
 * @param reader such as {@link pairReader} or {@link comparisonReader}
 * @returns what the reader made of it, or the sentences that say what to mend
 * @example
 * ```ts
 * import { pairReader, readTable } from "@logratio/logratio";
 * const loaded = await readTable("pairs.parquet", pairReader());
 * ```
 */
export async function readTable<T>(path: string, reader: TableReader<T>): Promise<Result<Failure, T>> {
  const decoder = textDecoder(reader.push);
  const parquet: Uint8Array<ArrayBuffer>[] = [];
  let first = true, direct = false;
  const chunks = await readChunks(path, (chunk, packed) => {
    if (first && startsWith(chunk, PARQUET)) {
      direct = !packed;
      parquet.push(chunk);
    } else if (parquet.length === 0) {
      first = false;
      return decoder.push(chunk);
    } else parquet.push(chunk);
    return direct ? "its parts are not read one after the other" : undefined; // not a fault: the file is opened again
  });
  const read = direct
    ? await withFile(path, async (file) => await readParquet(path, await byteSource(file), reader))
    : chunks._tag === "Right" && parquet.length > 0
    ? await readParquet(path, joined(parquet).buffer, reader)
    : chunks;
  if (read._tag === "Left") return read;
  const fault = decoder.end();
  return fault === undefined ? reader.end() : inputFailure(`Cannot read ${path} as ${fault}`);
}
