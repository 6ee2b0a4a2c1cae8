/**
 * Products beside what the machine can, on one thread and on all, and beside other packages for TypeScript; and what a
 * program waits for before its first.
 *
 *     deno run -A --no-lock tests/bench/kernels_bench.ts [--json] [--rounds 9] [--only 512]
 *
 * A turn is the peak, a product for about as long, and the peak again, on as many threads; its figure is the product's
 * share of the peaks about it, as what else the machine does falls on both. One thread is timed by the processor's time
 * that it was given, so that other programs' time does not count; several by the clock, so that waiting does. `--json`
 * prints one document, which is `tests/evidence/kernels.json`: `deno task bench:kernels` puts it into the README.
 */
import process from "node:process";
import { parseArgs } from "@std/cli";
import { defaultThreads } from "../../lib/kernels/provider.ts";
import { wasmKernels } from "../../lib/kernels/wasm/kernels.ts";
import { detectTarget } from "../../lib/kernels/wasm/module.ts";
import { contest, type Row, tableOf, type Work } from "./contest.ts";
import { machine } from "./machine.ts";
import { peak, type Timed } from "./peak.ts";
import { openPeers } from "./peers_js.ts";
import { forms, operationsOf, type Product, productOf, productWork, titleOf } from "./products.ts";
import { startWork } from "./startup_bench.ts";

const flags = parseArgs(Deno.args, {
  string: ["rounds", "only"],
  boolean: ["json"],
  default: { rounds: "9", only: "" },
}) as unknown as { readonly json: boolean; readonly rounds: string; readonly only: string };
const rounds = Number(flags.rounds);

type Sizes = Product["sizes"];
const cube = (n: number): Sizes => [n, n, n];
const layer = (rows: number, inner: number, outer: number): Sizes => [rows, outer, inner];

// Cubes, and the layers of the models of 5 and of 135 million parameters, one as the gradient of its weights too; logits
// come in chunks of 128 rows.
const large = [cube(512), cube(1024), layer(1500, 256, 256), layer(1500, 256, 688), layer(1500, 688, 256)]
  .concat([layer(688, 1500, 256)])
  .concat([layer(128, 256, 8192), layer(512, 576, 576), layer(512, 576, 1536), layer(512, 1536, 576)]);
const compared = [4, 16, 32, 64, 512].map(cube);

const target = detectTarget();
if (target === undefined) throw new Error("Cannot measure the wasm kernels as this engine has no SIMD");

/** Operations in a turn of a thread at least: some milliseconds. */
const A_TURN = 1e8;

/** Milliseconds of the processors that this program was given. */
function given(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** 10⁹ operations a second, over calls with so many operations. */
function speed({ run, operations }: Timed, all: number, now: () => number): number {
  const calls = Math.ceil(all / operations);
  const start = now();
  for (let i = 0; i < calls; i++) run();
  return operations * calls / (now() - start) / 1e6;
}

/** Who multiplies, and the peak beside it. */
const contestants = [...new Set([1, defaultThreads()])].map((threads) => ({
  name: `${threads} thread${threads > 1 ? "s" : ""}`,
  kernels: wasmKernels(target, { threads, reluctance: 0 }),
  top: peak(target, threads),
  least: threads * A_TURN,
  now: threads === 1 ? given : () => performance.now(),
}));

/** A product's share of the peak. */
function shareWork(product: Product): Work {
  const operations = operationsOf(product);
  const call = productOf(product);
  return {
    name: titleOf(product),
    unit: "of the peak",
    contestants: contestants.map(({ name, kernels, top, least, now }) => {
      const work = { run: call(kernels), operations };
      const all = Math.max(least, operations); // as long for the peak as for the product
      return {
        name,
        turn: () => {
          const before = speed(top, all, now);
          const own = speed(work, all, now);
          return [2 * own / (before + speed(top, all, now))];
        },
      };
    }),
  };
}

const peakWork: Work = {
  name: "multiply-adds in registers",
  unit: "GFLOP/s",
  contestants: contestants.map(({ name, top, least, now }) => ({ name, turn: () => [speed(top, least, now)] })),
};

// Engines compile the fast form in the background while the first calls run.
const warm = forms.map((form) => productOf({ sizes: [97, 136, 256], form }));
for (let i = 0; i < 100; i++) {
  for (const { kernels, top } of contestants) {
    top.run();
    for (const call of warm) call(kernels)();
  }
}

const { peers, missing } = await openPeers();
const products = (sizes: readonly Sizes[]): readonly Product[] =>
  sizes.flatMap((sizes) => forms.map((form) => ({ sizes, form })));
const works = {
  peak: [peakWork],
  shares: products(large).map(shareWork),
  compared: products(compared).map((product) => productWork(product, [{ backend: "wasm", threads: 1 }], peers)),
  start: [startWork],
};
const before = await machine();
const done: Record<keyof typeof works, Row[]> = { peak: [], shares: [], compared: [], start: [] };
for (const kind of Object.keys(works) as (keyof typeof works)[]) {
  const chosen = works[kind].filter(({ name }) => name.includes(flags.only));
  for (const work of chosen) done[kind].push(await contest(work, rounds));
}
if (flags.json) {
  const command = "deno task bench:kernels";
  const rest = { target, ...done, missing };
  console.log(JSON.stringify({ command, ...before, loadAfter: (await machine()).load, ...rest }, null, 1));
} else {
  const bases = { peak: "1 thread", shares: "1 thread", compared: "wasm 1", start: "import of mod.ts" };
  const tables = (Object.keys(done) as (keyof typeof done)[]).filter((kind) => done[kind].length > 0)
    .map((kind) => tableOf(done[kind], bases[kind]));
  console.log([...tables, ...missing].join("\n\n"));
}
Deno.exit(); // other packages' workers would keep the program alive
