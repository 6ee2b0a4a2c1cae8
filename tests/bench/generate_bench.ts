/**
 * Generation by each provider in one run: `deno run --allow-ffi tests/bench/generate_bench.ts`, and without a
 * library that is not found or may not be called; `--blas` and `--onednn` name their files.
 *
 * Prompts of 64 random tokens get new ones, one at a time and sixteen at a time, by a model of 5 million parameters;
 * `--shape M` takes one of 135 million. A step reads every weight once, so the figure beside tokens a second is the bytes
 * of weights read a second: what memory lets through is the bound where few prompts travel together. `--json` prints one
 * document.
 */
import { parseArgs } from "@std/cli";
import { generate, initDecoder, key } from "../../mod.ts";
import { parameterCount } from "../../lib/model/decoder.ts";
import { contest, type Row, tableOf } from "./contest.ts";
import { profile, type Share, sharesText } from "./profile.ts";
import { byAll, type Libraries, nameOf, openProviders, threadCounts } from "./providers.ts";
import { shapes, tokens } from "./workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["shape", "new", "rounds", "blas", "onednn", "batch"],
  boolean: ["json", "profile"],
  default: { shape: "S", new: "48", rounds: "5", batch: "1,16" },
});
const config = shapes[flags.shape as keyof typeof shapes];
const maxNewTokens = Number(flags.new);
const params = initDecoder(key(1), config);
const bytes = 4 * parameterCount(config);

/** Tokens a second of `batch` prompts, without the time of the prompts themselves, and where the time went. */
function turn(batch: number): { readonly rate: number; readonly shares: readonly Share[] } {
  const prompts = Array.from({ length: batch }, (_, i) => tokens(`prompt ${i}`, 64, config));
  const time = (maxNewTokens: number): number => {
    const start = performance.now();
    generate({ config, params }, prompts, { key: key(0), eos: -1, maxNewTokens });
    return performance.now() - start;
  };
  time(1); // makes all ready
  const first = time(1);
  const kernelTimes = flags.profile ? profile(config) : undefined;
  const all = time(maxNewTokens);
  return { rate: 1000 * batch * (maxNewTokens - 1) / (all - first), shares: kernelTimes?.read(all) ?? [] };
}

const { found, missing } = await openProviders(flags as Libraries, threadCounts);
const shares: Record<string, readonly Share[]> = {};
const batches = String(flags.batch).split(",").map(Number);
const rows: Row[] = [];
for (const batch of batches) {
  const contestants = byAll(found, (options) => {
    const { rate, shares: of } = turn(batch);
    shares[`${nameOf(options)}, ${batch} at a time`] = of;
    return [rate];
  });
  const work = { name: `shape ${flags.shape}, ${batch} at a time`, unit: "tokens/s", contestants };
  rows.push(await contest(work, Number(flags.rounds)));
}

if (flags.json) console.log(JSON.stringify({ shape: flags.shape, bytes, rows, shares, missing }));
else {
  console.log(tableOf(rows, "wasm 1"));
  rows.forEach(({ work, figures }, i) => {
    const read = figures.map(({ name, median }) => `${name} ${(bytes * median / batches[i]! / 1e9).toFixed(1)} GB/s`);
    console.log(`weights read, ${work}: ${read.join(", ")}`);
  });
  for (const [name, of] of Object.entries(shares)) {
    if (of.length > 0) console.log(`\nwhere the time goes: ${name}\n${sharesText(of.slice(0, 8))}`);
  }
  if (missing.length > 0) console.log(["", ...missing].join("\n"));
}
