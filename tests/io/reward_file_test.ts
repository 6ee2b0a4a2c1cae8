import { assert, assertEquals } from "@std/assert";
import { loadReward } from "../../lib/io/reward_file.ts";
import { inputFailure } from "../../lib/result.ts";
import { scoreSamples } from "../../lib/stages/reward_function.ts";

const granted = async (name: "read" | "write"): Promise<boolean> =>
  (await Deno.permissions.query({ name })).state === "granted";
const [reads, writes] = [await granted("read"), await granted("write")];

/** A claim about a module of this text, tried where files may be written. */
function about(name: string, module: string, claim: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !reads || !writes,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      const path = `${folder}/my reward? #1, 50%25.ts`;
      try {
        await Deno.writeTextFile(path, module);
        await claim(path);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** The claim that a module is refused. */
const refusedAs = (rule: string) => async (path: string): Promise<void> =>
  assertEquals(await loadReward(path), inputFailure(`Cannot take a reward from ${path} as ${rule}`));

/** The claim that a module scores two replies so. */
const scores = (...expected: readonly number[]) => async (path: string): Promise<void> => {
  const reward = await loadReward(path);
  assert(reward._tag === "Right", JSON.stringify(reward));
  const samples = ["ab", "abc"].map((completion) => ({ id: completion, prompt: "Who?", completion }));
  const scored = await scoreSamples(reward.right, samples);
  assertEquals(scored._tag === "Right" && scored.right, expected);
};

about(
  "loadReward() takes the default export, typed as people write it",
  "export default (prompt: string, completion: string): number => completion.length + prompt.length;",
  scores(6, 7),
);
about(
  "loadReward() takes the export reward, asynchronous too",
  "export const helper = 1;\nexport const reward = async (_: string, c: string) => await Promise.resolve(-c.length);",
  scores(-2, -3),
);
about(
  "loadReward() takes a batch",
  "export default { batch: (all: { completion: string }[]) => all.map(({ completion }) => completion.length) };",
  scores(2, 3),
);
about(
  "loadReward() prefers the default export",
  "export default () => 1;\nexport const reward = () => 2;",
  scores(1, 1),
);

about(
  "loadReward() names the line that does not compile",
  "// a reward\nexport default (a: string => 1;",
  refusedAs("it does not compile: Expected ',', got ';', line 2"),
);
about(
  "loadReward() says what a module throws when it is imported",
  'export default () => 1;\nthrow new Error("no such\\nmodel");',
  refusedAs("importing it fails: no such"),
);
about(
  "loadReward() says what a module imports in vain",
  'import { x } from "file:///no/such.ts";\nexport default () => x;',
  refusedAs('importing it fails: Module not found "file:///no/such.ts".'),
);
about(
  "loadReward() of a module without a reward lists what it exports",
  "export const score = () => 1;\nexport const other = 2;",
  refusedAs("it must export the reward as default or by the name reward: it exports other, score"),
);
about(
  "loadReward() of a module that exports nothing says so",
  "const score = () => 1;",
  refusedAs("it must export the reward as default or by the name reward: it exports nothing"),
);
const type = "must be a function (prompt, completion) => number or { batch }";
about("loadReward() refuses a number", "export default 3;", refusedAs(`its export default ${type}: it is a number`));
about(
  "loadReward() refuses an object without a batch",
  "export const reward = { score: () => 1, batch: 2 };",
  refusedAs(`its export reward ${type}: it is an object of score, batch`),
);

Deno.test({
  name: "loadReward() of a file that is not there says so, from the working directory",
  ignore: !reads,
  fn: async () => {
    assertEquals(await loadReward("no/such.ts"), inputFailure("Cannot read no/such.ts as there is no such file"));
    const found = await loadReward("tests/io/reward_file_test.ts"); // a module, and one without a reward
    assertEquals(
      found,
      inputFailure(
        "Cannot take a reward from tests/io/reward_file_test.ts as it must export the reward as default or by the name " +
          "reward: it exports nothing",
      ),
    );
  },
});

Deno.test({
  name: "loadReward() without permission says which flag helps, and asks nothing",
  ignore: reads,
  fn: async () => {
    assertEquals(
      await loadReward("reward.ts"),
      inputFailure(
        "Cannot read reward.ts as Deno has no permission to: run it again with -R (or --allow-read=reward.ts) before " +
          "the script",
      ),
    );
  },
});
