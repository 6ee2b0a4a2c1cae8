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
import { dpoUpdate } from "../../mod.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { contest, tableOf } from "./contest.ts";
import { profile, type Share, sharesText } from "./profile.ts";
import { byAll, type Libraries, nameOf, openProviders, threadCounts } from "./providers.ts";
import { dpoGiven, pairs as pairsOf, realTokens, realTokensOf, shapes, stepRates } from "./workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["shape", "pairs", "steps", "rounds", "only", "blas", "onednn"],
  boolean: ["json", "gradient-checkpointing"],
  default: { shape: "S", pairs: "16", steps: "3", rounds: "3" },
});
const shape = flags.shape as keyof typeof shapes;
const [pairs, steps] = [flags.pairs, flags.steps].map(Number) as [number, number];
const gradientCheckpointing = Boolean(flags["gradient-checkpointing"]);
const config = shapes[shape];
const rows = pairsOf(shape, pairs * steps);
const given = dpoGiven(config, rows);

const { found, missing } = await openProviders(flags as Libraries, threadCounts);
const shares: Record<string, readonly Share[]> = {};
const contestants = byAll(
  found.filter(({ backend, threads }) => flags.only === undefined || flags.only === `${backend}${threads}`),
  async (options) => {
    const order = { batchSize: pairs, epochs: 1, shuffle: false };
    const stage = dpoUpdate({ beta: 0.1, lr: 1e-4, ...order, gradientCheckpointing });
    const kernelTimes = profile(config);
    let since = 0;
    const rates = await stepRates(stage, given, realTokensOf(rows, pairs), (step) => {
      if (step > 0) return;
      kernelTimes.reset();
      since = performance.now();
    });
    shares[nameOf(options)] = kernelTimes.read(performance.now() - since);
    return rates;
  },
);
const work = { name: `dpo step, shape ${shape}, ${pairs} pairs`, unit: "real tokens/s", contestants };
const row = await contest(work, Number(flags.rounds));

const real = realTokens(rows) / steps;
const processed = rows.reduce((sum, r) => sum + r.prompt.length + r.chosen.length + r.rejected.length, 0) / steps;
const { highWater } = memoryUse();
if (flags.json) console.log(JSON.stringify({ shape, pairs, real, processed, highWater, row, shares, missing }));
else {
  console.log(
    `${pairs} pairs a step: ${real.toFixed(0)} real tokens, ${processed.toFixed(0)} processed as prompts are shared; ` +
      `most memory ${(highWater / 2 ** 20).toFixed(0)} MiB`,
  );
  console.log(tableOf([row], row.figures[0]!.name));
  for (const [name, of] of Object.entries(shares)) console.log(`\nwhere the time goes: ${name}\n${sharesText(of)}`);
  if (missing.length > 0) console.log(["", ...missing].join("\n"));
}
