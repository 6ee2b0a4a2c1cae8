/** The pages of a parquet column, looked through before they are read: what a damaged one claims must not fill the memory. */
import type { ColumnMetaData, Compressors, SchemaTree } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from "hyparquet/src/schema.js";
import { readVarInt } from "hyparquet/src/thrift.js";

/** Bytes, and the place to read on from. */
interface Reader {
  readonly view: DataView<ArrayBuffer>;
  offset: number;
}

const readerOf = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Reader => {
  return { view: new DataView(buffer, byteOffset, byteLength), offset: 0 };
};

const bitsOf = (value: number): number => 32 - Math.clz32(value);

/** Looks through the pages of a column chunk, given its bytes. @throws {Error} if one claims more than the column holds */
export function checkPages(
  bytes: ArrayBuffer,
  column: ColumnMetaData,
  schema: SchemaTree,
  compressors: Compressors,
): void {
  const path = getTreePath(schema, column.path_in_schema);
  const levels = [getMaxRepetitionLevel(path), getMaxDefinitionLevel(path)].map(bitsOf);
  const most = Number(column.num_values), reader: Reader = { view: new DataView(bytes), offset: 0 };
  while (reader.offset < bytes.byteLength - 1) {
    const header = parquetHeader(reader);
    const size = header.compressed_page_size, unpacked = header.uncompressed_page_size;
    if (!(size >= 0 && reader.offset + size <= bytes.byteLength && unpacked >= 0 && unpacked <= LARGEST)) {
      throw new Error("a page is larger than its column");
    }
    const page = new Uint8Array(bytes, reader.offset, size);
    reader.offset += size;
    const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = header;
    const count = (v1 ?? v2 ?? dictionary)?.num_values ?? 0;
    if (!(count >= 0 && count <= most)) throw new Error(`a page claims to have ${count} values`);
    if (v1 !== undefined) {
      const data = readerOf(decompressPage(page, unpacked, column.codec, compressors) as Uint8Array<ArrayBuffer>);
      for (const width of levels) if (width > 0) checkRuns(data, width, count);
      if (/DICTIONARY/.test(v1.encoding)) checkIndexes(data, count);
    } else if (v2 !== undefined) {
      const sizes = [v2.repetition_levels_byte_length, v2.definition_levels_byte_length];
      const whole = sizes[0]! + sizes[1]!;
      if (!(sizes.every((one) => one >= 0) && whole <= size && whole <= unpacked)) {
        throw new Error("a page has no room");
      }
      for (const [i, width] of levels.entries()) {
        if (width > 0) checkRuns({ view: readerOf(page).view, offset: i * sizes[0]! }, width, count, sizes[i]);
      }
      const rest = page.subarray(whole);
      const data = v2.is_compressed === false
        ? rest
        : decompressPage(rest, unpacked - whole, column.codec, compressors);
      if (/DICTIONARY/.test(v2.encoding)) checkIndexes(readerOf(data as Uint8Array<ArrayBuffer>), count);
    }
  }
}

const LARGEST = 2 ** 30; // bytes of a page

function checkIndexes(reader: Reader, count: number): void {
  const width = reader.view.getUint8(reader.offset++);
  if (width > 32) throw new Error(`an index has ${width} bits`);
  if (width > 0) checkRuns(reader, width, count, reader.view.byteLength - reader.offset);
}

/** Looks through runs of levels or indexes, and leaves the reader behind them. A run says how long it is. */
function checkRuns(reader: Reader, width: number, count: number, length?: number): void {
  if (length === undefined) {
    length = reader.view.getUint32(reader.offset, true);
    reader.offset += 4;
  }
  const end = reader.offset + length;
  for (let seen = 0; seen < count && reader.offset < end;) { // of indexes there are fewer, where values are null
    const header = readVarInt(reader), packed = (header & 1) === 1;
    const run = packed ? (header >>> 1) * 8 : header >>> 1;
    const surplus = packed ? 512 : 0; // writers fill the last packed run up
    if (run > count - seen + surplus) throw new Error(`a run claims to have ${run} values of ${count}`);
    reader.offset += packed ? (header >>> 1) * width : (width + 7) >> 3;
    seen += run;
  }
  reader.offset = end;
}
