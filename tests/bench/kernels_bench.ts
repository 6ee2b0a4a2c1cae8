/**
 * Kernels beside the reference and beside the machine, on one thread and on all, in one run:
 * `deno run tests/bench/kernels_bench.ts`, and beside the machine's BLAS with `--allow-ffi`.
 *
 * The peak is a loop of independent 128-bit multiply-adds and nothing else. Contestants take turns, and each figure is
 * the best of its rounds, as other work on the machine only ever slows down. `--json` prints one document.
 */
import { blasKernels, openBlas } from "../../lib/kernels/blas.ts";
import type { Floats, Kernels, Strides } from "../../lib/kernels/kernels.ts";
import { allocate, memory, withScratch } from "../../lib/kernels/memory.ts";
import { defaultThreads } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { f32x4, func, loop, v128 } from "../../lib/kernels/wasm/assembler.ts";
import { encodeModule, type Target } from "../../lib/kernels/wasm/encode.ts";
import { wasmKernels } from "../../lib/kernels/wasm/kernels.ts";
import { detectTarget, emit } from "../../lib/kernels/wasm/module.ts";

interface Shape {
  readonly name: string;
  readonly sizes: readonly [m: number, n: number, k: number];
}

const cube = (n: number): Shape => ({ name: `${n}³`, sizes: [n, n, n] });
const layer = (rows: number, inner: number, outer: number): Shape => ({
  name: `[${rows}×${inner}]·[${inner}×${outer}]`,
  sizes: [rows, outer, inner],
});

// Cubes, and the layers of the fixture world's model, of one of 5 and of one of 135 million parameters.
const shapes = [cube(16), cube(32), cube(64), cube(256), cube(512)]
  .concat(layer(1024, 128, 128), layer(1024, 128, 344), layer(1024, 344, 128), layer(64, 128, 512))
  .concat(layer(1024, 256, 256), layer(1024, 256, 688), layer(1024, 688, 256), layer(128, 256, 8192))
  .concat(layer(512, 576, 576), layer(512, 576, 1536), layer(512, 1536, 576), layer(16, 256, 688), layer(1, 256, 688));

/** Milliseconds of one call, over calls that last some 5 ms together. */
function time(work: () => void): number {
  const calls = (n: number): number => {
    const start = performance.now();
    for (let i = 0; i < n; i++) work();
    return performance.now() - start;
  };
  const n = Math.max(1, Math.round(5 / calls(1)));
  return calls(n) / n;
}

/** The fewest milliseconds of one call of each contestant; they take turns. */
function fastest(contestants: readonly (() => void)[], rounds: number): number[] {
  const times = Array.from({ length: rounds }, () => contestants.map(time));
  return contestants.map((_, i) => Math.min(...times.map((round) => round[i]!)));
}

/** A loop of multiply-adds that depend on nothing but themselves, and the operations in one call. */
function peakLoop(target: Target): { readonly run: () => void; readonly operations: number } {
  const [sums, turns] = [12, 20_000];
  const peak = func("peak", {}, (_, local) => {
    const [i, x, y] = [local("address"), local("v128"), local("v128")];
    const chains = Array.from({ length: sums }, () => local("v128"));
    const step = chains.map((sum) => sum.set(f32x4.madd(x, y, sum)));
    return [
      [x.set(f32x4.of(0.5)), y.set(f32x4.of(0.25)), loop(i, 0, turns, 1, [step, step])],
      chains.map((sum) => v128.store(64, sum)),
    ];
  });
  const module = new WebAssembly.Module(
    encodeModule([peak], target, { pages: memory.buffer.byteLength / 65_536, shared: true }),
  );
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return { run: exports.peak as () => void, operations: turns * sums * 2 * 8 };
}

function floats(n: number): Float32Array {
  const view = new Float32Array(memory.buffer, allocate(n * 4).offset, n);
  for (let i = 0; i < n; i++) view[i] = Math.sin(i * 0.7);
  return view;
}

const transposes = ["NN", "NT", "TN"] as const;

/** The product of a shape as a call, in one of the three forms a network needs. */
function product(kernels: Kernels<Floats>, { sizes: [m, n, k] }: Shape, form: typeof transposes[number]): () => void {
  const [a, b, c] = [floats(m * k), floats(k * n), floats(m * n)];
  const aStrides: Strides = form[0] === "N" ? [k, 1] : [1, m];
  const bStrides: Strides = form[1] === "N" ? [n, 1] : [1, k];
  return () => kernels.gemm(m, n, k, a, aStrides, b, bStrides, c, n, 0);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const target = detectTarget();
if (target === undefined) throw new Error("Cannot measure the wasm kernels as this engine has no SIMD");
const before = performance.now();
const bytes = emit(target);
new WebAssembly.Module(bytes);
const start = performance.now() - before;
const [wasm, peak] = [wasmKernels(target), peakLoop(target)];
const threads = defaultThreads();
const team = wasmKernels(target, { threads, reluctance: 0 });
const library = ((): Kernels<Floats> | undefined => {
  try {
    return blasKernels((callee) => wasmKernels(target, { threads, callee, reluctance: 0 }), openBlas({}));
  } catch {
    return undefined;
  }
})();

// Engines compile the fast form in the background while the first calls run.
withScratch(() => {
  const forms = [wasm, team].flatMap((
    kernels,
  ) => [product(kernels, cube(256), "NN"), product(kernels, cube(64), "TN")]);
  fastest([peak.run, ...forms], 20);
});
await pause(500);

const timed = shapes.flatMap((shape) =>
  transposes.map((form) =>
    withScratch(() => {
      const operations = 2 * shape.sizes[0] * shape.sizes[1] * shape.sizes[2];
      const ours = [peak.run, product(wasm, shape, form), product(team, shape, form)];
      const contestants = library === undefined ? ours : [...ours, product(library, shape, form)];
      const [top, fast, shared, called] = fastest(contestants, 20) as [number, number, number, number?];
      const [plain] = fastest(operations < 4e7 ? [product(reference, shape, form)] : [], 3);
      return {
        shape: shape.name,
        form,
        gflops: operations / fast / 1e6,
        shared: operations / shared / 1e6,
        blas: called === undefined ? undefined : operations / called / 1e6,
        plain: plain === undefined ? undefined : operations / plain / 1e6,
        top,
      };
    })
  )
);
const top = peak.operations / Math.min(...timed.map((row) => row.top)) / 1e6;
const rows = timed.map(({ top: _, plain, ...row }) => ({ ...row, reference: plain }));

if (Deno.args.includes("--json")) {
  console.log(JSON.stringify({ start, bytes: bytes.length, target, threads, peak: top, rows }));
} else {
  console.log(
    `emitting and compiling ${bytes.length} bytes: ${start.toFixed(1)} ms; fused multiply-add: ${target.fma}`,
  );
  console.log(
    `product                 form  GFLOP/s  of peak  ${threads} threads  of peaks  ratio  reference  ratio${
      library ? "      blas  ratio" : ""
    }`,
  );
  for (const { shape, form, gflops, shared, reference, blas } of rows) {
    const figures = [gflops.toFixed(1).padStart(8), `${(100 * gflops / top).toFixed(0)} %`.padStart(8)];
    const peaks = `${(100 * shared / top / threads).toFixed(0)} %`.padStart(9);
    const all = [shared.toFixed(1).padStart(9), peaks, `${(shared / gflops).toFixed(2)}×`.padStart(6)];
    const ratios = reference === undefined
      ? ["–".padStart(10), "–".padStart(6)]
      : [reference.toFixed(2).padStart(10), `${(gflops / reference).toFixed(0)}×`.padStart(6)];
    const called = blas === undefined
      ? []
      : [blas.toFixed(1).padStart(9), `${(blas / shared).toFixed(2)}×`.padStart(6)];
    console.log(shape.padEnd(24) + form + [...figures, ...all, ...ratios, ...called].join(" "));
  }
}
