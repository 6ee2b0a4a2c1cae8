import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { command, type Terminal } from "../../pipelines/main.ts";
import { countdown, settings, summary } from "./countdown.ts";

/** What a command line writes and returns, in a pipe or in a terminal of some columns. */
async function use(
  line: string,
  terminal: Partial<Terminal> = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  let seconds = 0;
  const code = await command({
    args: line.split(" ").filter((word) => word !== ""),
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    columns: null,
    signal: new AbortController().signal,
    now: () => seconds += 0.25,
    ...terminal,
  }, { pipelineOf: countdown, settings, summary });
  return { code, out: out.join(""), err: err.join("") };
}

Deno.test("a run prints its table on stdout and a line for each tenth on stderr", async () => {
  const { code, out, err } = await use("");
  assertEquals([code, out], [0, "rows  twice\n────  ─────\n   7    -34\n"]);
  const lines = err.trimEnd().split("\n");
  assertEquals(lines.length, 10);
  assertMatch(lines[3] as string, /^\[2\/3\] countDown {2}━{8}─{12} {3}40 % {2}8\/20 {2}loss -4 {2}ETA \d+ s$/);
});

Deno.test("--json prints one document: pipeline, seed, seconds, memory, and what the pipeline has to say", async () => {
  const { code, out } = await use("--json --seed 3 --from 20.5");
  const { wallSeconds, memory, ...document } = JSON.parse(out);
  assertEquals(code, 0);
  assertGreater(wallSeconds, 0);
  assertEquals(Object.keys(memory), ["peakBytes"]);
  assertEquals(document, { pipeline: "countdown", seed: 3, data: { pairs: 7 }, twice: 1, unknown: null });
});

Deno.test("--quiet shows nothing but the result", async () => {
  const { code, out, err } = await use("--quiet");
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "twice");
});

Deno.test("in a terminal one line is written over, and no wider than the terminal", async () => {
  const { err } = await use("", { columns: 30 });
  assertEquals(err.split("\n").length, 2); // the loop's last line stays
  for (const text of err.replaceAll("\r\x1b[K", "\n").split("\n")) assert([...text].length < 30, text);
});

Deno.test("--help lists the pipeline's flags and the common ones, whatever else is given", async () => {
  for (const line of ["--help", "-h", "--bta 1 --help"]) {
    const { code, out, err } = await use(line);
    assertEquals([code, err], [0, ""]);
    assertEquals(
      out,
      `
Usage: deno run pipelines/countdown.ts [flags]

  --from <number>                                 where to begin (above 0; default 3)
  --steps <count>                                 steps to take (default 20)
  --sleep <ms>                                    how long a step takes (at least 0; default 0)
  --data <file>                                   a file to read first
  --fault <none|input|nan|throw|permission|slow>  what goes wrong (default none)
  --seed <count>                                  all that is random follows from it (default 0)
  --backend <wasm|blas|onednn|reference>          SIMD kernels; the same with products by a BLAS, or by oneDNN (in bfloat16 where that is faster), which need --allow-ffi; or plain loops, to test them (default wasm)
  --threads <count>                               that share the work of the kernels; results do not depend on them (at least 1 and at most 64; default ${
        Math.min(navigator.hardwareConcurrency, 8)
      })
  --library <library>                             the library of --backend blas or onednn, if it is not found by itself
  --config <json>                                 settings of a run, as --out writes them; flags go before
  --out <folder>                                  keep the run there: metrics, checkpoints, what was made
  --overwrite                                     replace the run that is in the folder of --out
  --resume <folder>                               go on with the run that --out keeps there
  --checkpoint-every <count>                      training steps from one checkpoint to the next; 0: by minutes alone (default 0)
  --checkpoint-minutes <number>                   minutes from one checkpoint to the next (above 0; default 5)
  --keep <count>                                  checkpoints to keep, and the best where a stage says which (at least 1; default 2)
  --json                                          print one JSON document
  --html                                          print the report as a page
  --explain                                       show the stages, their memory to the byte and the speed of a step; nothing is trained or kept
  --quiet                                         show no progress
  --help                                          show this, and do nothing
`.slice(1),
    );
  }
});

const wrong: readonly (readonly [line: string, ...sentences: readonly string[]])[] = [
  ["--form 3", "Cannot read --form as there is no such flag: did you mean --from?"],
  ["--where runs/a", "Cannot read --where as there is no such flag: --help lists them all"],
  [
    "pairs.jsonl",
    'Cannot read "pairs.jsonl" as every argument must belong to a flag: did you mean --data pairs.jsonl?',
  ],
  ["--seed -1", "Cannot read --seed as it must be a whole number of at least 0: current value is -1"],
  [
    "--from -1.5 --steps -.5",
    "Cannot read --from as it must be a number above 0: current value is -1.5",
    "Cannot read --steps as it must be a whole number of at least 0: current value is -.5",
  ],
  ["--seed", "Cannot read --seed as it needs a value: --seed <count>"],
  [
    "--threads 0",
    "Cannot read --threads as it must be a whole number of at least 1 and at most 64: current value is 0",
  ],
  ["--backend cuda", "Cannot read --backend as it must be one of wasm, blas, onednn, reference: current value is cuda"],
  [
    "--json=maybe --steps x",
    "Cannot read --json=maybe as --json takes no value",
    "Cannot read --steps as it must be a whole number of at least 0: current value is x",
  ],
  ["--fault input", "Cannot read line 1", "Cannot read line 2"],
];

for (const [line, ...sentences] of wrong) {
  Deno.test(`${line} ends with exit code 2 and a sentence for each thing that is wrong`, async () => {
    const { code, out, err } = await use(line);
    assertEquals([code, out, err], [2, "", sentences.map((s) => `${s}\n`).join("")]);
  });
}

Deno.test("a run that diverges ends with exit code 1 and says where", async () => {
  const { code, out, err } = await use("--fault nan --json");
  assertEquals([code, out], [1, ""]);
  assertMatch(err, /Cannot go on with countdown\/countDown at step 5 as loss must be finite: current value is NaN\n$/);
});

Deno.test("a mistake in the program ends with exit code 1 and shows where", async () => {
  const { code, err } = await use("--fault throw");
  assertEquals(code, 1);
  assertMatch(err, /^TypeError: Cannot add shapes \[2\] and \[3\]\n +at .*countdown\.ts/);
});

Deno.test("a signal ends the run with exit code 130", async () => {
  const { code, out, err } = await use("", { signal: AbortSignal.abort() });
  assertEquals([code, out, err], [130, "", "Stopped before countdown/load\nNothing was kept of it\n"]);
});

const state = async (name: "read" | "write"): Promise<string> => (await Deno.permissions.query({ name })).state;

Deno.test({
  name: "a missing permission ends with exit code 2 and names the flag",
  ignore: await state("read") !== "denied" && await state("read") !== "prompt" || Deno.stdin.isTerminal(),
  fn: async () => {
    const { code, err } = await use("--data pairs.jsonl --quiet");
    assertEquals([code, err], [
      2,
      'Cannot go on as read access to "pairs.jsonl" is not permitted: run again with --allow-read\n',
    ]);
  },
});

/** A new process with no permission at all, its input closed. */
function spawn(...args: readonly string[]): Deno.ChildProcess {
  const file = new URL("countdown.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--quiet", file, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Sends SIGINT each time the next of these patterns has come up on stderr; gives all that was written there. */
async function interrupt(child: Deno.ChildProcess, ...patterns: readonly RegExp[]): Promise<string> {
  const [...next] = patterns;
  let seen = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    seen += part;
    if (next[0]?.test(seen)) child.kill("SIGINT"), next.shift();
  }
  await child.stdout.cancel();
  return seen;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const ignore = (await Deno.permissions.query({ name: "run" })).state !== "granted" || await state("read") !== "granted";

Deno.test({
  name: "a process with no permission runs, prints its table, and exits with 0",
  ignore,
  fn: async () => {
    const { code, stdout, stderr } = await spawn().output();
    assertEquals([code, text(stdout)], [0, "rows  twice\n────  ─────\n   7    -34\n"]);
    assertEquals(text(stderr).trimEnd().split("\n").length, 10);
  },
});

Deno.test({
  name: "a process exits with 2 for wrong input or a missing permission, with 1 for a failed run",
  ignore,
  fn: async () => {
    const cases = [["--bta", "1"], ["--data", "pairs.jsonl"], ["--fault", "nan"]] as const;
    const ended = await Promise.all(cases.map((args) => spawn(...args).output()));
    assertEquals(ended.map(({ code }) => code), [2, 2, 1]);
    assertEquals(
      text(ended[1]!.stderr),
      'Cannot go on as read access to "pairs.jsonl" is not permitted: run again with --allow-read\n',
    );
  },
});

Deno.test({
  name: "Ctrl-C stops a process after its step with exit code 130, and a second one ends it at once",
  ignore: ignore || Deno.build.os === "windows",
  fn: async () => {
    const child = spawn("--steps", "1000", "--sleep", "10");
    const err = await interrupt(child, / 10 %/);
    assertEquals(await child.status, { success: false, code: 130, signal: null });
    assertMatch(err, /Stopping after this step.*\n.*Stopped in countdown\/countDown after step \d+ of 1000\nNothing/s);
    const slow = spawn("--fault", "slow");
    await interrupt(slow, /100 %/, /Ctrl-C once more ends at once/);
    assertEquals(await slow.status, { success: false, code: 130, signal: null });
  },
});

Deno.test({
  name: "a reader who goes away ends a process quietly",
  ignore: ignore || Deno.build.os === "windows",
  fn: async () => {
    const child = spawn("--sleep", "10");
    await child.stdout.cancel();
    const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assertEquals([code, err.includes("rror")], [0, false]);
  },
});
