/** The README tells the truth: its example prints what it says, its links and names lead somewhere, its figures are held. */
import { assert, assertEquals } from "@std/assert";
import project from "../deno.json" with { type: "json" };
import * as library from "../mod.ts";
import readme from "../README.md" with { type: "text" };
import {
  codeBlock,
  evidenceIn,
  exportsIn,
  figuresIn,
  flagsIn,
  leadsOn,
  linksIn,
  pipelinesIn,
  promised,
  rowsUnder,
  tasksIn,
  unheld,
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
      const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null" }).output();
      const help: readonly string[] = new TextDecoder().decode(stdout).match(/--[\w-]+/g) ?? [];
      assertEquals(flags.filter((of) => of.path === path && !help.includes(of.flag)), []);
    }
  },
});

Deno.test({
  name: "every figure of an evidence block is one of its evidence file",
  ignore,
  fn: async () => {
    for (const { name, text } of evidenceIn(readme)) {
      const path = `tests/evidence/${name}.json`;
      if ((await missing([path])).length > 0) {
        assertEquals(figuresIn(text).map(({ shown }) => shown), [], `there is no ${path}`);
        assert(/not\s+measured\s+yet/.test(text), `the block ${name} must say that it is not measured yet`);
      } else {
        assertEquals(unheld(text, JSON.parse(await Deno.readTextFile(new URL(path, ROOT)))), []);
      }
    }
  },
});

Deno.test("the checks of the README see a wrong figure, a dead row, an unknown name and a changed output", async () => {
  const evidence = { win: 0.7312, seeds: [0, 1], kl: -0.85, pairs: 6000 };
  assertEquals(unheld("wins 73.1 % (73 %) of 6,000 at KL −0.85, `seed 7`, [x](y/9)", evidence), []);
  assertEquals(unheld("wins 73.2 % of 6,001 at KL 0.85, seed 2", evidence), ["73.2 %", "6,001", "0.85", "2"]);
  assert(!leadsOn("| PPO | soon | |") && !leadsOn("| PPO | not built yet (#4) |"));
  assert(leadsOn("| PPO | not built yet (rollouts and PPO) |"));
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
