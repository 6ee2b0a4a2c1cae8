/**
 * What a program waits for before it starts: importing `mod.ts`, and emitting and compiling all kernels, each time in a
 * fresh process, in milliseconds: `deno run --allow-read --allow-run tests/bench/startup_bench.ts`.
 */
import { contest, type Work } from "./contest.ts";

const root = new URL("../../", import.meta.url);
const program = `
  const start = performance.now();
  await import("${root}mod.ts");
  const imported = performance.now();
  const { detectTarget, emit } = await import("${root}lib/kernels/wasm/module.ts");
  const target = detectTarget();
  const before = performance.now();
  new WebAssembly.Module(emit(target));
  console.log(JSON.stringify([imported - start, performance.now() - before]));`;

/** Milliseconds of importing, and of emitting and compiling. */
async function started(): Promise<readonly [importing: number, emitting: number]> {
  const args = ["run", "--no-check", "--config", new URL("deno.json", root).pathname, "-"];
  const process = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  return JSON.parse(new TextDecoder().decode((await process.output()).stdout));
}

/** Both, as turns of processes of their own. */
export const startWork: Work = {
  name: "start",
  unit: "ms",
  contestants: (["import of mod.ts", "emitting and compiling"] as const)
    .map((name, i) => ({ name, turn: async () => [(await started())[i]!] })),
};

if (import.meta.main) {
  await started(); // fills the engine's cache
  for (const { name, lower, median } of (await contest(startWork, 15)).figures) {
    console.log(`${name.padEnd(28)}${median.toFixed(1)} ms, and ${lower.toFixed(1)} ms in every fourth start`);
  }
}
