/** Scores of completions under a model, through the command line. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { encodePair, exampleOf, logpsOf, modelFiles, type Pair } from "../../mod.ts";
import { score, settings } from "../../pipelines/score.ts";
import { scoreSummary } from "../../pipelines/score_summary.ts";
import { worldPolicy } from "../../fixtures/world/shipped.ts";
import raw from "../../fixtures/world/pairs.json" with { type: "json" };
import { scoreSizes } from "../../pipelines/sizes.ts";
import { type Printed, printed } from "./command_line.ts";

const SHARED = "../shared/reference/trl";
const granted = (await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name }))))
  .every(({ state }) => state === "granted");
const shared = granted && await Deno.stat(SHARED).then(() => true, () => false);

const use = (line: string): Promise<Printed> =>
  printed(
    { pipelineOf: score, settings, summary: scoreSummary, sizes: scoreSizes },
    ...line.split(" ").filter((word) => word !== ""),
    "--quiet",
  );

interface Reply {
  readonly logp: number;
  readonly tokens: readonly number[];
}
type Row = { readonly id: string } & Readonly<Record<"chosen" | "rejected" | "completion", Reply>>;

const rowsOf = ({ code, out, err }: Printed): readonly Row[] => {
  assertEquals([code, err], [0, ""]);
  return JSON.parse(out).rows;
};

/** The rows of a file of these rows, scored by flags. */
async function scored(rows: readonly unknown[], flags: string): Promise<Printed> {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeTextFile(file, rows.map((row) => JSON.stringify(row)).join("\n"));
    return await use(`--data ${file} ${flags}`);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("score without a flag gives the log-probs of the world's pairs, and they are those of logps()", async () => {
  const rows = rowsOf(await use("--json --pairs 30"));
  assertEquals([rows.length, Object.keys(rows[0]!)], [30, ["id", "chosen", "rejected"]]);
  const { policy, config, tokenizer } = worldPolicy();
  for (const { id, chosen, rejected } of rows) {
    const [prompt, a, b] = raw[Number(id)] as [string, string, string];
    const pair: Pair = { id, prompt, chosen: a, rejected: b };
    const [x, y] = logpsOf(policy, config, [exampleOf(encodePair(tokenizer, pair))]);
    const both = [chosen.logp, rejected.logp].sort(), expected = [x, y].sort();
    both.forEach((logp, i) => assertAlmostEquals(logp, expected[i]!, 1e-6 + 1e-6 * Math.abs(logp)));
    for (const { logp, tokens } of [chosen, rejected]) {
      assertAlmostEquals(tokens.reduce((s, t) => s + t, 0), logp, 1e-12);
      assert(tokens.every((t) => t <= 0));
    }
  }
});

Deno.test("score's table shows twenty rows, says how many more there are, and how often chosen is the likelier", async () => {
  const { code, out } = await use("--pairs 23");
  assertEquals(code, 0);
  assertEquals(out.split("\n").filter((line) => / (chosen|rejected) +\d/.test(line)).length, 40);
  assert(out.includes("… and 3 more rows: --json has them all, token by token"), out);
  assert(/chosen is the likelier +\d+\.\d % \[.*n = 23/.test(out), out);
});

Deno.test("score --explain foretells the memory of scoring, without a model of the user's as with one", async () => {
  const { code, out } = await use("--explain --json --pairs 5");
  assertEquals(code, 0);
  const { memory, stages } = JSON.parse(out);
  assertEquals(memory.map(({ part, numbers }: { part: string; numbers: number }) => [part, numbers]), [
    ["rows", null],
    ["policy", 610_176],
  ]);
  assertEquals(stages.map(({ stage }: { stage: string }) => stage).slice(1), [
    ...["loadReplies", "loadPolicy", "tokenizeReplies", "replyLogps"],
  ]);
});

Deno.test({
  name: "texts, ids, single completions and rankings of the same replies have the same scores, in order and named",
  ignore: !granted,
  fn: async () => {
    const { tokenizer } = worldPolicy();
    const pairs = raw.slice(0, 9).map(([prompt, chosen, rejected], i) =>
      ({ id: `r${i}`, prompt, chosen, rejected }) as Pair
    );
    const ids = pairs.map((pair) => {
      const { prompt, chosen, rejected } = encodePair(tokenizer, pair);
      return { id: pair.id, prompt_ids: [...prompt], chosen_ids: [...chosen], rejected_ids: [...rejected] };
    });
    const texts = rowsOf(await scored(pairs, "--json"));
    assertEquals(texts.map(({ id }) => id), pairs.map(({ id }) => id));
    assertEquals(rowsOf(await scored(ids, "--json")), texts);
    const single = pairs.map(({ id, prompt, chosen }) => ({ id, prompt, completion: chosen }));
    const completions = rowsOf(await scored(single, "--json"));
    assertEquals(Object.keys(completions[0]!), ["id", "completion"]);
    completions.forEach(({ completion }, i) => assertEquals(completion, texts[i]!.chosen));
    const singleIds = ids.map(({ id, prompt_ids, chosen_ids }) => ({ id, prompt_ids, completion_ids: chosen_ids }));
    assertEquals(rowsOf(await scored(singleIds, "--json")), completions);
    const labelled = single.map((row) => ({ ...row, label: true }));
    assertEquals(rowsOf(await scored(labelled, "--json")), completions);
    const ranked = pairs.map(({ id, prompt, chosen, rejected }) => ({ id, prompt, completions: [chosen, rejected] }));
    assertEquals(rowsOf(await scored(ranked, "--json")).map(({ chosen }) => chosen), texts.map(({ chosen }) => chosen));
  },
});

Deno.test({
  name: "score with --model reads a model's folder, and keeps its scores in --out",
  ignore: !granted,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    await Deno.mkdir(`${folder}/model`);
    for (const [name, content] of Object.entries(modelFiles(worldPolicy()))) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : ReadableStream.from(content);
      await Deno.writeFile(`${folder}/model/${name}`, bytes as ReadableStream<Uint8Array>);
    }
    const rows = rowsOf(await use(`--model ${folder}/model --pairs 5 --json --out ${folder}/run`));
    assertEquals(rows, rowsOf(await use("--pairs 5 --json")));
    assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/run/summary.json`)).rows, rows);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "score refuses rows beyond the context by name, or leaves them out and says so; and rows of other kinds",
  ignore: !granted,
  fn: async () => {
    const rows = [
      { id: "short", prompt_ids: [1], completion_ids: [2, 3] },
      { id: "long", prompt_ids: [1, 2, 3], completion_ids: [4, 5, 6, 7, 8, 9] },
    ];
    const refused = await scored(rows, "--context 8");
    assertEquals([refused.code, refused.err], [
      2,
      "Cannot use row long as prompt and completion must fit a context of 8 tokens: they have 9\n" +
      "Choose what to do: overflow drop leaves such rows out\n",
    ]);
    const dropped = await scored(rows, "--context 8 --overflow drop");
    assert(dropped.out.includes("1 of 2 rows kept, 1 dropped, 0 truncated."), dropped.out);
    assertEquals((await scored(rows, "--context 2 --overflow drop")).code, 2);
    const strange = await scored([{ id: "a", question: "x", answer: "y" }], "");
    assertEquals([strange.code, strange.err.split("\n")[0]?.slice(0, 60)], [
      2,
      'Cannot read line 1 as field "chosen" is missing: its fields ',
    ]);
    assertEquals((await scored([{ prompt_ids: [1], completion_ids: [] }], "")).code, 2);
    const beyond = await scored([{ prompt_ids: [1], completion_ids: [9999] }], "");
    assertEquals(
      beyond.err,
      "Cannot use row 0 as every id must be below 512, the size of the model's vocabulary: completion has 9999\n",
    );
  },
});

Deno.test({
  name: "shared reference: score has the log-probs of all 64 pairs under TRL's first and last weights",
  ignore: !shared,
  fn: async () => {
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${SHARED}/${name}`));
    type Logps = Readonly<Record<"initial" | "final", Readonly<Record<"chosen" | "rejected", readonly number[]>>>>;
    const { logps_of_all_pairs: expected } = await read("dpo_sigmoid.json") as { logps_of_all_pairs: Logps };
    const { pairs } = await read("preferences.json") as { pairs: Record<"prompt" | "chosen" | "rejected", number[]>[] };
    const rows = pairs.map(({ prompt, chosen, rejected }) => (
      { prompt_ids: prompt, chosen_ids: chosen, rejected_ids: rejected }
    ));
    const folder = await Deno.makeTempDir();
    await Deno.copyFile(`${SHARED}/model/config.json`, `${folder}/config.json`);
    await Deno.copyFile(`${SHARED}/dpo_sigmoid.final.safetensors`, `${folder}/model.safetensors`);
    for (const [when, model] of [["initial", `${SHARED}/model`], ["final", folder]] as const) {
      const found = rowsOf(await scored(rows, `--json --model ${model}`));
      assertEquals(found.length, 64);
      for (const side of ["chosen", "rejected"] as const) {
        found.forEach((row, i) => {
          assertLess(
            Math.abs(row[side].logp - expected[when][side][i]!),
            when === "initial" ? 1e-3 : 5e-3,
            `${side} ${i}`,
          );
          assertEquals(row[side].tokens.length, pairs[i]![side].length);
        });
      }
    }
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "score says of labels, margins and weights that they were not read",
  ignore: !granted,
  fn: async () => {
    const pair = { prompt: "Who bakes?", chosen: "Nora.", rejected: "No idea." };
    const { out } = await scored([{ ...pair, margin: 2, weight: 3 }, { ...pair, chosen: "Ned.", weight: 1 }], "");
    assertStringIncludes(out, 'Field "margin" of 1 row was not read.\nField "weight" of 2 rows was not read.');
    const single = await scored([{ prompt: "Who bakes?", completion: "Nora.", label: true, weight: 0 }], "");
    assertStringIncludes(single.out, 'Field "label" of 1 row was not read.\nField "weight" of 1 row was not read.');
  },
});
