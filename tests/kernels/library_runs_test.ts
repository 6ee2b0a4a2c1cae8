/** Whole training runs with products by the machine's libraries, where it has them, beside those of the wasm kernels. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { type Backend, openKernels } from "../../lib/kernels/provider.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { dpoUpdate } from "../../lib/stages/dpo_update.ts";
import { freezeRef, refLogps } from "../../lib/stages/reference.ts";
import { key } from "../../lib/tensor/random.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { distance } from "./arrays.ts";

const config = {
  vocabSize: 259,
  hiddenSize: 64,
  layers: 2,
  contextLength: 40,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 100 },
  attention: { heads: 4, kvHeads: 2, headDim: 16 },
  mlp: { type: "gatedSilu", size: 128 },
  tiedEmbeddings: true,
} as const;

const ids = (length: number, step: number): Int32Array => Int32Array.from({ length }, (_, j) => 30 + (j * step) % 200);
const given = {
  config,
  tokenizer: trainTokenizer([], { vocabSize: 259, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] }),
  policy: initDecoder(key(1), config),
  rows: Array.from({ length: 40 }, (_, i) => ({
    id: `row ${i}`,
    prompt: ids(6 + i % 8, i + 1),
    chosen: ids(5 + i % 7, 3 + i % 5),
    rejected: ids(4 + i % 9, 5 + i % 3),
  })),
  heldOutRows: [],
};

const has = async (backend: Backend): Promise<boolean> => {
  const found = await openKernels({ backend }).then(() => true, () => false);
  await openKernels({});
  return found;
};
const [hasBlas, hasOneDnn] = [await has("blas"), await has("onednn")];

/** The losses of steps of DPO, and the weights after them. */
async function trained(
  backend: Backend,
  { seed = 1, epochs = 5 } = {},
): Promise<{ readonly losses: readonly number[]; readonly weights: readonly number[] }> {
  await openKernels({ backend, threads: 1 });
  const dpo = pipeline("dpo", [freezeRef(), refLogps(), dpoUpdate({ beta: 0.1, lr: 1e-3, batchSize: 10, epochs })]);
  const losses: number[] = [];
  const ended = await finish(run(dpo, { seed, given }), (event) => {
    if (event.type === "step" && "loss" in event.metrics) losses.push(event.metrics.loss as number);
  });
  await openKernels({});
  assert(ended._tag === "Right", JSON.stringify(ended));
  return { losses, weights: leaves(ended.right.policy).flatMap(([, { data }]) => Array.from(data)) };
}

Deno.test({
  name: "20 steps of DPO by a BLAS have the losses and the weights of wasm to 1e-4, and repeat to the bit",
  ignore: !hasBlas,
  fn: async () => {
    const [wasm, blas, again] = [await trained("wasm"), await trained("blas"), await trained("blas")];
    assertEquals(wasm.losses.length, 20);
    assertLess(wasm.losses.at(-1)!, 0.75 * wasm.losses[0]!); // there is something to agree on
    assertLess(distance(blas.losses, wasm.losses), 1e-4);
    assertLess(distance(blas.weights, wasm.weights), 1e-4);
    assertEquals(again, blas);
  },
});

/** Losses by epochs of four steps, a curve without the noise of which rows a batch holds. */
const curve = (losses: readonly number[]): readonly number[] =>
  Array.from({ length: losses.length / 4 }, (_, i) => losses.slice(4 * i, 4 * i + 4).reduce((a, b) => a + b) / 4);

Deno.test({
  name:
    "200 steps of DPO in bfloat16 learn along the curve of 32 bits, nearer than another seed, and repeat to the bit",
  ignore: !hasOneDnn,
  fn: async () => {
    const seeds = [1, 2, 3];
    const floats = [];
    for (const seed of seeds) floats.push(curve((await trained("wasm", { seed, epochs: 50 })).losses));
    const rounded = await trained("onednn", { epochs: 50 });
    const [same, ...others] = floats.map((losses) => distance(curve(rounded.losses), losses));
    assertLess(floats[0]!.at(-1)!, 0.2 * floats[0]![0]!); // there is something to learn
    assertLess(same!, Math.min(...others));
    assertEquals(await trained("onednn", { epochs: 50 }), rounded);
  },
});
