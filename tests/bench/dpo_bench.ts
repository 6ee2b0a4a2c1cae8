/**
 * A step of DPO by each provider, on one thread and on all, in one run: `deno run --allow-ffi tests/bench/dpo_bench.ts`,
 * and without a library that is not found or may not be called; `--blas` and `--onednn` name their files.
 *
 * The step is 16 pairs forward, backward, clipping and AdamW, of a model of 5 million parameters; `--shape world` takes
 * the fixture world's, `--shape M` one of 135 million, `--pairs` and `--steps` the size,
 * `--gradient-checkpointing` less memory. Contestants take turns of a few
 * steps; the first step of a turn is dropped, and the figure is the median of the others. `--json` prints one document.
 */
import { parseArgs } from "@std/cli";
import { dpoUpdate, initDecoder, key, openKernels, run } from "../../mod.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { defaultThreads, type KernelOptions } from "../../lib/kernels/provider.ts";
import { profile, type Share } from "./profile.ts";
import { pairs as pairsOf, realTokens, shapes } from "./workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["shape", "pairs", "steps", "rounds", "only", "blas", "onednn"],
  boolean: ["json", "gradient-checkpointing"],
  default: { shape: "S", pairs: "16", steps: "3", rounds: "3" },
});
const shape = flags.shape as keyof typeof shapes;
const [pairs, steps, rounds] = [flags.pairs, flags.steps, flags.rounds].map(Number) as [number, number, number];
const gradientCheckpointing = Boolean(flags["gradient-checkpointing"]);
const config = shapes[shape];
const rows = pairsOf(shape, pairs * steps);
const given = {
  config,
  policy: initDecoder(key(1), config),
  rows,
  heldOutRows: [],
  refLogps: new Float64Array(2 * rows.length),
  tokenizer: trainTokenizer([], { vocabSize: 259, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] }),
};

/** Milliseconds of each step of a turn but the first, and where the time of all went. */
async function turn(options: KernelOptions): Promise<{ times: readonly number[]; shares: readonly Share[] }> {
  await openKernels(options);
  const shares = profile(config);
  const stage = dpoUpdate({ beta: 0.1, lr: 1e-4, batchSize: pairs, epochs: 1, shuffle: false, gradientCheckpointing });
  const ends: number[] = [];
  for await (const event of run(stage, { seed: 1, given })) {
    if (event.type !== "step") continue;
    ends.push(performance.now());
    if (ends.length === 1) shares.reset();
  }
  return { times: ends.slice(1).map((end, i) => end - ends[i]!), shares: shares.read(ends.at(-1)! - ends[0]!) };
}

const all = defaultThreads();
const counts = all > 1 ? [1, all] : [1];
const missing: string[] = [];
const found: KernelOptions[] = [{ backend: "wasm" }];
for (const backend of ["blas", "onednn"] as const) {
  const options = { backend, ...flags[backend] !== undefined && { library: String(flags[backend]) } };
  const remarks = await openKernels(options).then(({ remarks }) => remarks, (error: Error) => error.message);
  if (typeof remarks !== "string") found.push(options);
  missing.push(...typeof remarks === "string" ? [remarks] : remarks);
}
const contestants = found
  .flatMap((options) => counts.map((threads) => ({ ...options, threads })))
  .filter(({ backend, threads }) => flags.only === undefined || flags.only === `${backend}${threads}`);

const times: number[][] = contestants.map(() => []);
const shares: (readonly Share[])[] = contestants.map(() => []);
for (let round = 0; round < rounds; round++) {
  for (const [i, contestant] of contestants.entries()) {
    const done = await turn(contestant);
    times[i]!.push(...done.times);
    shares[i] = done.shares;
  }
}

const real = realTokens(rows) / steps;
const processed = rows.reduce((sum, r) => sum + r.prompt.length + r.chosen.length + r.rejected.length, 0) / steps;
const figures = contestants.map(({ backend, threads }, i) => {
  const sorted = times[i]!.toSorted((x, y) => x - y);
  const median = sorted[sorted.length >> 1]!;
  const range = { least: sorted[0]!, most: sorted.at(-1)! };
  return { backend, threads, median, ...range, tokensPerSecond: 1000 * real / median, shares: shares[i]! };
});

const { highWater } = memoryUse();
if (flags.json) console.log(JSON.stringify({ shape, pairs, real, processed, highWater, figures, missing }));
else {
  console.log(
    `${pairs} pairs a step: ${real.toFixed(0)} real tokens, ${processed.toFixed(0)} processed as prompts are shared; ` +
      `most memory ${(highWater / 2 ** 20).toFixed(0)} MiB`,
  );
  console.log(`shape ${shape.padEnd(18)}median       least … most    tokens/s  ratio`);
  for (const { backend, threads, median, least, most, tokensPerSecond } of figures) {
    const name = `${backend}, ${threads} thread${threads > 1 ? "s" : ""}`.padEnd(18);
    const middle = `${median.toFixed(1)} ms`.padStart(12);
    const range = `${least.toFixed(1)} … ${most.toFixed(1)} ms`.padStart(22);
    const ratio = (figures[0]!.median / median).toFixed(2).padStart(6);
    console.log(`${name}${middle}${range}${tokensPerSecond.toFixed(0).padStart(10)}${ratio}×`);
  }
  for (const { backend, threads, shares } of figures) {
    console.log(`\nwhere the time goes: ${backend}, ${threads}`);
    for (const { name, ms, share, gflops } of shares) {
      const speed = gflops === undefined ? "" : `${gflops.toFixed(0)} GFLOP/s`;
      console.log(
        `  ${name.padEnd(24)}${ms.toFixed(1).padStart(9)} ms${(100 * share).toFixed(1).padStart(7)} %  ${speed}`,
      );
    }
  }
  if (missing.length > 0) console.log(["", ...missing].join("\n"));
}
