import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { checkpoint } from "../../lib/grad/checkpoint.ts";
import { linear } from "../../lib/grad/layers.ts";
import { add, mul, square, sum } from "../../lib/grad/ops.ts";
import { traceLeaf } from "../../lib/grad/primitive.ts";
import { type Gradient, type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { type DecoderConfig, type DecoderParams, initDecoder } from "../../lib/model/decoder.ts";
import { heldIn } from "../../lib/model/held_in.ts";
import { initAdapter, withAdapter } from "../../lib/model/lora.ts";
import { logps } from "../../lib/model/logps.ts";
import { type TrainedPart, trainedPart, withTrained } from "../../lib/model/trained.ts";
import { key, uniform } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { alias, floats, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves, treeMap } from "../../lib/tensor/tree.ts";

const config: DecoderConfig = {
  vocabSize: 50,
  hiddenSize: 32,
  layers: 6,
  contextLength: 200,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 10_000 },
  attention: { heads: 4, kvHeads: 2, headDim: 8 },
  mlp: { type: "gatedSilu", size: 64 },
  tiedEmbeddings: true,
};

const ids = (seed: number, n: number): Int32Array => Int32Array.from(uniform(key(seed), n), (u) => Math.floor(50 * u));
const batch = pack([
  { prompt: ids(1, 70), completions: [ids(2, 20), ids(3, 90)] },
  { prompt: ids(4, 5), completions: [ids(5, 7)] },
]);

const loss = (params: DecoderParams, gradientCheckpointing: boolean): Loss => ({
  loss: { sum: sum(square(logps(params, config, batch, { gradientCheckpointing }))), count: 3 },
  metrics: {},
});

const bits = ({ loss, grads }: Gradient<unknown>): unknown => [
  loss,
  leaves(grads).map(([path, leaf]) => [path, floats(leaf).slice()]),
];

Deno.test("checkpoint() changes no bit of a decoder's loss and gradients, with an adapter or without, on 16 bits or 32", () => {
  const plain = initDecoder(key(0), config);
  const adapter = initAdapter(key(1), plain, { rank: 2 });
  for (const params of [plain, withAdapter(plain, adapter), withAdapter(heldIn(plain, "bf16"), adapter)]) {
    const of = (trained: TrainedPart, on: boolean): Loss => loss(withTrained(params, trained), on);
    const gradient = (on: boolean): unknown => scope(() => bits(valueAndGrad(of)(trainedPart(params), on)));
    assertEquals(gradient(true), gradient(false));
  }
});

Deno.test("checkpoint() gives an argument that is used twice, or beside it, the sum of its gradients", () => {
  const f = (w: Tensor, x: Tensor): Tensor => mul(linear(x, w), add(linear(x, w), x));
  const twice = (apply: (w: Tensor, x: Tensor) => Tensor) => ({ w }: { readonly w: Tensor }): Loss => ({
    loss: { sum: sum(square(apply(w, apply(w, linear(w, w))))), count: 1 },
    metrics: {},
  });
  const params = { w: tensor([3, 3], uniform(key(2), 9), "f64") };
  const [again, kept] = [valueAndGrad(twice((w, x) => checkpoint(f, w, x)))(params), valueAndGrad(twice(f))(params)];
  kept.grads.w.data.slice().forEach((g, i) =>
    assertAlmostEquals(again.grads.w.data[i] as number, g, 1e-12 * Math.abs(g))
  );
});

Deno.test("a checkpointed forward pass keeps of each layer what it passes on, and no more", () => {
  const deep = { ...config, layers: 20 };
  const params = initDecoder(key(0), deep);
  const wide = pack(Array.from({ length: 15 }, (_, i) => ({ prompt: ids(i, 100), completions: [ids(i + 50, 100)] })));
  /** Bytes that a forward pass leaves for the backward walk. */
  const held = (gradientCheckpointing: boolean): number =>
    scope(() => {
      const traced = treeMap((leaf) => traceLeaf(alias(leaf)), params);
      const before = memoryUse().bytes;
      logps(traced, deep, wide, { gradientCheckpointing });
      return memoryUse().bytes - before;
    });
  const [checkpointed, states] = [held(true), 4 * wide.ids.length * config.hiddenSize * (deep.layers + 1)];
  assertLess(checkpointed, 1.5 * states + 2 ** 22); // memory comes in slabs of 4 MiB
  assertLess(8 * checkpointed, held(false));
});
