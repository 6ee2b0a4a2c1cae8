import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { issueAt, type Place } from "../../lib/data/issue.ts";
import { rowReader } from "../../lib/data/rows.ts";

type Seen = { readonly values: readonly unknown[]; readonly places: readonly (readonly number[])[] };

/** What a source reads as: values, or the sentences of what is wrong, each with its row and line. */
function seen(pieces: readonly string[], name?: string, longest?: number): Seen {
  const values: unknown[] = [], places: number[][] = [];
  const at = ({ row, line }: Place): number => places.push(line === undefined ? [row] : [row, line]);
  const reader = rowReader(
    {
      columns: () => {},
      row: (value, place) => values.push(value) && at(place),
      faults: (faults, place) => {
        values.push(...faults.map((fault) => issueAt(place, "", fault).sentence));
        at(place);
      },
    },
    name,
    longest,
  );
  pieces.forEach(reader.push);
  reader.end();
  return { values, places };
}

const read = (source: string, name?: string): readonly unknown[] => seen([source], name).values;
const places = (source: string): Seen["places"] => seen([source]).places;

Deno.test("rowReader() counts lines from 1, blank ones included, and rows from 0, without them", () => {
  const source = '{"a":1}\n\n  \n{"a":2}\r\n{"a":3}\n';
  assertEquals(read(source), [{ a: 1 }, { a: 2 }, { a: 3 }]);
  assertEquals(places(source), [[0, 1], [1, 4], [2, 5]]);
});

Deno.test("rowReader() splits at line feeds alone, and skips a byte order mark", () => {
  assertEquals(read('\ufeff{"a":"x\u2028y\u2029z\u0085"}\n{"a":"b"}'), [{ a: "x\u2028y\u2029z\u0085" }, { a: "b" }]);
  assertEquals([read(""), read("\n \r\n")], [[], []]);
});

Deno.test("rowReader() reads what JSON.stringify wrote, one value a line", () => {
  fc.assert(fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 2 }), (values) => {
    const plain = values.map((value) => JSON.parse(JSON.stringify(value)));
    assertEquals(read(plain.map((value) => JSON.stringify(value)).join("\n")), plain);
  }));
});

Deno.test("a line that is not JSON is named with the character where it goes wrong", () => {
  assertEquals(read('{"a": 1}\n{"a": x, "b": "long enough to be cut"}\n{"a": "cut\n{"a": 4}'), [
    { a: 1 },
    'Cannot read line 2 as it must be JSON: it is wrong from character 7 on, "x, \\"b\\": \\"long enough"',
    "Cannot read line 3 as it must be JSON: it breaks off after character 10",
    { a: 4 },
  ]);
});

Deno.test("a text that is one list stands for its rows", () => {
  assertEquals(read('[\n  {"a": 1},\n  {"a": 2}\n]\n'), [{ a: 1 }, { a: 2 }]);
  assertEquals(places('[{"a": 1}, {"a": 2}]'), [[0], [1]]);
  assertEquals(read('\n[\n  {"a": 1},\n  {"a" 2}\n]'), [
    'Cannot read line 4 as it must be JSON: it is wrong from character 8 on, "2}"',
  ]);
  assertEquals(read("[1,\n2"), ["Cannot read line 2 as it must be JSON: it breaks off after character 1"]);
});

Deno.test("one object over several lines is one row; a first line cut off among others is a bad line", () => {
  assertEquals(read('{\n  "a": 1\n}'), [{ a: 1 }]);
  assertEquals(read('{"a":\n{"a": 2}'), ["Cannot read line 1 as it must be JSON: it breaks off after character 5", {
    a: 2,
  }]);
});

Deno.test("a table by columns stands for its rows", () => {
  assertEquals(read('{"prompt": ["p", "q"], "chosen": ["a", "b"], "rejected": ["c", "d"], "label": [1, 0.5]}'), [
    { prompt: "p", chosen: "a", rejected: "c", label: 1 },
    { prompt: "q", chosen: "b", rejected: "d", label: 0.5 },
  ]);
  const messages = { chosen: [{ role: "user", content: "x" }], rejected: [{ role: "user", content: "y" }] };
  assertEquals(read(JSON.stringify(messages)), [messages]); // lists of messages are texts
  assertEquals(read(JSON.stringify({ chosen: [messages.chosen], rejected: [messages.rejected] })), [messages]);
});

Deno.test("data_length_mismatch: columns of different lengths are refused, never cut to the shortest", () => {
  const table = { prompt: ["p", "q", "r"], chosen: ["a", "b"], rejected: ["c", "d", "e"] };
  assertEquals(read(JSON.stringify(table)), [
    "Cannot read line 1 as the columns of a table must have equally many rows: prompt has 3, chosen has 2, rejected has 3",
  ]);
  assertEquals(read(JSON.stringify({ ...table, prompt: "p" })), [
    "Cannot read line 1 as the columns of a table must have equally many rows: prompt has none, chosen has 2, rejected has 3",
  ]);
});
