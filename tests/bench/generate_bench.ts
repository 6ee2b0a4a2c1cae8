/**
 * Generation by each provider in one run: `deno run tests/bench/generate_bench.ts`, and by a BLAS with `--allow-ffi`.
 *
 * Prompts of 64 random tokens get new ones, one at a time and sixteen at a time, by a model of 5 million parameters;
 * `--shape M` takes one of 135 million. A step reads every weight once, so the figure beside tokens a second is the bytes
 * of weights read a second: what memory lets through is the bound where few prompts travel together. `--json` prints one
 * document.
 */
import { parseArgs } from "@std/cli";
import { generate, initDecoder, key, openKernels } from "../../mod.ts";
import { defaultThreads, type KernelOptions } from "../../lib/kernels/provider.ts";
import { parameterCount } from "../../lib/model/decoder.ts";
import { profile, type Share } from "./profile.ts";
import { shapes, tokens } from "./workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["shape", "new", "rounds", "blas", "batch"],
  boolean: ["json", "profile"],
  default: { shape: "S", new: "48", rounds: "5", batch: "1,16" },
});
const config = shapes[flags.shape as keyof typeof shapes];
const [maxNewTokens, rounds] = [flags.new, flags.rounds].map(Number) as [number, number];
const params = initDecoder(key(1), config);
const bytes = 4 * parameterCount(config);

/** Milliseconds of a token of each of `batch` prompts, without those of the prompts themselves. */
async function turn(batch: number, options: KernelOptions): Promise<{ ms: number; shares: readonly Share[] }> {
  await openKernels(options);
  const prompts = Array.from({ length: batch }, (_, i) => tokens(`prompt ${i}`, 64, config));
  const time = (maxNewTokens: number): number => {
    const start = performance.now();
    generate({ config, params }, prompts, { key: key(0), eos: -1, maxNewTokens });
    return performance.now() - start;
  };
  const first = time(1);
  if (!flags.profile) return { ms: (time(maxNewTokens) - first) / (maxNewTokens - 1), shares: [] };
  const shares = profile(config);
  const all = time(maxNewTokens);
  return { ms: (all - first) / (maxNewTokens - 1), shares: shares.read(all) };
}

const all = defaultThreads();
const blas: KernelOptions = { backend: "blas", ...flags.blas ? { library: String(flags.blas) } : {} };
const missing = await openKernels(blas).then(() => undefined, (error: Error) => error.message);
const contestants = [{ backend: "wasm" } as KernelOptions, ...missing === undefined ? [blas] : []]
  .flatMap((options) => (all > 1 ? [1, all] : [1]).map((threads) => ({ ...options, threads })))
  .flatMap((options) => String(flags.batch).split(",").map((batch) => ({ options, batch: Number(batch) })));
const times: number[][] = contestants.map(() => []);
const shares: (readonly Share[])[] = contestants.map(() => []);
for (let round = 0; round < rounds; round++) {
  for (const [i, { batch, options }] of contestants.entries()) {
    const done = await turn(batch, options);
    times[i]!.push(done.ms);
    shares[i] = done.shares;
  }
}

const figures = contestants.map(({ batch, options: { backend, threads } }, i) => {
  const sorted = times[i]!.toSorted((x, y) => x - y);
  const median = sorted[sorted.length >> 1]!;
  const speed = { tokensPerSecond: 1000 * batch / median, gigabytesPerSecond: bytes / median / 1e6 };
  return { backend, threads, batch, median, least: sorted[0]!, most: sorted.at(-1)!, ...speed };
});
if (flags.json) console.log(JSON.stringify({ shape: flags.shape, bytes, figures, missing }));
else {
  console.log(`shape ${flags.shape}            batch   a step       least … most    tokens/s   weights`);
  figures.forEach(({ backend, threads, batch, median, least, most, ...speed }, i) => {
    const name = `${backend}, ${threads} thread${threads > 1 ? "s" : ""}`.padEnd(18) + `${batch}`.padStart(6);
    const middle = `${median.toFixed(2)} ms`.padStart(11);
    const range = `${least.toFixed(2)} … ${most.toFixed(2)} ms`.padStart(21);
    const { tokensPerSecond, gigabytesPerSecond } = speed;
    console.log(
      `${name}${middle}${range}${tokensPerSecond.toFixed(0).padStart(8)}   ${gigabytesPerSecond.toFixed(1)} GB/s`,
    );
    for (const { name, ms, share } of shares[i]!.slice(0, 8)) {
      console.log(`    ${name.padEnd(24)}${ms.toFixed(1).padStart(9)} ms${(100 * share).toFixed(1).padStart(7)} %`);
    }
  });
  if (missing !== undefined) console.log(missing);
}
