import { assert, assertEquals } from "@std/assert";
import fixture from "../../fixtures/data/pairs.json" with { type: "json" };
import { pairReader, readPairs } from "../../lib/data/load.ts";
import { readTable } from "../../lib/io/read_table.ts";
import type { Failure, Result } from "../../lib/result.ts";

const granted = async (name: "read" | "write"): Promise<boolean> =>
  (await Deno.permissions.query({ name })).state === "granted";
const ignore = !await granted("read") || !await granted("write");

type Bytes = Uint8Array<ArrayBuffer>;

const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

async function gzip(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const rows = fixture.rows.texts;
const jsonl = rows.map((row) => JSON.stringify(row)).join("\n");
const parquet = Uint8Array.fromBase64(fixture.files[0]!.base64);

/** What is read of a file with these bytes; its path is called `file`. */
async function readFile(bytes: Bytes): Promise<Result<Failure, unknown>> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    const read = await readTable(path, pairReader());
    if (read._tag === "Right") return read;
    return { ...read, left: { ...read.left, sentences: read.left.sentences.map((one) => one.replace(path, "file")) } };
  } finally {
    await Deno.remove(path);
  }
}

Deno.test({
  name: "readTable() gives the same for JSON lines, JSON and parquet, plain and gzipped, whatever the file's name",
  ignore,
  fn: async () => {
    const pairs = readPairs(jsonl);
    for (const bytes of [utf8(jsonl), utf8(JSON.stringify(rows)), parquet]) {
      assertEquals<unknown>(await readFile(bytes), pairs);
      assertEquals<unknown>(await readFile(await gzip(bytes)), pairs);
    }
  },
});

Deno.test({
  name: "readTable() decodes characters that stand across the borders of chunks, and counts lines across them",
  ignore,
  fn: async () => {
    const row = (i: number): string =>
      JSON.stringify({ prompt: `${i} 東京🐢é`, chosen: "naïve ".repeat(i % 90), rejected: "ß" });
    const text = Array.from({ length: 3000 }, (_, i) => row(i + 1)).join("\n"); // a dozen chunks
    const read = await readFile(utf8(text));
    assertEquals<unknown>(read, readPairs(text));
    const bytes = utf8(text), line = text.split("\n").slice(0, 2000).join("\n");
    bytes[utf8(line).length + 20] = 0xff;
    const bad = await readFile(bytes);
    assertEquals(bad._tag === "Left" && bad.left.sentences, [
      "Cannot read file as it must be UTF-8 text: line 2001 is not",
    ]);
  },
});

const BAD: readonly (readonly [sentence: string, bytes: () => Bytes | Promise<Bytes>])[] = [
  ["it must be UTF-8 text: it is binary, its byte 3 is 0", () => Uint8Array.of(65, 66, 10, 0, 1)],
  ["it must be UTF-8 text: it is a zip archive (or a workbook): unpack it, or save the sheet as .csv", () => {
    return utf8("PK\x03\x04 and so on");
  }],
  ["it must be UTF-8 text: it is packed by zstd: unpack it, or pack it by gzip", () => {
    return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 4);
  }],
  ["its gzip data must be whole: it is cut off, damaged or made of several parts", async () => {
    return (await gzip(utf8(jsonl))).slice(0, -20);
  }],
  ["it must be a whole parquet file: parquet file invalid (footer != PAR1)", () => parquet.slice(0, -9)],
  ["it must not be empty: it has 0 bytes", () => Uint8Array.of()],
];

for (const [sentence, bytes] of BAD) {
  Deno.test({
    name: `readTable() refuses a file as ${sentence}`,
    ignore,
    fn: async () => {
      const read = await readFile(await bytes());
      assert(read._tag === "Left");
      assertEquals(read.left, { kind: "input", sentences: [`Cannot read file as ${sentence}`] });
    },
  });
}

Deno.test({
  name: "readTable() says that a file is not there, or is a directory",
  ignore,
  fn: async () => {
    const sentences = async (path: string): Promise<unknown> => {
      const read = await readTable(path, pairReader());
      return read._tag === "Left" && read.left.sentences;
    };
    assertEquals(await sentences("no/such.csv"), ["Cannot read no/such.csv as there is no such file"]);
    assertEquals(await sentences("."), ["Cannot read . as it must be a file: it is a directory"]);
  },
});
