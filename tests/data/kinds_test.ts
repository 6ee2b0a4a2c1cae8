import { assertEquals } from "@std/assert";
import { readPairs, readUnpaired } from "../../lib/data/load.ts";
import { decodeRanked, rankedPairs } from "../../lib/data/ranked.ts";
import { reportText } from "../../lib/data/report.ts";
import { decodeUnpaired } from "../../lib/data/unpaired.ts";
import { type Failure, inputFailure, type Result, right } from "../../lib/result.ts";

const lines = (...rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join("\n");

function sentences(result: Result<Failure, unknown>): readonly string[] {
  return result._tag === "Left" ? result.left.sentences : [];
}

Deno.test("a ranked row gives the pairs of every two places, or of neighbours, each named by its places", () => {
  const row = { id: "7", prompt: "p", completions: ["a", "b", "c"], weight: 2 };
  const pair = (id: string, chosen: string, rejected: string): unknown => {
    return { id, prompt: "p", chosen, rejected, weight: 2 };
  };
  const all = [pair("7:0>1", "a", "b"), pair("7:0>2", "a", "c"), pair("7:1>2", "b", "c")];
  assertEquals<unknown>(rankedPairs(row, "all"), all);
  assertEquals<unknown>(rankedPairs(row, "adjacent"), [all[0], all[2]]);
  const many = { id: "0", prompt: "p", completions: ["a", "b", "c", "d", "e", "f"] };
  assertEquals([rankedPairs(many, "all").length, rankedPairs(many, "adjacent").length], [15, 5]);
});

Deno.test("readPairs() makes ranked rows pairs, and says from how many", () => {
  const rows = lines({ prompt: "p", completions: ["a", "b", "c"] }, { prompt: "q", completions: ["d", "e"] });
  const read = readPairs(rows, { ranked: "all" });
  assertEquals(read._tag === "Right" && read.right.data.map(({ id }) => id), ["0:0>1", "0:0>2", "0:1>2", "1:0>1"]);
  assertEquals(
    read._tag === "Right" && reportText(read.right.report),
    "4 of 4 rows kept, 0 dropped, 0 truncated.\nThey were made from 2 ranked rows.\n" +
      "2 different prompts, no row repeats an earlier one; 32 bytes in memory.",
  );
  const adjacent = readPairs(rows, { ranked: "adjacent" });
  assertEquals(adjacent._tag === "Right" && adjacent.right.data.length, 3);
});

Deno.test("decodeRanked() reads completions as texts, messages or dialogues, and names what is wrong with them", () => {
  const user = { role: "user", content: "p" }, reply = (content: string): unknown => ({ role: "assistant", content });
  const ranked = right({ id: "0", prompt: [user], completions: ["a", "b"] });
  const decode = (completions: unknown, prompt: unknown = [user]): unknown => {
    const result = decodeRanked({ prompt, completions }, { row: 0, line: 1 });
    return result._tag === "Left" ? result.left.map(({ reason, sentence }) => `${reason}: ${sentence}`) : result;
  };
  assertEquals(decode(["a", "b"]), ranked);
  assertEquals(decode([[reply("a")], [reply("b")]]), ranked);
  assertEquals(decode([[user, reply("a")], [user, reply("b")]]), ranked);
  assertEquals(decode(["a", "b", "a"]), [
    'identical: Cannot use line 1 as the completions must differ: two are "a"',
  ]);
  assertEquals(decode(["a", " "]), [
    'emptyReply: Cannot use line 1 as a reply must not be empty: completion 1 of field "completions" is',
  ]);
  const few = 'unreadable: Cannot read line 1 as field "completions" must be a list of at least two, the best first';
  assertEquals(decode(["a"]), [`${few}: current value is ["a"]`]);
  assertEquals(decode(["a", 7]), [
    'unreadable: Cannot read line 1 as field "completions[1]" must be a string or a list of messages: current value is 7',
  ]);
});

Deno.test("decodeUnpaired() reads a completion with its label, true or false, 1 or 0", () => {
  const row = { prompt: "p", completion: "a" };
  for (const [label, good] of [[true, true], [false, false], [1, true], [0, false]]) {
    assertEquals<unknown>(decodeUnpaired({ ...row, label }, { row: 3 }), right({ id: "3", ...row, label: good }));
  }
  const text = "\n\nHuman: p\n\nAssistant: a";
  assertEquals<unknown>(
    decodeUnpaired({ completion: text, label: true }, { row: 0 }),
    right({ id: "0", prompt: [{ role: "user", content: "p" }], completion: "a", label: true }),
  );
  const wrong = decodeUnpaired({ prompt: "p", completion: 1, lable: true }, { row: 0, line: 1 });
  assertEquals(wrong._tag === "Left" && wrong.left.map(({ sentence }) => sentence), [
    'Cannot read line 1 as field "lable" is unknown: did you mean "label"?',
    'Cannot read line 1 as field "completion" must be a string or a list of messages: current value is 1',
  ]);
});

Deno.test("readUnpaired() reads CSV, and makes a pair two rows", () => {
  const read = (text: string): unknown => {
    const result = readUnpaired(text);
    return result._tag === "Right" ? result.right.data : result.left;
  };
  assertEquals(read("prompt,completion,label\np,a,True\np,b,0\n"), [
    { id: "0", prompt: "p", completion: "a", label: true },
    { id: "1", prompt: "p", completion: "b", label: false },
  ]);
  assertEquals(read(lines({ id: "x", prompt: "p", chosen: "a", rejected: "b", weight: 2 })), [
    { id: "x:chosen", prompt: "p", completion: "a", label: true, weight: 2 },
    { id: "x:rejected", prompt: "p", completion: "b", label: false, weight: 2 },
  ]);
});

Deno.test("rows of a kind that a reader cannot use are refused in one sentence with a remedy", () => {
  const unpaired = { prompt: "p", completion: "a", label: true };
  const rule = "Cannot load pairs as every row must have a chosen and a rejected completion";
  const remedy = "put two completions of a prompt into one row";
  const fields = 'is unpaired, with "completion" and "label"';
  assertEquals(readPairs(lines(unpaired, unpaired)), inputFailure(`${rule}: line 1 ${fields}; ${remedy}`));
  assertEquals(readPairs("prompt,completion,label\np,a,1"), inputFailure(`${rule}: line 1 ${fields}; ${remedy}`));
  assertEquals(sentences(readUnpaired(lines({ prompt: "p", completions: ["a", "b"] }))), [
    'Cannot load unpaired rows as every row must have a completion and a label: line 1 is ranked, with "prompt" and ' +
    '"completions"; a ranking does not say which of its completions are good',
  ]);
});

Deno.test("wrong columns of CSV are one sentence, however many rows follow", () => {
  const rows = "a,b\n".repeat(100);
  assertEquals(sentences(readPairs(`chosen,answer\n${rows}`)), [
    'Cannot read line 1 as field "rejected" is missing: its fields are chosen, answer',
  ]);
  assertEquals(sentences(readPairs(`promt,choosen\n${rows}`, { name: "x.csv" })), [
    'Cannot read line 1 as field "promt" is unknown: did you mean "prompt"?; field "choosen" is unknown: did you mean ' +
    '"chosen"?; field "rejected" is missing: its fields are promt, choosen',
  ]);
  assertEquals(sentences(readPairs(`chosen,rejected,chosen\n${"a,b,c\n".repeat(9)}`)), [
    'Cannot read line 1 as every column needs a name of its own: "chosen" stands there twice',
  ]);
});

Deno.test("lines that are wrong in ten ways are all counted and named by their lines", () => {
  const good = '{"prompt": "p", "chosen": "a", "rejected": "b"}';
  const bad: readonly string[] = [
    '{"prompt": "p", "chosen": "a", "rejected": "b"',
    '{"prompt": "p", "chosen": "a"}',
    '{"prompt": "p", "chosen": 1, "rejected": "b"}',
    '{"prompt": "p", "chosen": "a", "rejected": "b", "label": 2}',
    '{"prompt": "p", "chosen": "a", "rejected": "b", "weight": -1}',
    '{"prompt": "p", "chosen": "a", "rejected": "b", "lable": 1}',
    '{"prompt": "", "chosen": "a", "rejected": "b"}',
    '{"chosen": "a", "rejected": "b"}',
    '{"prompt": "p", "chosen": [{"role": "bot", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]}',
    "prompt: p, chosen: a, rejected: b",
  ];
  const found = sentences(readPairs([good, ...bad, good].join("\n")));
  assertEquals(found[0], "Cannot load pairs as every row must be right: 10 of 12 are not");
  assertEquals(found.slice(1).map((one) => Number(/^Cannot read line (\d+) as /.exec(one)?.[1])), [
    ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  ]);
});

Deno.test("CSV with lists as Python prints them is refused with a word on JSON", () => {
  const cell = `[{'role': 'user', 'content': 'p'}]`;
  assertEquals(sentences(readPairs(`prompt,chosen,rejected\n"${cell}",a,b\n`)), [
    `Cannot read line 2 as field "prompt" must be text or JSON: it is a list as Python prints it, "${cell}"`,
  ]);
});

Deno.test("texts that are the same in other blanks are one prompt, and the same row again is counted", () => {
  const row = (prompt: unknown, chosen = "a"): unknown => ({ prompt, chosen, rejected: "b" });
  const read = readPairs(
    lines(row("two words"), row(" two\nwords "), row([{ role: "user", content: "two words" }], "c")),
  );
  const { prompts, repeated } = read._tag === "Right" ? read.right.report.source! : { prompts: 0, repeated: 0 };
  assertEquals([prompts, repeated], [1, 1]);
});

Deno.test("a row with two hundred thousand wrong messages, and one nested as deep, are refused like any other", () => {
  const messages = Array(200_000).fill({ role: "bot" });
  const found = sentences(readPairs(lines({ prompt: "p", chosen: messages, rejected: messages })));
  assertEquals([found.length, found[20]], [21, "… and 399,980 more like these"]);
  const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assertEquals(sentences(readPairs(`{"prompt": ${deep(100_000)}, "chosen": "a", "rejected": "b"}\n{}`)).length, 4);
  assertEquals(sentences(readPairs(`{"prompt": ${"[".repeat(1_000_000)}`)).length, 1);
});
