import { assertEquals } from "@std/assert";
import * as E from "@fp-ts/core/Either";
import { readText } from "../../lib/io/files.ts";
import { readPairs } from "../../lib/data/load.ts";
import { countOf, reportText } from "../../lib/data/report.ts";
import { inputFailure, right } from "../../lib/result.ts";

const good = (n: number): readonly string[] =>
  Array.from({ length: n }, (_, i) => JSON.stringify({ prompt: `q${i}`, chosen: "yes", rejected: "no" }));
const line = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ prompt: "p", chosen: "a", rejected: "b", ...row });

Deno.test("readPairs() gives every pair, in order, and the report", () => {
  assertEquals(
    readPairs(`${line({ source: "web" })}\n${line({ label: 0.5, source: "mail", note: 1 })}\n`),
    right({
      data: [
        { id: "0", prompt: "p", chosen: "a", rejected: "b" },
        { id: "1", prompt: "p", chosen: "a", rejected: "b", label: 0.5 },
      ],
      report: {
        rows: 2,
        kept: 2,
        dropped: [],
        truncated: [],
        unread: [{ field: "source", rows: 2 }, { field: "note", rows: 1 }],
        source: { prompts: 1, repeated: 1, bytes: 8 },
      },
    }),
  );
});

Deno.test("readPairs() stops at rows that are wrong, and names them all", () => {
  const lines = [...good(3), "{oops", line({ label: 2 }), line({ chosen: "b" }), '{"prompt": "p", "chosen": "a"}'];
  assertEquals(
    readPairs(lines),
    inputFailure(
      "Cannot load pairs as every row must be right: 3 of 7 are not",
      'Cannot read line 4 as it must be JSON: it is wrong from character 2 on, "oops"',
      'Cannot read line 5 as field "label" must be a number from 0 to 1: current value is 2',
      'Cannot read line 7 as field "rejected" is missing: its fields are prompt, chosen',
    ),
  );
});

Deno.test("readPairs() shows twenty bad rows and counts the others", () => {
  const result = readPairs(Array(1030).fill("nonsense"));
  const sentences = E.isLeft(result) ? result.left.sentences : [];
  assertEquals(sentences.length, 22);
  assertEquals(sentences[0], "Cannot load pairs as every row must be right: 1030 of 1030 are not");
  assertEquals(sentences[20], 'Cannot read line 20 as it must be JSON: it is wrong from character 1 on, "nonsense"');
  assertEquals(sentences[21], "… and 1,010 more like these");
});

Deno.test("readPairs() drops and names what teaches nothing, up to one row in twenty", () => {
  const lines = [...good(57), line({ chosen: "b" }), line({ rejected: " " }), line({ id: "q-7", chosen: "b" })];
  const result = readPairs(lines);
  assertEquals(E.isRight(result) && result.right.data.length, 57);
  assertEquals(
    E.isRight(result) && reportText(result.right.report),
    "57 of 60 rows kept, 3 dropped, 0 truncated.\n" +
      "57 different prompts, no row repeats an earlier one; 550 bytes in memory.\n" +
      "2 rows dropped as chosen and rejected are identical: rows 57, q-7.\n" +
      "1 row dropped as a reply is empty: row 58.",
  );
  assertEquals(
    readPairs(lines.slice(1)),
    inputFailure(
      "Cannot load pairs as at most 5 % of the rows may be dropped: 3 of 59 would be",
      'Cannot use line 57 as chosen and rejected must differ: both are "b"',
      "Cannot use line 58 as a reply must not be empty: rejected is",
      'Cannot use line 59 as chosen and rejected must differ: both are "b"',
    ),
  );
});

Deno.test("readPairs() is as strict as it is told to be", () => {
  const lines = [...good(99), line({ chosen: "b" })];
  assertEquals(
    readPairs(lines, { drop: ["emptyReply"] }),
    inputFailure(
      "Cannot load pairs as every row must be right: 1 of 100 are not",
      'Cannot use line 100 as chosen and rejected must differ: both are "b"',
    ),
  );
  assertEquals(E.isRight(readPairs([line({ chosen: "b" }), line({})], { mostDropped: 0.5 })), true);
  assertEquals(
    readPairs([line({ chosen: "b" })], { mostDropped: 1 }),
    inputFailure(
      "Cannot load pairs as at least one row must be left: 1 of 1 would be dropped",
      'Cannot use line 1 as chosen and rejected must differ: both are "b"',
    ),
  );
});

Deno.test("readPairs() refuses a text without rows, and a broken list", () => {
  assertEquals(readPairs("\n"), inputFailure("Cannot load pairs as there must be at least one row: there is none"));
  assertEquals(readPairs("[]"), inputFailure("Cannot load pairs as there must be at least one row: there is none"));
  assertEquals(
    readPairs("[{}"),
    inputFailure("Cannot read line 1 as it must be JSON: it breaks off after character 3"),
  );
});

Deno.test("reportText() shows twenty names a reason, counts all, and says what was not read", () => {
  const ids = Array.from({ length: 1023 }, (_, i) => String(i));
  assertEquals(
    reportText({
      rows: 20_000,
      kept: 18_977,
      dropped: [{ reason: "overlong", ids }],
      truncated: [{ reason: "promptStart", ids: ["5"] }],
      unread: [{ field: "source", rows: 18_977 }],
    }),
    "18,977 of 20,000 rows kept, 1,023 dropped, 1 truncated.\n" +
      "1,023 rows dropped as prompt and completion have more tokens than the context: rows " +
      `${ids.slice(0, 20).join(", ")} and 1,003 more.\n` +
      "1 row truncated as the start of the prompt was cut to fit the context: row 5.\n" +
      'Field "source" of 18,977 rows was not read.',
  );
});

const file = "../shared/data/hh-rlhf-harmless-test.jsonl.gz";
const readable = (await Deno.permissions.query({ name: "read", path: file })).state === "granted";
const there = readable && await Deno.stat(file).then(() => true, () => false);

Deno.test({
  name: "hh-rlhf harmless test: 2,303 of 2,312 dialogues load, the 4 empty replies and 5 odd dialogues are named",
  ignore: !there,
  fn: async () => {
    const loaded = E.flatMap(await readText(file), (text) => readPairs(text));
    if (E.isLeft(loaded)) throw new Error(loaded.left.sentences.join("\n"));
    const { data, report } = loaded.right;
    assertEquals([data.length, report.rows, report.kept, countOf(report.dropped)], [2303, 2312, 2303, 9]);
    assertEquals(report.dropped, [
      { reason: "emptyReply", ids: ["86", "516", "925", "1103"] },
      { reason: "oddDialogue", ids: ["1254", "1688", "1950", "1952", "2036"] },
    ]);
    const signs = data.map(({ chosen, rejected }) => Math.sign(chosen.length - rejected.length));
    assertEquals([-1, 0, 1].map((sign) => signs.filter((s) => s === sign).length), [1271, 11, 1021]); // counted apart in Python
  },
});
