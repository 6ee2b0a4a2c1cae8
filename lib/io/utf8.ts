/** Bytes to text, chunk by chunk, and where a file is no text. */

/** Files that are taken for text by mistake: how they begin, and what to do with them. */
const OTHERS: readonly (readonly [start: string, what: string])[] = [
  ["PK\x03\x04", "a zip archive (or a workbook): unpack it, or save the sheet as .csv"],
  ["\x28\xb5\x2f\xfd", "packed by zstd: unpack it, or pack it by gzip"],
  ["\xfd7zXZ", "packed by xz: unpack it, or pack it by gzip"],
  ["BZh", "packed by bzip2: unpack it, or pack it by gzip"],
  ["ARROW1", "an Arrow file: save it as parquet"],
  ["\xff\xff\xff\xff", "an Arrow stream: save it as parquet"],
  ["\xff\xfe", "text in UTF-16: save it as UTF-8"],
  ["\xfe\xff", "text in UTF-16: save it as UTF-8"],
];

/** Takes bytes; both tell the rule that they break as text, if they do. */
export interface TextDecoding {
  readonly push: (chunk: Uint8Array) => string | undefined;
  /** Once, after the last chunk. */
  readonly end: () => string | undefined;
}

/** Decodes UTF-8 that comes in chunks, without a byte order mark, and hands the text on. */
export function textDecoder(take: (piece: string) => void): TextDecoding {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let line = 1, tail = new Uint8Array(), first = true;
  return {
    push: (chunk) => {
      const other = first ? otherFormat(chunk) : undefined;
      if (other !== undefined) return other;
      first = false;
      try {
        take(utf8.decode(chunk, { stream: true }));
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        const bytes = new Uint8Array(tail.length + chunk.length);
        bytes.set(tail);
        bytes.set(chunk, tail.length);
        return notUtf8(line + badLine(bytes));
      }
      line += feeds(chunk);
      tail = lastCharacter(chunk);
      return undefined;
    },
    end: () => {
      try {
        utf8.decode();
        return undefined;
      } catch {
        return notUtf8(line);
      }
    },
  };
}

const notUtf8 = (line: number): string => `it must be UTF-8 text: line ${line} is not`;

/** What a file is, if by its first bytes it is no text. */
function otherFormat(bytes: Uint8Array): string | undefined {
  const begins = ([start]: (typeof OTHERS)[number]): boolean => {
    return [...start].every((byte, i) => bytes[i] === byte.charCodeAt(0));
  };
  const other = OTHERS.find(begins);
  if (other !== undefined) return `it must be UTF-8 text: it is ${other[1]}`;
  const zero = bytes.indexOf(0);
  return zero < 0 ? undefined : `it must be UTF-8 text: it is binary, its byte ${zero} is 0`;
}

function feeds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}

/** The last character that begins in the bytes: it may end in the next ones. */
function lastCharacter(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const end = bytes.slice(-3), start = end.findLastIndex((byte) => byte >= 0xc0);
  return start < 0 ? new Uint8Array() : end.slice(start);
}

/** How many lines, from 0, stand before the first that is not UTF-8; a line feed is never part of another character. */
function badLine(bytes: Uint8Array): number {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let line = 0;
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(0x0a, start);
    if (feed < 0) break;
    try {
      utf8.decode(bytes.subarray(start, feed + 1));
    } catch {
      return line;
    }
    start = feed + 1;
  }
  return line;
}
