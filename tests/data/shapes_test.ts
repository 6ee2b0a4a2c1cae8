import { assert, assertEquals } from "@std/assert";
import { pairReader, readPairs, readUnpaired } from "../../lib/data/load.ts";
import type { Loaded } from "../../lib/data/report.ts";
import { reportText } from "../../lib/data/report.ts";
import { ROW_SHAPES, type RowShape, SHAPES } from "../../lib/data/shapes.ts";
import type { Failure, Result } from "../../lib/result.ts";
import { SHAPE_CASES, type ShapeCase } from "./shape_rows.ts";

type Row = Readonly<Record<string, unknown>>;

const lines = (rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join("\n");
const cases = Object.entries(SHAPE_CASES) as readonly (readonly [RowShape, ShapeCase])[];

function loaded<T>(read: Result<Failure, Loaded<T>>): Loaded<T> {
  assert(read._tag === "Right", read._tag === "Left" ? read.left.sentences.join("\n") : "");
  return read.right;
}

function sentences(read: Result<Failure, unknown>): readonly string[] {
  return read._tag === "Left" ? read.left.sentences : [];
}

for (const [rows, { rows: given, pairs, dropped = {}, unread, asked = false }] of cases) {
  Deno.test(`rows of ${rows} are known by their columns, read as the pairs they are, and ties are named`, () => {
    const { data, report } = loaded(readPairs(lines(given), { mostDropped: 0.5, ...asked && { rows } }));
    assertEquals(data, pairs);
    assertEquals(Object.fromEntries(report.dropped.map(({ reason, ids }) => [reason, ids])), dropped);
    assertEquals(report.unread.map(({ field }) => field).toSorted(), unread.toSorted());
    assertEquals(report.source?.shape?.name, rows);
    const { title, meaning } = SHAPES.find(({ name }) => name === rows)!;
    const opening = asked ? "Rows are read as" : "Rows look like";
    assertEquals(reportText(report).split("\n")[1], `${opening} ${title}: ${meaning}.`);
  });

  Deno.test(`rows of ${rows} are the same as records of a table, whose other columns need not be read`, () => {
    const reader = pairReader({ mostDropped: 0.5, ...asked && { rows } });
    const names = [...new Set(given.flatMap((row) => Object.keys(row)))];
    for (const name of unread.filter((name) => !ALSO_READ.includes(name))) assert(!reader.wants(name), name);
    reader.records(
      given.map((row) =>
        Object.fromEntries(names.map((name) => [name, reader.wants(name) ? row[name] ?? null : undefined]))
      ),
    );
    assertEquals(loaded(reader.end()).data, pairs);
  });

  Deno.test(`rows of ${rows} that lack a column, or have one of another type, are named by the data set's own name`, () => {
    const [first] = given as [Row];
    for (const name of SHAPES.find((shape) => shape.name === rows)!.needed) {
      const faults = sentences(readPairs(lines([{ ...first, [name]: { no: "such" } }]), { rows }));
      assert(faults.some((sentence) => sentence.includes(`"${name}`)) || UNTYPED.includes(name), `${name}: ${faults}`);
      const { [name]: _, ...rest } = first;
      assert(
        sentences(readPairs(lines([rest]), { rows })).some((sentence) => sentence.includes(`"${name}"`)),
        `${name} is missing`,
      );
    }
  });
}

/** Columns that another shape reads. */
const ALSO_READ = ["safer_response_id", "better_response_id"];
/** Columns whose values say nothing here. */
const UNTYPED = ["model_a", "model_b"];

Deno.test("every shape of the table has a flag's word, in order, and rows to test it by", () => {
  assertEquals(ROW_SHAPES.slice(2), SHAPES.map(({ name }) => name as RowShape));
  assertEquals(cases.map(([name]) => name), ROW_SHAPES.slice(2) as RowShape[]);
});

Deno.test("no shape is taken for another, nor rows of our own for one", () => {
  for (const [rows, { rows: [first], asked }] of cases) {
    const read = readPairs(lines([first]), { mostDropped: 1 });
    if (read._tag === "Right") assertEquals(read.right.report.source?.shape?.name, asked ? "pku" : rows);
  }
  for (const extra of [{}, { score: 1 }, { system: "s" }, { question: "q" }, { response: "r", helpfulness: 1 }]) {
    const read = readPairs(lines([{ prompt: "p", chosen: "a", rejected: "b", ...extra }]));
    assertEquals(loaded(read).report.source?.shape, undefined);
  }
});

Deno.test("a flag reads rows otherwise than their columns tell", () => {
  const [first] = SHAPE_CASES.ultrafeedback.rows as [Row];
  const { data, report } = loaded(readPairs(lines([first]), { rows: "pairs" }));
  assertEquals([data[0]?.margin, report.source?.shape], [undefined, undefined]);
  const [pku] = SHAPE_CASES.pku.rows as [Row];
  assertEquals(loaded(readPairs(lines([pku]), { rows: "pku-safer" })).data[0]?.chosen, "Twist it.");
  assertEquals(loaded(readPairs(lines([pku]))).data[0]?.chosen, "Break it.");
  const { better_response_id: _, ...safer } = pku;
  assertEquals(loaded(readPairs(lines([safer]))).report.source?.shape?.name, "pku-safer");
});

Deno.test("a slip in a column of a known shape is told by the name that it lacks", () => {
  const [{ labels, ...shp }] = SHAPE_CASES.shp.rows as [Row];
  assertEquals(sentences(readPairs(lines([{ ...shp, label: labels }]))), [
    'Cannot read line 1 as field "label" is unknown: did you mean "labels"?',
  ]);
  assertEquals(sentences(readPairs(lines([{ ...SHAPE_CASES.shp.rows[0], labels: 2 }]))), [
    'Cannot read line 1 as field "labels" must be 1 or 0: current value is 2',
  ]);
  assertEquals(sentences(readPairs(lines([{ ...SHAPE_CASES.helpsteer3.rows[0], overall_preference: 4 }]))), [
    'Cannot read line 1 as field "overall_preference" must be a number from -3 to 3: current value is 4',
  ]);
});

Deno.test("ties are no faults: half of the rows may be, while other losses stop at one in twenty", () => {
  const tied = (n: number, strength: number): Row => ({
    ...{ prompt: `q${n}`, response_1: "yes", response_2: "no", preference_strength: strength },
  });
  const rows = Array.from({ length: 20 }, (_, i) => tied(i, i % 2));
  const { data, report } = loaded(readPairs(lines(rows)));
  assertEquals([data.length, report.dropped[0]?.reason, report.dropped[0]?.ids.length], [10, "tie", 10]);
  assertEquals(
    reportText(report).split("\n")[3],
    "10 rows dropped as neither reply was preferred: rows 0, 2, 4, 6, 8, 10, 12, 14, 16, 18.",
  );
  const empty = { ...tied(21, 1), response_2: "" };
  assertEquals(
    sentences(readPairs(lines([...rows, empty, empty])))[0],
    "Cannot load pairs as at most 5 % of the rows may be dropped: 2 of 22 would be",
  );
  assertEquals(
    sentences(readPairs(lines([tied(0, 0)])))[0],
    "Cannot load pairs as at least one row must be left: 1 of 1 would be dropped",
  );
});

Deno.test("CSV spells numbers and messages of a shape as text", () => {
  const csv = "history,human_ref_A,human_ref_B,labels,score_ratio\nOil a door?,With a feather.,Lift it.,0,4\n";
  const { data, report } = loaded(readPairs(csv));
  assertEquals(data, [
    { id: "0", prompt: "Oil a door?", chosen: "Lift it.", rejected: "With a feather.", margin: Math.log(4) },
  ]);
  assertEquals(report.source?.shape?.name, "shp");
  const context = '"[{""role"": ""user"", ""content"": ""Why?""}]"';
  const steered = `context,response1,response2,overall_preference\n${context},So.,Thus.,-1\n`;
  assertEquals(loaded(readPairs(steered)).data, [
    { id: "0", prompt: [{ role: "user", content: "Why?" }], chosen: "So.", rejected: "Thus.", margin: 1 },
  ]);
});

Deno.test("rows of a shape are made unpaired rows as well, two of a pair", () => {
  const { data, report } = loaded(readUnpaired(lines(SHAPE_CASES.helpsteer2.rows), { mostDropped: 0.5 }));
  assertEquals(data.map(({ id, label }) => [id, label]).slice(0, 2), [["1>0:chosen", true], ["1>0:rejected", false]]);
  assertEquals(report.source?.made, { from: 7, kind: "rated replies" });
});

Deno.test("two conversations that went their own ways are dropped without a limit", () => {
  const turns = (first: string): readonly Row[] =>
    ["Hi", first, "Bye", `${first}!`].map((content, i) => ({ role: i % 2 ? "assistant" : "user", content }));
  const arena = {
    model_a: "a",
    model_b: "b",
    winner: "model_a",
    conversation_a: turns("x"),
    conversation_b: turns("y"),
  };
  const same = { ...arena, conversation_a: turns("x").slice(0, 2), conversation_b: turns("y").slice(0, 2) };
  const { data, report } = loaded(readPairs(lines([arena, arena, same])));
  assertEquals([data.length, report.dropped], [1, [{ reason: "ownTurns", ids: ["0", "1"] }]]);
});
