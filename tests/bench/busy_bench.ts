/**
 * A step of DPO on all threads while other programs each hold a core: `deno run -A tests/bench/busy_bench.ts`.
 *
 * A program of n threads on n cores, beside h that never rest, has n of n + h parts of the machine if all are served alike:
 * its throughput should fall by no more, and no step should take much longer than the others. Alone and beside them take
 * turns; `share` is what would be fair, `slowest` the longest step beside others over their median.
 *
 *     deno run -A tests/bench/busy_bench.ts [--json] [--hogs 1] [--rounds 3] [--steps 5] [--blas FILE] [--onednn FILE]
 */
import { parseArgs } from "@std/cli";
import { dpoUpdate } from "../../mod.ts";
import { defaultThreads } from "../../lib/kernels/provider.ts";
import { contest, tableOf } from "./contest.ts";
import { byAll, type Libraries, openProviders } from "./providers.ts";
import { dpoGiven, pairs as pairsOf, realTokensOf, shapes, stepRates } from "./workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["hogs", "rounds", "steps", "only", "blas", "onednn"],
  boolean: ["json"],
  default: { hogs: "1", rounds: "3", steps: "5" },
});
const [hogs, rounds, steps] = [flags.hogs, flags.rounds, flags.steps].map(Number) as [number, number, number];
const [size, config] = [16, shapes.S];
// The same pairs at each step, so that steps are alike.
const rows = Array.from({ length: steps }, () => pairsOf("S", size)).flat();
const given = dpoGiven(config, rows);
const stage = dpoUpdate({ beta: 0.1, lr: 1e-6, batchSize: size, epochs: 1, shuffle: false });
const turn = (): Promise<readonly number[]> => stepRates(stage, given, realTokensOf(rows, size));

/** Runs `body` beside programs that each hold a core. */
async function beside<T>(programs: number, body: () => Promise<T>): Promise<T> {
  const running = Array.from(
    { length: programs },
    () => new Deno.Command(Deno.execPath(), { args: ["eval", "for (;;);"], stdout: "null", stderr: "null" }).spawn(),
  );
  try {
    await new Promise((resolve) => setTimeout(resolve, 500)); // until they are at work
    return await body();
  } finally {
    for (const program of running) program.kill("SIGKILL");
    await Promise.all(running.map(({ status }) => status));
  }
}

const { found, missing } = await openProviders(flags as Libraries);
const all = defaultThreads();
const slowest: Record<string, number> = {};
const works = byAll(found.filter(({ threads }) => threads === all), turn)
  .filter(({ name }) => flags.only === undefined || name.startsWith(String(flags.only)))
  .map(({ name, turn }) => ({
    name: `dpo step, ${name} threads`,
    unit: "real tokens/s",
    contestants: [
      { name: "alone", turn },
      {
        name: `beside ${hogs}`,
        turn: async () => {
          const rates = await beside(hogs, async () => await turn());
          const median = rates.toSorted((x, y) => x - y)[rates.length >> 1]!;
          slowest[name] = Math.max(slowest[name] ?? 1, ...rates.map((rate) => median / rate));
          return rates;
        },
      },
    ],
  }));
const done = [];
for (const work of works) done.push(await contest(work, rounds));
const share = all / (all + hogs);
if (flags.json) console.log(JSON.stringify({ hogs, rounds, steps, share, rows: done, slowest, missing }));
else {
  console.log(tableOf(done, "alone"));
  console.log(
    `\nshare ${share.toFixed(2)}×; slowest ${Object.entries(slowest).map(([n, x]) => `${n}: ${x.toFixed(2)}×`)}`,
  );
  if (missing.length > 0) console.log(missing.join("\n"));
}
