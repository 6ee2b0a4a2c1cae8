/** The README tells the truth: its example prints what it says, its links and names lead somewhere, its figures are held. */
import { assert, assertEquals } from "@std/assert";
import project from "../deno.json" with { type: "json" };
import * as library from "../mod.ts";
import readme from "../README.md" with { type: "text" };
import { dpoBlock, type Run, withBlock, withEvidence } from "./evidence/readme_block.ts";
import {
  codeBlock,
  evidenceIn,
  exportsIn,
  flagsIn,
  leadsOn,
  linksIn,
  pipelinesIn,
  promised,
  rowsUnder,
  tasksIn,
  words,
} from "./readme.ts";

const ROOT = new URL("../", import.meta.url);
const ignore = (await Deno.permissions.query({ name: "read", path: ROOT })).state !== "granted";

/** Those of the paths, from the root, at which there is nothing. */
async function missing(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map((path) => Deno.stat(new URL(path, ROOT)).then(() => true, () => false)));
  return paths.filter((_, i) => !found[i]);
}

/** What a module prints while it is loaded. */
async function printed(code: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const { log } = console;
  console.log = (...values: unknown[]): void => void lines.push(values.map(String).join(" "));
  try {
    await import(`data:application/typescript,${encodeURIComponent(code)}`);
  } finally {
    console.log = log;
  }
  return lines;
}

Deno.test("the README's example prints what its comments say, to the digits they show", async () => {
  const code = codeBlock(readme, "ts");
  const lines = await printed(code);
  const expected = promised(code);
  assert(expected.length > 0 && code.trimEnd().split("\n").length <= 12, "the example prints something and is short");
  const figures = (texts: readonly string[]): readonly number[] => texts.map((text) => Number(text.replace("−", "-")));
  const digits = expected.map((text) => text.split(".")[1]?.length ?? 0);
  assertEquals(
    figures(lines).map((x, i) => Number(x.toFixed(digits[i]))),
    figures(expected),
  );
});

Deno.test("every function that the README names is exported by mod.ts", () => {
  assertEquals(exportsIn(readme).map(({ name }) => name).filter((name) => !(name in library)), []);
});

Deno.test("every task that the README names exists, and the map says where each row leads", () => {
  assertEquals(tasksIn(readme).filter((name) => !(name in project.tasks)), []);
  const rows = rowsUnder(readme, "Map of the course");
  assert(rows.length > 20, `the map has only ${rows.length} rows`);
  assertEquals(rows.filter((row) => !leadsOn(row)), []);
});

Deno.test({
  name: "no link of the README is dead, and a name stands in the file it links to",
  ignore,
  fn: async () => {
    assertEquals(await missing([...linksIn(readme), ...pipelinesIn(readme)]), []);
    for (const { name, path } of exportsIn(readme)) {
      const text = await Deno.readTextFile(new URL(path, ROOT));
      assert(new RegExp(`export (async )?(function\\*?|const) ${name}\\b`).test(text), `${path} exports no ${name}`);
    }
  },
});

Deno.test({
  name: "every flag that the README gives a pipeline is in its --help",
  ignore: (await Deno.permissions.query({ name: "run", command: Deno.execPath() })).state !== "granted",
  fn: async () => {
    const flags = flagsIn(readme);
    assert(flags.length > 0, "the README gives no flag");
    for (const path of new Set(flags.map((of) => of.path))) {
      const args = ["run", path, "--help"];
      const ended = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null" }).output();
      const [said, complaint] = [ended.stdout, ended.stderr].map((bytes) => new TextDecoder().decode(bytes));
      assertEquals(ended.code, 0, complaint);
      const help: readonly string[] = said?.match(/--[\w-]+/g) ?? [];
      assertEquals(flags.filter((of) => of.path === path && !help.includes(of.flag)), []);
    }
  },
});

Deno.test({
  name:
    "the README says of the main job, of PPO, the reward model, speed and kernels what their evidence says, figure by figure",
  ignore,
  fn: async () => {
    assertEquals(evidenceIn(readme).map(({ name }) => name), ["dpo", "ppo", "reward", "speed", "kernels"]);
    const read = (name: string): Promise<string> => Deno.readTextFile(new URL(`tests/evidence/${name}`, ROOT));
    assertEquals(words(readme), words(await withEvidence(readme, read)));
  },
});

Deno.test("the checks of the README see a dead row, an unknown name and a changed output", async () => {
  assert(!leadsOn("| PPO | soon | |") && leadsOn("| PPO | [`ppoLoss`](lib/losses/ppo.ts) |"));
  assertEquals(rowsUnder("## Map\n\n| a |\n|---|\n| b |\n\ntext\n\n| c |\n|---|\n| d |\n\n## Next\n| e |", "Map"), [
    "| b |",
    "| d |",
  ]);
  assertEquals(exportsIn("[`dpoloss`](lib/losses/dpo.ts)").filter(({ name }) => name in library).length, 0);
  assertEquals(flagsIn("`deno run -R pipelines/dpo.ts --data x.jsonl --json` or `--out`"), [
    { path: "pipelines/dpo.ts", flag: "--data" },
    { path: "pipelines/dpo.ts", flag: "--json" },
  ]);
  assertEquals(await printed("console.log(1 + 1);"), ["2"]);
  assertEquals(promised("console.log(x); // 0.6238 as\n"), ["0.6238"]);
});

/** A made-up run whose figures all follow from one. */
function madeUp(seed: number, after: number): Run {
  const gold = (x: number): Run["gold"]["before"] => ({ helpful: x, harmless: x, honest: x, mean: x });
  const at = (estimate: number): { readonly estimate: number } => ({ estimate });
  return {
    seed,
    world: 0,
    gold: { before: gold(0.2), after: gold(after) },
    winRate: { estimate: after, n: 600, ceiling: 0.9 },
    accuracy: { heldOut: at(0.7), shorterWins: at(0.5), bayes: 0.8 },
    kl: at(0.85),
    rates: { overRefusal: { before: 0.1, after: 0.05 } },
    controls: {
      bestConstant: at(0.55),
      sharpened: at(0.5),
      sftOnChosen: at(0.5),
      shuffledLabels: at(0.5),
      flippedLabels: at(0.4),
    },
  };
}

Deno.test("the block of the main job holds medians and extremes over its runs, and a figure changed by hand is seen", () => {
  const block = dpoBlock({ command: "c", rows: [madeUp(0, 0.6), madeUp(1, 0.7), madeUp(2, 0.66), madeUp(3, 0.68)] });
  assert(block.includes("Over 4 seeds and 1 draws of 600"));
  assert(block.includes("| honest | 0.20 (0.20 … 0.20) | 0.67 (0.60 … 0.70) |"));
  assert(block.includes("| **DPO** | 67.0 % (60.0 % … 70.0 %) | 42.5 % (25.0 % … 50.0 %) |"));
  assert(block.includes("| DPO on flipped labels | 40.0 % (40.0 % … 40.0 %) | -25.0 % (-25.0 % … -25.0 %) |"));
  const readme = withBlock("a\n<!-- evidence:dpo -->\nold\n<!-- /evidence -->\nb", "dpo", block);
  const [held] = evidenceIn(readme);
  assertEquals(words(held?.text as string), words(block));
  assertEquals(words("| a | b |\n|---|---|"), words("|  a  | b |\n| --- | :-: |".replace(":-:", "---")));
  assert(words(block.replace("0.67", "0.68")) !== words(block));
});
