import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodePair, type PairRow } from "../../lib/data/token_pair.ts";
import { reportText } from "../../lib/data/report.ts";
import type { Tokenizer } from "../../lib/data/tokenizer.ts";
import type { Overflow } from "../../lib/data/overflow.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { tokenize } from "../../lib/stages/tokenize.ts";
import { config, ended, finished, tokenizer } from "./tiny.ts";

/** A pair of a prompt of `length` characters, so `length` + 2 tokens, and completions of 5 and 3 tokens. */
const pairOf = (length: number, id: string) => ({ id, prompt: "p".repeat(length), chosen: "abcd", rejected: "ab" });
const short = Array.from({ length: 30 }, (_, i) => pairOf(3, `short ${i}`));
const report = {
  rows: 33,
  kept: 32,
  dropped: [{ reason: "identical", ids: ["x"] }],
  truncated: [],
  unread: [],
} as const;

/** A context that the prompt of 3 fits: 5 + 5 = 10 of 12 tokens; the prompt of 6 does not: 8 + 5. */
const given = {
  config: { ...config, contextLength: 12 },
  tokenizer,
  pairs: [...short, pairOf(6, "long")],
  heldOutPairs: [pairOf(3, "held")],
  report,
};
const refused = async (overflow: Overflow | undefined, pairs = given.pairs) => {
  const result = await finish(run(tokenize({ overflow }), { seed: 0, given: { ...given, pairs } }));
  assert(result._tag === "Left");
  return result.left;
};

Deno.test("tokenize() encodes both sides and lets the report go on counting what is dropped", async () => {
  const { rows, heldOutRows, report } = (await finished(tokenize({ overflow: "drop" }), given)).state;
  assertEquals(rows.map(({ id }) => id), short.map(({ id }) => id));
  assertEquals(rows[0]?.chosen, ended("abcd"));
  assertEquals(heldOutRows[0]?.prompt, encodePair(tokenizer, pairOf(3, "held")).prompt);
  assertEquals(heldOutRows.map(({ id }) => id), ["held"]);
  assertEquals(report.dropped, [{ reason: "identical", ids: ["x"] }, { reason: "overlong", ids: ["long"] }]);
  assertEquals([report.rows, report.kept], [33, 31]);
});

Deno.test("tokenize() cuts as it is told, and says which rows", async () => {
  const cut = async (overflow: Overflow) => {
    const { rows, report } = (await finished(tokenize({ overflow }), given)).state;
    const { prompt, chosen, rejected } = rows.at(-1) as NonNullable<typeof rows[0]>;
    return { lengths: [prompt.length, chosen.length, rejected.length], truncated: report.truncated };
  };
  assertEquals(await cut("keepEnd"), { lengths: [7, 5, 3], truncated: [{ reason: "promptStart", ids: ["long"] }] });
  assertEquals(await cut("keepStart"), { lengths: [8, 4, 3], truncated: [{ reason: "completionEnd", ids: ["long"] }] });
});

Deno.test("tokenize() without a policy drops one row in twenty, and refuses to start when more would go", async () => {
  const { state } = await finished(tokenize(), { ...given, report: { ...report, rows: 32, dropped: [] } });
  assertEquals(state.report.dropped, [{ reason: "overlong", ids: ["long"] }]);
  const stopped = await refused(undefined, [...given.pairs, pairOf(7, "longer")]);
  assertEquals([stopped.kind, stopped.path], ["input", ["tokenize"]]);
  assertStringIncludes(stopped.sentences[0] as string, "Choose what to do: overflow drop, keepStart, keepEnd");
});

Deno.test("tokenize() with overflow error names every row that does not fit", async () => {
  const { sentences } = await refused("error");
  assertStringIncludes(sentences[0] as string, "all must fit a context of 12 tokens: 1 do not");
  assertStringIncludes(sentences.slice(1).join(), "row long");
});

const ids = (...values: readonly number[]): Int32Array => Int32Array.from(values);
const rowOf = (id: string, ...values: readonly number[]) => (
  { id, prompt: ids(1, 2), chosen: ids(3, ...values), rejected: ids(4) }
);

Deno.test("tokenize() leaves pairs of token ids as they are, with a tokenizer or without", async () => {
  const pairs = [rowOf("a", 258), { ...rowOf("b"), label: 0.75 }];
  for (const own of [tokenizer, { idCount: 259, ends: [258] }]) {
    const { rows } = (await finished(tokenize(), { ...given, pairs, heldOutPairs: [], tokenizer: own })).state;
    assertEquals(rows.map(({ id, chosen, label }) => [id, chosen, label]), [
      ["a", ids(3, 258), undefined],
      ["b", ids(3), 0.75],
    ]);
  }
});

Deno.test("tokenize() refuses ids beyond the vocabulary, naming rows and ids, and texts without a tokenizer", async () => {
  const sentences = async (pairs: readonly PairRow[], own: Tokenizer = tokenizer): Promise<readonly string[]> => {
    const result = await finish(run(tokenize(), { seed: 0, given: { ...given, pairs, tokenizer: own } }));
    return result._tag === "Left" ? result.left.sentences : [];
  };
  const rule = "as every id must be below 259, the size of the model's vocabulary";
  assertEquals(await sentences([rowOf("a", 259), rowOf("b"), { ...rowOf("c", 999), prompt: ids(300) }]), [
    `Cannot use row a ${rule}: chosen has 259`,
    `Cannot use row c ${rule}: prompt has 300, chosen has 999`,
  ]);
  assertEquals(
    (await sentences(Array.from({ length: 25 }, (_, i) => rowOf(`${i}`, 400)))).at(-1),
    "… and 5 more like these",
  );
  assertEquals(await sentences([rowOf("a"), pairOf(3, "b")], { idCount: 259, ends: [] }), [
    "Cannot use row b as the model came without a tokenizer: put its tokenizer.json beside it, or give rows of " +
    "prompt_ids, chosen_ids and rejected_ids",
  ]);
});

Deno.test("tokenize() leaves out rows of weight 0 on both sides and names them, however many they are", async () => {
  const pairs = short.map((pair, i) => ({ ...pair, weight: i < 20 ? 0 : 2 }));
  const heldOutPairs = [pairOf(3, "held"), { ...pairOf(3, "mute"), weight: 0 }];
  const counted = { ...report, rows: 32, kept: 32, dropped: [] };
  const { state } = await finished(tokenize(), { ...given, pairs, heldOutPairs, report: counted });
  assertEquals([state.rows.length, state.rows[0]?.weight], [10, 2]);
  assertEquals(state.heldOutRows.map(({ id }) => id), ["held"]);
  const ids = [...pairs.slice(0, 20).map(({ id }) => id), "mute"];
  assertEquals([state.report.kept, state.report.dropped], [11, [{ reason: "weightless", ids }]]);
  assertStringIncludes(reportText(state.report), "21 rows dropped as their weight is 0: rows short 0, ");
  const nothing = { ...given, pairs: pairs.slice(0, 20), heldOutPairs: [], report: counted };
  const refused = await finish(run(tokenize(), { seed: 0, given: nothing }));
  assert(refused._tag === "Left");
  assertStringIncludes(refused.left.sentences[0] as string, "Cannot use rows by their weight as at least one row must");
});
