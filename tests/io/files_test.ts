import { assertEquals, assertStringIncludes } from "@std/assert";
import { readBytes, readText } from "../../lib/io/files.ts";
import { inputFailure, right } from "../../lib/result.ts";

const granted = async (name: "read" | "write"): Promise<boolean> =>
  (await Deno.permissions.query({ name })).state === "granted";
const [reads, writes] = [await granted("read"), await granted("write")];

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A claim about a file with these bytes, tried where files may be written. */
function about(name: string, bytes: () => Promise<Uint8Array>, claim: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !reads || !writes,
    fn: async () => {
      const path = await Deno.makeTempFile();
      try {
        await Deno.writeFile(path, await bytes());
        await claim(path);
      } finally {
        await Deno.remove(path);
      }
    },
  });
}

const utf8 = (text: string): Promise<Uint8Array> => Promise.resolve(new TextEncoder().encode(text));
const raw = (...bytes: readonly number[]): Promise<Uint8Array> => Promise.resolve(Uint8Array.from(bytes));

Deno.test({
  name: "readText() without permission says which flag helps, and asks nothing",
  ignore: reads,
  fn: async () => {
    assertEquals(
      await readText("pairs.jsonl"),
      inputFailure(
        "Cannot read pairs.jsonl as Deno has no permission to: run it again with -R (or --allow-read=pairs.jsonl) " +
          "before the script",
      ),
    );
  },
});

Deno.test("readText() refuses an empty path", async () => {
  assertEquals(await readText(""), inputFailure("Cannot read a file as its path must not be empty"));
});

Deno.test({
  name: "readText() says that a file is not there, or is a directory",
  ignore: !reads,
  fn: async () => {
    assertEquals(await readText("no/such.jsonl"), inputFailure("Cannot read no/such.jsonl as there is no such file"));
    assertEquals(await readText("."), inputFailure("Cannot read . as it must be a file: it is a directory"));
  },
});

about(
  "readText() gives the text as it is, without a byte order mark",
  () => utf8("\ufeffa\r\nü\u2028東"),
  async (path) => {
    assertEquals(await readText(path), right("a\r\nü\u2028東"));
    assertEquals((await readBytes(path))._tag, "Right");
  },
);

about("readText() unpacks gzip whatever the file's name", () => gzip("line 1\nline 2\n"), async (path) => {
  assertEquals(await readText(path), right("line 1\nline 2\n"));
});

about("readText() refuses an empty file", () => raw(), async (path) => {
  assertEquals(await readText(path), inputFailure(`Cannot read ${path} as it must not be empty: it has 0 bytes`));
});

about("readText() refuses an empty gzip file", () => gzip(""), async (path) => {
  assertEquals(
    await readText(path),
    inputFailure(`Cannot read ${path} as it must not be empty: unpacked it has 0 bytes`),
  );
});

const whole = "its gzip data must be whole: it is cut off, damaged or made of several parts";

about(
  "readText() refuses a gzip file that is cut off",
  async () => (await gzip("many words")).slice(0, -9),
  async (path) => {
    assertEquals(await readText(path), inputFailure(`Cannot read ${path} as ${whole}`));
  },
);

about("readText() refuses a damaged gzip file", async () => (await gzip("words")).with(-6, 7), async (path) => {
  assertEquals(await readText(path), inputFailure(`Cannot read ${path} as ${whole}`));
});

about(
  "readText() names the first line that is not UTF-8",
  () => raw(0x61, 0x0a, 0xc3, 0xa9, 0x0a, 0xe9, 0x0a),
  async (path) => {
    assertEquals(await readText(path), inputFailure(`Cannot read ${path} as it must be UTF-8 text: line 3 is not`));
  },
);

about("readText() recognises UTF-16", () => raw(0xff, 0xfe, 0x61, 0x00), async (path) => {
  assertEquals(
    await readText(path),
    inputFailure(`Cannot read ${path} as it must be UTF-8 text: it is text in UTF-16: save it as UTF-8`),
  );
});

about("readText() of a file that may not be read blames the file's mode", () => utf8("secret"), async (path) => {
  await Deno.chmod(path, 0o000);
  const text = await readText(path);
  if (text._tag === "Left") assertStringIncludes(text.left.sentences[0] ?? "", "the system does not allow it");
  else assertEquals(text, right("secret")); // the superuser reads everything
});
