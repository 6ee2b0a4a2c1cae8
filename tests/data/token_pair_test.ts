import { assertEquals } from "@std/assert";
import fixture from "../../fixtures/data/token_pairs.json" with { type: "json" };
import { pairReader, pairRowReader } from "../../lib/data/load.ts";
import type { Loaded } from "../../lib/data/report.ts";
import { reportText } from "../../lib/data/report.ts";
import { splitByPrompt } from "../../lib/data/split.ts";
import { decodeTokenPair, type PairRow } from "../../lib/data/token_pair.ts";
import { readParquet } from "../../lib/io/parquet.ts";
import type { Failure, Result } from "../../lib/result.ts";
import { key } from "../../lib/tensor/random.ts";

const lines = (...rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join("\n");

/** What a text holds. */
function read(text: string): Result<Failure, Loaded<PairRow>> {
  const reader = pairRowReader();
  reader.push(text);
  return reader.end();
}

/** The rows of a text that has no fault. */
function loaded(text: string): Loaded<PairRow> {
  const result = read(text);
  if (result._tag === "Left") throw new Error(result.left.sentences.join("\n"));
  return result.right;
}

const sentences = (text: string): readonly string[] => {
  const result = read(text);
  return result._tag === "Left" ? result.left.sentences : [];
};

const EXPECTED = [
  { id: "a", prompt: [1, 17, 44], chosen: [5, 2], rejected: [9, 2], margin: 0.5 },
  { id: "b", prompt: [1], chosen: [6, 7, 2], rejected: [2] },
  { id: "c", prompt: [1, 17, 44], chosen: [300, 2], rejected: [8, 2], margin: 2 },
].map(({ prompt, chosen, rejected, ...more }) => ({
  ...{ prompt: Int32Array.from(prompt), chosen: Int32Array.from(chosen), rejected: Int32Array.from(rejected) },
  ...more,
}));

Deno.test("rows of token ids are read from JSON lines, a list, a table by columns and CSV alike", () => {
  const { rows } = fixture;
  const names = Object.keys(rows[0]!) as (keyof (typeof rows)[0])[];
  const columns = Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
  const cell = (value: unknown): string => Array.isArray(value) ? `"${JSON.stringify(value)}"` : String(value ?? "");
  const csv = [names.join(), ...rows.map((row) => names.map((name) => cell(row[name])).join())].join("\n");
  for (const text of [lines(...rows), JSON.stringify(rows), JSON.stringify(columns), csv]) {
    assertEquals<readonly unknown[]>(loaded(text).data, EXPECTED, text);
  }
});

for (const width of ["int64", "int32"] as const) {
  Deno.test(`rows of token ids are read from parquet with lists of ${width}, as pyarrow writes them`, async () => {
    const reader = pairRowReader();
    const file = Uint8Array.fromBase64(fixture[width]).buffer as ArrayBuffer;
    assertEquals((await readParquet("fixture", file, reader))._tag, "Right");
    const result = reader.end();
    assertEquals<unknown>(result._tag === "Right" && result.right.data, EXPECTED);
  });
}

Deno.test("rows of token ids are counted, told apart and dropped as texts are", () => {
  const { data, report } = loaded(lines(
    { prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [4], label: 0.75, weight: 2, note: "x" },
    { prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [4] },
    ...Array.from({ length: 40 }, (_, i) => ({ prompt_ids: [i + 9], chosen_ids: [3], rejected_ids: [4, 4] })),
    { prompt_ids: [7], chosen_ids: [3], rejected_ids: [3] },
    { prompt_ids: [8], chosen_ids: [], rejected_ids: [3] },
  ));
  assertEquals([data.length, data[0]?.label, data[0]?.weight], [42, 0.75, 2]);
  assertEquals(
    reportText(report),
    "42 of 44 rows kept, 2 dropped, 0 truncated.\n" +
      "41 different prompts, 1 row repeats an earlier one; 746 bytes in memory.\n" +
      "1 row dropped as chosen and rejected are identical: row 42.\n" +
      "1 row dropped as a reply is empty: row 43.\n" +
      'Field "note" of 1 row was not read.',
  );
});

Deno.test("ids go before texts in a row that has both, and the texts are reported as not read", () => {
  const both = { prompt: "p", chosen: "a", rejected: "b", prompt_ids: [1], chosen_ids: [2], rejected_ids: [3] };
  const { data, report } = loaded(lines(both));
  assertEquals<readonly unknown[]>(data, [
    { id: "0", prompt: Int32Array.of(1), chosen: Int32Array.of(2), rejected: Int32Array.of(3) },
  ]);
  assertEquals(report.unread.map(({ field }) => field), ["prompt", "chosen", "rejected"]);
});

Deno.test("a source is of one kind: a row of text among rows of ids is refused, and one of ids among texts", () => {
  const ids = { prompt_ids: [1], chosen_ids: [2], rejected_ids: [3] };
  const text = { prompt: "p", chosen: "a", rejected: "b" };
  assertEquals(sentences(lines(ids, text)).slice(1), [
    'Cannot read line 2 as field "rejected" is unknown: did you mean "rejected_ids"?',
    'Cannot read line 2 as field "prompt_ids" is missing: its fields are prompt, chosen, rejected',
    'Cannot read line 2 as field "chosen_ids" is missing: its fields are prompt, chosen, rejected',
  ]);
  assertEquals(sentences(lines(text, ids)).length, 3);
  const reader = pairReader();
  reader.push(lines(ids));
  const refused = reader.end();
  assertEquals(refused._tag === "Left" && refused.left.sentences, [
    "Cannot load pairs as every row must have a chosen and a rejected completion: line 1 is tokens, with " +
    '"prompt_ids" and "chosen_ids" and "rejected_ids"; put two completions of a prompt into one row',
  ]);
});

const wrong = (change: object): readonly string[] => {
  const row = { prompt_ids: [1], chosen_ids: [2], rejected_ids: [3], ...change };
  const result = decodeTokenPair(row, { row: 4, line: 5 });
  return result._tag === "Left"
    ? result.left.map(({ sentence }) => sentence.replace("Cannot read line 5 as ", ""))
    : [];
};

for (
  const [change, sentence] of [
    [{ chosen_ids: "2 3" }, 'field "chosen_ids" must be a list of token ids: current value is "2 3"'],
    [
      { chosen_ids: [2, -1] },
      'field "chosen_ids" must be a list of whole numbers from 0: at 1 it has another: current value is -1',
    ],
    [
      { chosen_ids: [2.5] },
      'field "chosen_ids" must be a list of whole numbers from 0: at 0 it has another: current value is 2.5',
    ],
    [
      { chosen_ids: [2 ** 31] },
      'field "chosen_ids" must be a list of whole numbers from 0: at 0 it has another: current value is 2147483648',
    ],
    [
      { rejected_ids: ["3"] },
      'field "rejected_ids" must be a list of whole numbers from 0: at 0 it has another: current value is "3"',
    ],
    [
      { prompt_ids: [[1]] },
      'field "prompt_ids" must be a list of whole numbers from 0: at 0 it has another: current value is [1]',
    ],
    [
      { prompt_ids: [] },
      'field "prompt_ids" must hold a token that the first completion token follows: current value is []',
    ],
    [{ label: 2 }, 'field "label" must be a number from 0 to 1: current value is 2'],
    [{ prompt_ids: null }, 'field "prompt_ids" is missing: its fields are prompt_ids, chosen_ids, rejected_ids'],
    [{ chosen_ids: undefined, choosen_ids: [2] }, 'field "choosen_ids" is unknown: did you mean "chosen_ids"?'],
  ] as const
) {
  Deno.test(`a row of token ids is refused: ${sentence}`, () => assertEquals(wrong(change), [sentence]));
}

Deno.test("rows of token ids are split by prompt: equal ids are one prompt", () => {
  const { data } = loaded(lines(...Array.from({ length: 60 }, (_, i) => (
    { prompt_ids: [1, i % 12], chosen_ids: [i + 2], rejected_ids: [99] }
  ))));
  const { train, heldOut } = splitByPrompt(key(0), data, 0.25);
  const names = (rows: readonly PairRow[]): ReadonlySet<unknown> => new Set(rows.map(({ prompt }) => prompt[1]));
  assertEquals([train.length, heldOut.length], [45, 15]);
  assertEquals(names(train).intersection(names(heldOut)).size, 0);
});
