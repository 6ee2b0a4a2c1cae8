import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Pair } from "../../lib/data/pair.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { inputFailure, right } from "../../lib/result.ts";
import { loadPairs, type PairSource } from "../../lib/stages/load_pairs.ts";
import { uniform } from "../../lib/tensor/random.ts";
import { finished } from "./tiny.ts";

const pairs: readonly Pair[] = Array.from({ length: 40 }, (_, i) => (
  { id: `${i}`, prompt: `prompt ${i % 20}`, chosen: "yes", rejected: "no" }
));
const report = {
  rows: 41,
  kept: 40,
  dropped: [{ reason: "identical", ids: ["7"] }],
  truncated: [],
  unread: [],
} as const;
const source: PairSource = () => right({ data: pairs, report });
const names = (list: readonly Pair[]): readonly string[] => list.map(({ id }) => id);

Deno.test("loadPairs() holds out the share of prompts that is asked for, with all their pairs, and passes the report on", async () => {
  const { state } = await finished(loadPairs(source, { heldOut: 0.25 }), {});
  assertEquals([state.pairs.length, state.heldOutPairs.length], [30, 10]);
  assertEquals(new Set(state.heldOutPairs.map(({ prompt }) => prompt)).size, 5);
  assertEquals(state.pairs.filter((pair) => state.heldOutPairs.some(({ prompt }) => prompt === pair.prompt)), []);
  assertEquals(state.report, report);
});

Deno.test("loadPairs() holds out a tenth by default; the seed says which", async () => {
  const held = async (seed: number) => names((await finished(loadPairs(source), {}, { seed })).state.heldOutPairs);
  assertEquals((await held(1)).length, 4);
  assertEquals(await held(1), await held(1));
  assertNotEquals(await held(1), await held(2));
});

Deno.test("loadPairs() gives its source a key of its own, the same for the same seed", async () => {
  const drawn: number[] = [];
  const drawing: PairSource = (key) => {
    drawn.push(...uniform(key, 1));
    return Promise.resolve(right({ data: pairs, report }));
  };
  for (const seed of [1, 1, 2]) await finished(loadPairs(drawing), {}, { seed });
  assertEquals(drawn[0], drawn[1]);
  assertNotEquals(drawn[0], drawn[2]);
});

Deno.test("a source that fails ends the run with its sentences and the stage's name", async () => {
  const failing: PairSource = () => inputFailure("Cannot read pairs.jsonl as it must exist");
  const ended = await finish(run(loadPairs(failing), { seed: 0, given: {} }));
  assert(ended._tag === "Left");
  assertEquals(ended.left, {
    kind: "input",
    sentences: ["Cannot read pairs.jsonl as it must exist"],
    path: ["loadPairs"],
  });
});
