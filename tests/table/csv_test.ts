import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { csvReader } from "../../lib/table/csv.ts";
import { lineReader } from "../../lib/table/lines.ts";

type Seen = readonly (readonly [line: number, cells: readonly string[] | string])[];

/** What is read of pieces of text: header and rows with their lines, and faults. */
function read(pieces: readonly string[], longest?: number): Seen {
  const seen: [number, readonly string[] | string][] = [];
  const csv = csvReader({
    header: (names, line) => seen.push([line, names]),
    row: (cells, line) => seen.push([line, cells]),
    fault: (line, rule) => seen.push([line, rule]),
  }, longest);
  const lines = lineReader({ line: csv.line, overlong: (line) => seen.push([line, "overlong"]) }, longest);
  pieces.forEach(lines.push);
  lines.end();
  csv.end();
  return seen;
}

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;

Deno.test("csvReader() gives back the cells that were quoted, whatever is in them and wherever the pieces end", () => {
  const unit = fc.constantFrom(...'ab",;\t\n\r \u2028\ufeff東🐢');
  const cell = fc.string({ unit, maxLength: 12 });
  const table = fc.array(fc.tuple(cell, cell, cell), { maxLength: 6 });
  fc.assert(
    fc.property(table, fc.constantFrom("\n", "\r\n"), fc.array(fc.nat(400), { maxLength: 5 }), (rows, end, cuts) => {
      const text = ["h,i,j", ...rows.map((row) => row.map(quoted).join(","))].join(end);
      const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
      const pieces = at.slice(1).map((stop, k) => text.slice(at[k], stop));
      assertEquals(read(pieces).map(([, cells]) => cells), [["h", "i", "j"], ...rows]);
    }),
  );
});

Deno.test("csvReader() counts lines, also those inside cells, and keeps the line feeds there as they are", () => {
  assertEquals(read(['a,b\r\n"x\r\ny\n",1\r\n\r\n2,"3"\r\n']), [
    [1, ["a", "b"]],
    [2, ["x\r\ny\n", "1"]],
    [6, ["2", "3"]],
  ]);
});

Deno.test("csvReader() takes quotes inside a cell as they are: five inches are no open cell", () => {
  assertEquals(read(['a;b\n5" disk;x\n "q" ;y\n']).slice(1), [[2, ['5" disk', "x"]], [3, ["q ", "y"]]]);
});

Deno.test("csvReader() names rows that are too short or long, and quotes that stay open by where they open", () => {
  assertEquals(read(['a,b\n1\n1,2,3\n"x,\n2,3\n']).slice(1), [
    [2, "it must have 2 fields like the header: it has 1"],
    [3, "it must have 2 fields like the header: it has 3"],
    [4, "its quotes must be closed"],
  ]);
});

Deno.test("lines and cells longer than the longest are named and left out, and what follows is read", () => {
  assertEquals(read(["a\n", "xxxxxx", "xxxxxx\n", "ok\n"], 10).slice(1), [[2, "overlong"], [3, ["ok"]]]);
  assertEquals(read(['a\n"xxxx\nxxxx\nxxxx"\nok\n'], 10).slice(1), [
    [2, "a row must have at most 10 characters"],
    [5, ["ok"]],
  ]);
});

Deno.test("quotes that stay open over a million lines take no more than one walk over them", () => {
  const pieces = ['a\n"', ...Array<string>(100).fill("x\n".repeat(10_000))];
  assertEquals(read(pieces), [[1, ["a"]], [2, "its quotes must be closed"]]); // a walk a line would take hours
});
