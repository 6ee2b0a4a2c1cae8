/**
 * A step of DPO by each provider, on one thread and on all, in one run: `deno run --allow-ffi tests/bench/dpo_bench.ts`,
 * and without the BLAS if none is found or it may not be called.
 *
 * The model has the shape of the main job's, the batch 16 pairs of random tokens. Contestants take turns of a few steps;
 * the first step of a turn is dropped, and the figure is the median of the others. `--json` prints one document.
 */
import { dpoUpdate, initDecoder, key, openKernels, run } from "../../mod.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { defaultThreads, type KernelOptions } from "../../lib/kernels/provider.ts";
import { uniform } from "../kernels/arrays.ts";

const [pairs, steps, rounds] = [16, 4, 5];

const config = {
  vocabSize: 512,
  hiddenSize: 128,
  layers: 3,
  contextLength: 128,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 10_000 },
  attention: { heads: 4, kvHeads: 2, headDim: 32 },
  mlp: { type: "gatedSilu", size: 344 },
  tiedEmbeddings: true,
} as const;

const draw = uniform(1);
const between = (low: number, high: number): number => Math.floor(low + (draw() + 1) / 2 * (high - low));
const ids = (length: number): Int32Array => Int32Array.from({ length }, () => between(0, config.vocabSize));
const rows = Array.from({ length: pairs * steps }, (_, i) => ({
  id: `row ${i}`,
  prompt: ids(between(10, 30)),
  chosen: ids(between(6, 24)),
  rejected: ids(between(6, 24)),
}));
const given = {
  config,
  policy: initDecoder(key(1), config),
  rows,
  heldOutRows: [],
  refLogps: new Float64Array(2 * rows.length),
  tokenizer: trainTokenizer([], { vocabSize: 259, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] }),
};

/** Milliseconds of each step of a turn but the first. */
async function turn(options: KernelOptions): Promise<readonly number[]> {
  await openKernels(options);
  const stage = dpoUpdate({ beta: 0.1, lr: 1e-3, batchSize: pairs, epochs: 1 });
  const ends: number[] = [];
  for await (const event of run(stage, { seed: 1, given })) if (event.type === "step") ends.push(performance.now());
  return ends.slice(1).map((end, i) => end - ends[i]!);
}

const all = defaultThreads();
const counts = all > 1 ? [1, all] : [1];
const missing = await openKernels({ backend: "blas" }).then(() => undefined, (error: Error) => error.message);
const contestants = (["wasm", ...missing === undefined ? ["blas"] : []] as const)
  .flatMap((backend) =>
    counts.map((threads) => ({ backend, threads }) as Required<Pick<KernelOptions, "backend" | "threads">>)
  );

const times: number[][] = contestants.map(() => []);
for (let round = 0; round < rounds; round++) {
  for (const [i, contestant] of contestants.entries()) times[i]!.push(...await turn(contestant));
}

// A prompt counts for both of its completions, though it is computed once.
const tokens =
  rows.reduce((sum, { prompt, chosen, rejected }) => sum + 2 * prompt.length + chosen.length + rejected.length, 0) /
  steps;
const figures = contestants.map((contestant, i) => {
  const sorted = times[i]!.toSorted((x, y) => x - y);
  const median = sorted[sorted.length >> 1]!;
  return { ...contestant, median, least: sorted[0]!, most: sorted.at(-1)!, tokensPerSecond: 1000 * tokens / median };
});

if (Deno.args.includes("--json")) console.log(JSON.stringify({ pairs, tokens, figures, missing }));
else {
  console.log(`step of ${pairs} pairs    median       least … most    tokens/s  ratio`);
  for (const { backend, threads, median, least, most, tokensPerSecond } of figures) {
    const name = `${backend}, ${threads} thread${threads > 1 ? "s" : ""}`.padEnd(18);
    const [middle, range] = [
      `${median.toFixed(1)} ms`.padStart(10),
      `${least.toFixed(1)} … ${most.toFixed(1)} ms`.padStart(20),
    ];
    console.log(
      `${name}${middle}${range}${tokensPerSecond.toFixed(0).padStart(10)}${
        (figures[0]!.median / median).toFixed(2).padStart(6)
      }×`,
    );
  }
  if (missing !== undefined) console.log(missing);
}
