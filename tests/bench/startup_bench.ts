/**
 * What a program waits for before it starts: importing `mod.ts`, and emitting and compiling all kernels, each time in a
 * fresh process: `deno run --allow-read --allow-run tests/bench/startup_bench.ts`. The least of some runs, after one that
 * fills the engine's cache.
 */
const root = new URL("../../", import.meta.url);
const program = `
  const start = performance.now();
  await import("${root}mod.ts");
  const imported = performance.now();
  const { detectTarget, emit } = await import("${root}lib/kernels/wasm/module.ts");
  const target = detectTarget();
  const before = performance.now();
  const bytes = emit(target);
  const emitted = performance.now();
  new WebAssembly.Module(bytes);
  const compiled = performance.now();
  console.log(JSON.stringify([imported - start, emitted - before, compiled - emitted, bytes.length]));`;

/** Milliseconds of importing, emitting and compiling, and the module's bytes. */
async function started(): Promise<readonly number[]> {
  const args = ["run", "--no-check", "--config", new URL("deno.json", root).pathname, "-"];
  const process = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  return JSON.parse(new TextDecoder().decode((await process.output()).stdout));
}

await started();
const runs: (readonly number[])[] = [];
for (let i = 0; i < 15; i++) runs.push(await started());
const [imports, emitting, compiling, bytes] = [0, 1, 2, 3].map((i) => Math.min(...runs.map((run) => run[i]!)));
if (Deno.args.includes("--json")) console.log(JSON.stringify({ imports, emitting, compiling, bytes }));
else {
  console.log(`import of mod.ts            ${imports!.toFixed(1)} ms`);
  console.log(`emitting the kernels        ${emitting!.toFixed(1)} ms, ${bytes} bytes`);
  console.log(`compiling them              ${compiling!.toFixed(1)} ms`);
}
