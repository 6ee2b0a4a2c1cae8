import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { overflowingRows } from "../../lib/diagnosis/context.ts";
import { diagnosePairs, type Finding, readPairs, readText } from "../../mod.ts";
import { FAULTS, HEALTHY, N, type Planted, type Raw, TELLING } from "./planted.ts";

/** What is found in rows, through JSON lines and back. */
function found({ rows, options }: Pick<Planted, "rows" | "options">): readonly Finding[] {
  const loaded = readPairs(rows.map((row) => JSON.stringify(row)), { mostDropped: 1 });
  assert(loaded._tag === "Right", JSON.stringify(loaded));
  return diagnosePairs(loaded.right, options);
}

const told = (findings: readonly Finding[]): string =>
  findings.map(({ kind, sentence }) => `${kind}: ${sentence}`).join("\n");

Deno.test("diagnosePairs() finds nothing in healthy pairs, whatever it is asked to look at", () => {
  assertEquals(told(found({ rows: HEALTHY })), "");
  assertEquals(told(found({ rows: TELLING })), "");
  assertEquals(told(found({ rows: HEALTHY.slice(0, 20) })), "");
  const against = HEALTHY.slice(400).map((row, i) => ({ ...row, id: `${i}`, prompt: row.prompt as string }));
  const fit = { context: 64, tokensOf: (text: string): number => text.length / 4 };
  assertEquals(told(found({ rows: HEALTHY.slice(0, 400), options: { against, fit } })), "");
});

Deno.test("at least twenty faults are planted", () => assert(Object.keys(FAULTS).length >= 20));

for (const [name, fault] of Object.entries(FAULTS)) {
  Deno.test(`diagnosePairs() finds ${name}: ${fault.kind}, in the right rows`, () => {
    const all = found(fault);
    const named = all.filter(({ kind }) => kind === fault.kind).flatMap(({ rows }) => rows);
    const numbers = [...new Set(named)].map((id) => Number(id.replace("r", ""))).sort((a, b) => a - b);
    const planted = fault.found.toSorted((a, b) => a - b);
    const both = numbers.filter((row) => planted.includes(row));
    if (fault.how === "mostly") assert(both.length >= 0.85 * Math.max(planted.length, numbers.length), told(all));
    else assertEquals(fault.how === "among" ? both : numbers, planted, told(all));
    for (const { count, rows } of all) assertEquals(count, rows.length);
  });
}

Deno.test("diagnosePairs() names the worst first", () => {
  const rows = [...HEALTHY, { ...HEALTHY[3]!, chosen: `${HEALTHY[3]!.chosen}<|im_end|>` }, HEALTHY[7]!];
  const all = found({ rows: rows.map((row, i): Raw => i === 9 ? { ...row, rejected: "" } : row) });
  assertEquals(all.map(({ severity, kind, rows }) => [severity, kind, ...rows]), [
    ["error", "template-debris", `${N}`],
    ["warning", "empty", "9"],
    ["note", "near-duplicate", `${N + 1}`],
  ]);
});

const file = "../shared/data/hh-rlhf-harmless-test.jsonl.gz";
const readable = (await Deno.permissions.query({ name: "read", path: file })).state === "granted";
const there = readable && await Deno.stat(file).then(() => true, () => false);

Deno.test({
  name: "hh-rlhf harmless test: 5 dialogues that part early, 4 empty replies, and the shorter reply chosen in 55.5 %",
  ignore: !there,
  fn: async () => {
    const text = await readText(file);
    assert(text._tag === "Right");
    const loaded = readPairs(text.right, { mostDropped: 1 });
    assert(loaded._tag === "Right");
    const all = diagnosePairs(loaded.right);
    const named = (kind: string): readonly (readonly string[])[] =>
      all.filter((one) => one.kind === kind).map(({ rows }) => rows);
    assertEquals(named("odd-dialogue")[0], ["1254", "1688", "1950", "1952", "2036"]);
    assert(named("empty").some((rows) => rows.join() === "86,516,925,1103"));
    const bias = all.find(({ kind }) => kind === "length-bias");
    assertEquals(bias?.count, 1271); // counted apart in Python, as in tests/data/load_test.ts
    assertStringIncludes(bias?.sentence ?? "", "The shorter reply is chosen in 55.5 % (53.4 to 57.5) of 2,292 pairs");
  },
});

Deno.test("pairs that a chat template refuses are found, and the others measured by the model's own lengths", () => {
  const pairs = ["a", "b", "c"].map((prompt, i) => ({
    id: String(i),
    prompt,
    chosen: `${prompt} yes`,
    rejected: "no",
  }));
  const lengths = { a: { prompt: 5, chosen: 4, rejected: 6 }, b: undefined, c: { prompt: 5, chosen: 4, rejected: 5 } };
  const findings = overflowingRows(pairs, { context: 10, lengthsOf: ({ prompt }) => lengths[prompt as "a"] });
  assertEquals(findings.map(({ kind, rows, sentence }) => [kind, rows, sentence]), [
    [
      "context",
      ["0"],
      "1 row (33.3 %) has more than 10 tokens with their longer reply; in 1 only one reply is too long, so cutting would change what is compared.",
    ],
    ["chat-template", ["1"], "1 row (33.3 %) has messages that the model's chat template refuses."],
  ]);
});
