/** The house keeps its plan: `rooms.ts` says what it is. */
import { assert, assertEquals } from "@std/assert";
import project from "../deno.json" with { type: "json" };
import { besidesExports, faultsOf, importsOf, mayImport, shapeFaults, type Source } from "./rooms.ts";

const ROOT = new URL("../", import.meta.url);
const ignore = (await Deno.permissions.query({ name: "read", path: ROOT })).state !== "granted";

/** All TypeScript files under a folder of the project. */
async function sourcesIn(folder: string): Promise<readonly Source[]> {
  const found: Source[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    const path = folder + name;
    if (isDirectory) found.push(...await sourcesIn(`${path}/`));
    else if (name.endsWith(".ts")) found.push({ path, text: await Deno.readTextFile(new URL(path, ROOT)) });
  }
  return found;
}

const library = async (): Promise<readonly Source[]> =>
  (await Promise.all(["lib/", "pipelines/", "fixtures/"].map(sourcesIn))).flat();

Deno.test({
  name: "lib, pipelines and fixtures import along the arrows, and say no word of another room",
  ignore,
  fn: async () => {
    const sources = await library();
    assert(sources.length > 60, `only ${sources.length} files were found`);
    assertEquals(sources.flatMap(faultsOf), []);
  },
});

Deno.test({
  name: "every test and bench has a telling name and at most 300 lines",
  ignore,
  fn: async () => assertEquals((await sourcesIn("tests/")).flatMap(shapeFaults), []),
});

Deno.test({
  name: "mod.ts is the export list, nothing else",
  ignore,
  fn: async () => {
    const text = await Deno.readTextFile(new URL("mod.ts", ROOT));
    assertEquals(besidesExports(text), "");
    assertEquals(importsOf(text).filter((to) => !mayImport("mod.ts", to.slice(2))), []);
  },
});

Deno.test({
  name: "the three files a reader opens first have at most 150 lines together",
  ignore,
  fn: async () => {
    const files = ["pipelines/dpo.ts", "lib/losses/dpo.ts", "tests/losses/dpo_test.ts"];
    const texts = await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, ROOT))));
    const lines = texts.map((text) => text.split("\n").length - 1);
    assert(lines.reduce((a, b) => a + b) <= 150, `${files} have ${lines} lines`);
  },
});

Deno.test({
  name: "every pipeline can be run from the package by its name",
  ignore,
  fn: async () => {
    const programs = (await sourcesIn("pipelines/")).filter(({ text }) => text.includes("import.meta.main"));
    const names = programs.map(({ path }) => path.replace(/^pipelines\/|\.ts$/g, "")).sort();
    const { ".": library, ...others } = project.exports;
    assertEquals(library, "./mod.ts");
    assertEquals(others, Object.fromEntries(names.map((name) => [`./${name}`, `./pipelines/entry/${name}.ts`])));
  },
});

const fault = (path: string, text: string): readonly string[] => faultsOf({ path, text });

Deno.test("the plan refuses an arrow between algorithms, upwards, out of the library and past mod.ts", () => {
  const wrong = [
    ["lib/losses/dpo.ts", "../model/logps.ts"],
    ["lib/optim/adamw.ts", "../losses/sft.ts"],
    ["lib/kernels/reference.ts", "../tensor/tensor.ts"],
    ["lib/kernels/wasm/gemm.ts", "../../tensor/tensor.ts"],
    ["lib/flow/run.ts", "../stages/dpo_update.ts"],
    ["lib/flow/run.ts", "../grad/ops.ts"],
    ["lib/stages/load_pairs.ts", "../io/files.ts"],
    ["lib/result.ts", "./tensor/tensor.ts"],
    ["lib/result.ts", "./grad/ops.ts"],
    ["lib/nearest.ts", "./data/field.ts"],
    ["lib/data/pair.ts", "../../fixtures/world/gold.ts"],
    ["lib/data/pair.ts", "../../mod.ts"],
    ["lib/attic/x.ts", "../tensor/tensor.ts"],
    ["pipelines/dpo.ts", "../lib/losses/dpo.ts"],
    ["fixtures/world/gold.ts", "../../lib/tensor/random.ts"],
    ["fixtures/world/gold.ts", "../../pipelines/sft.ts"],
    ["lib/data/pair.ts", "@std/cli"],
    ["lib/data/pair.ts", "npm:lodash"],
    ["lib/data/pair.ts", "node:worker_threads"],
    ["fixtures/world/gold.ts", "@fp-ts/core/Either"],
  ] as const;
  for (const [path, to] of wrong) {
    assertEquals(fault(path, `import { x } from "${to}";\n`).length, 1, `${path} → ${to}`);
  }
  assertEquals(fault("lib/losses/dpo.ts", `export type {\n  X,\n} from "../model/logps.ts";\n`), [
    "lib/losses/dpo.ts must not import lib/model/logps.ts",
  ]);
  assertEquals(fault("lib/losses/dpo.ts", `import "../model/logps.ts";\n`).length, 1);
  assertEquals(fault("lib/losses/dpo.ts", `const x = await import("../model/logps.ts");\n`).length, 1);
});

Deno.test("the plan allows the arrows of the design, an example in a comment, and result.ts to all", () => {
  assertEquals(
    fault("lib/grad/ops.ts", `import { right } from "../result.ts";\nconst help = "learnt from";\nf("");\n`),
    [],
  );
  const right = [
    ["lib/losses/dpo.ts", "../tensor/tensor.ts"],
    ["lib/losses/dpo.ts", "./sft.ts"],
    ["lib/kernels/wasm/gemm.ts", "../kernels.ts"],
    ["lib/stages/dpo_update.ts", "../losses/dpo.ts"],
    ["lib/kernels/reference.ts", "../result.ts"],
    ["lib/data/load.ts", "@fp-ts/core/Either"],
    ["lib/kernels/wasm/team.ts", "node:worker_threads"],
    ["pipelines/dpo.ts", "../mod.ts"],
    ["pipelines/main.ts", "@std/cli"],
    ["fixtures/world/gold.ts", "../../mod.ts"],
    ["fixtures/make.ts", "../pipelines/sft.ts"],
  ] as const;
  for (const [path, to] of right) assertEquals(fault(path, `import { x } from "${to}";\n`), []);
  const comment = `/**\n * import { x } from "../model/x.ts"; Deno.exit()\n */\n// import "npm:y"\n`;
  assertEquals(fault("lib/losses/dpo.ts", comment), []);
});

Deno.test("the plan refuses words outside their rooms, long files and names that say nothing", () => {
  assertEquals(fault("lib/flow/run.ts", "const u = `/* ${Deno.args}`;\n"), ["lib/flow/run.ts must not say Deno"]);
  assertEquals(fault("lib/flow/run.ts", "console.log(Math.random(), Date.now());\n").length, 3);
  assertEquals(fault("pipelines/main.ts", "console.log(Math.random());\n"), [
    "pipelines/main.ts must not say Math.random",
  ]);
  assertEquals(fault("lib/io/files.ts", "await Deno.readFile(path);\n"), []);
  assertEquals(fault("lib/data/utils.ts", ""), ["lib/data/utils.ts has a name that says nothing"]);
  assertEquals(fault("lib/data/loadPairs.ts", ""), ["lib/data/loadPairs.ts must have a snake_case name"]);
  assertEquals(fault("lib/data/x.ts", "\n".repeat(301)), ["lib/data/x.ts has 301 lines, 300 are the most"]);
  assertEquals(besidesExports(`export * from "./lib/a.ts";\nexport const x = 1;\n`), "export const x = 1;");
});
