/** Whatever a file is, the same rows give the same data. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import fixture from "../../fixtures/data/pairs.json" with { type: "json" };
import { pairReader, readPairs, readUnpaired, unpairedReader } from "../../lib/data/load.ts";
import type { Pair } from "../../lib/data/pair.ts";
import type { Loaded } from "../../lib/data/report.ts";
import { readParquet } from "../../lib/io/parquet.ts";
import type { Failure, Result } from "../../lib/result.ts";

type Row = Readonly<Record<string, unknown>>;

const ROWS: Readonly<Record<string, readonly Row[]>> = fixture.rows;

const jsonl = (rows: readonly Row[]): string => rows.map((row) => JSON.stringify(row)).join("\n");

/** Rows as CSV, lists as JSON text; every cell in quotes. */
function csv(rows: readonly Row[], delimiter = ",", end = "\n"): string {
  const names = Object.keys(rows[0] as Row);
  const cell = (value: unknown): string =>
    typeof value === "string" ? value : value === null ? "" : JSON.stringify(value);
  const lines = rows.map((row) => names.map((name) => `"${cell(row[name]).replaceAll('"', '""')}"`).join(delimiter));
  return [names.join(delimiter), ...lines].join(end);
}

function columns(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] as Row);
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])])));
}

/** What was read; fails with the sentences if nothing was. */
function right<T>(result: Result<Failure, T>): T {
  assert(result._tag === "Right", result._tag === "Left" ? result.left.sentences.join("\n") : "");
  return result.right;
}

for (const name of ["texts", "messages", "dialogues", "ranked"]) {
  Deno.test(`${name} give the same pairs as JSON lines, JSON, a table by columns and CSV of any kind`, () => {
    const rows = ROWS[name] as readonly Row[];
    const pairs = right(readPairs(jsonl(rows)));
    const texts = [
      jsonl(rows).replaceAll("\n", "\r\n"),
      `\ufeff\n${jsonl(rows)}\n`,
      JSON.stringify(rows),
      JSON.stringify(rows, null, 2),
      csv(rows),
      csv(rows, ";", "\r\n"),
      `\ufeff${csv(rows, "\t")}\n\n`,
      ...name === "ranked" ? [] : [columns(rows)],
    ];
    for (const text of texts) assertEquals(right(readPairs(text)), pairs, text.slice(0, 80));
  });
}

Deno.test("the rows of the fixture are the pairs they say they are", () => {
  const { data, report } = right(readPairs(jsonl(ROWS.texts!)));
  assertEquals(data[4], {
    ...{ id: "t-4", prompt: "What does the heron say, no. 4?", margin: 1, label: 0.96, weight: 1 },
    ...{ chosen: "line\u2028separator and \r\nreturn", rejected: "Nothing, he said" },
  });
  assertEquals([report.rows, report.kept, report.source?.prompts, report.source?.repeated], [30, 30, 30, 0]);
  const talk = right(readPairs(jsonl(ROWS.messages!))).data[5]!;
  assertEquals(talk.label, undefined);
  assertEquals([talk.prompt.length, talk.chosen], [4, '5 nuts, "all" yours.']);
  assertEquals(right(readPairs(jsonl(ROWS.dialogues!))).data[0]!.prompt.length, 3);
});

for (const { rows, options, base64 } of fixture.files) {
  Deno.test(`parquet of ${rows} that pyarrow wrote with ${options} gives the same as JSON lines`, async () => {
    const source = Uint8Array.fromBase64(base64).buffer as ArrayBuffer;
    const text = jsonl(ROWS[rows] as readonly Row[]);
    const isPairs = rows !== "unpaired";
    const reader = isPairs ? pairReader() : unpairedReader();
    right(await readParquet("fixture", source, reader));
    assertEquals<unknown>(right<unknown>(reader.end()), right<unknown>(isPairs ? readPairs(text) : readUnpaired(text)));
  });
}

Deno.test("any texts give the same pairs in every format, in whatever pieces they come", () => {
  const unit = fc.constantFrom(...'ab ,;"\n\r\t[]{}\\\u2028\u0085\ufeff', "東", "🐢", "'", "\ud83d");
  const text = fc.string({ unit, maxLength: 20 }).map((text) => `x${text}x`);
  const row = fc.record({ prompt: text, chosen: text, rejected: text.map((text) => `no ${text}`) });
  const cuts = fc.array(fc.nat(2000), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), cuts, (rows, cuts) => {
      const pairs: Loaded<Pair> = right(readPairs(jsonl(rows)));
      assertEquals(pairs.data.map(({ id: _, ...texts }) => texts), rows);
      for (const source of [jsonl(rows), JSON.stringify(rows, null, 1), csv(rows), columns(rows)]) {
        const reader = pairReader();
        const at = [0, ...cuts.map((cut) => Math.min(cut, source.length)).sort((a, b) => a - b), source.length];
        at.slice(1).forEach((stop, k) => reader.push(source.slice(at[k], stop)));
        assertEquals(right(reader.end()), pairs);
      }
    }),
  );
});

Deno.test("a row with a text of ten million characters is read in every format", () => {
  const long = `${"word ".repeat(2_000_000)}"end"`;
  const rows = [{ prompt: "p", chosen: long, rejected: "short" }, { prompt: "q", chosen: "a", rejected: "b" }];
  for (const source of [jsonl(rows), JSON.stringify(rows), csv(rows), columns(rows)]) {
    const { data, report } = right(readPairs(source));
    assert(data[0]!.chosen === long && data[1]!.rejected === "b");
    assertEquals(report.source?.bytes, long.length + "p".length + "short".length + "qab".length + "01".length);
  }
});
