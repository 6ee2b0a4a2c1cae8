/** What a program asks for at a terminal: nothing. Without a terminal Deno denies in silence what it would ask there. */
import { assert, assertStringIncludes } from "@std/assert";

/** `script` of util-linux runs a command at a terminal of its own. */
async function atTerminal(command: string): Promise<string> {
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", command, "/dev/null"],
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  return new TextDecoder().decode(stdout);
}

const mayRun = (await Deno.permissions.query({ name: "run" })).state === "granted";
const hasScript = mayRun && await atTerminal("echo here").then((text) => text.includes("here"), () => false);

Deno.test({
  name: "at a terminal the main job asks for no permission, its threads included",
  ignore: !hasScript,
  fn: async () => {
    const main = new URL("../../pipelines/dpo.ts", import.meta.url).pathname;
    const flags = "--pairs 400 --prompts 30 --threads 2";
    const shown = await atTerminal(`${Deno.execPath()} run --no-check ${main} ${flags}`);
    assert(!shown.includes("Allow?"), shown.slice(-500));
    assertStringIncludes(shown, "win rate");
  },
});

Deno.test({
  name: "at a terminal --out and --resume without permission end with the flags that give it, and ask for nothing",
  ignore: !hasScript,
  fn: async () => {
    const main = new URL("../../pipelines/dpo.ts", import.meta.url).pathname;
    for (const flag of ["--out", "--resume"]) {
      const shown = await atTerminal(`${Deno.execPath()} run --no-check ${main} ${flag} runs/a`);
      assert(!shown.includes("Allow?"), shown);
      assertStringIncludes(shown, "run it again with -R=runs/a -W=runs/a before the script");
    }
  },
});
