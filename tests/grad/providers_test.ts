/** Every primitive and its gradient under the fast provider against plain loops, on sizes that fill no vector. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { entropies } from "../../lib/grad/entropies.ts";
import * as activations from "../../lib/grad/activations.ts";
import * as norms from "../../lib/grad/norms.ts";
import * as rotaries from "../../lib/grad/rotary.ts";
import * as layers from "../../lib/grad/layers.ts";
import { addRow, attention, chosenLogProbs, gatherRows, linear, linears, take } from "../../lib/grad/layers.ts";
import { gelu, geluGate, siluGate, softcap } from "../../lib/grad/activations.ts";
import { layerNorm, rmsNorm } from "../../lib/grad/norms.ts";
import { rotary, rotaryTable } from "../../lib/grad/rotary.ts";
import * as ops from "../../lib/grad/ops.ts";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { type Backend, kernels, openKernels } from "../../lib/kernels/provider.ts";
import { adamw } from "../../lib/optim/adamw.ts";
import { globalNorm } from "../../lib/optim/clip.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";

type Params = Readonly<Record<string, Tensor>>;

/** A primitive, and the shapes of what it takes. */
interface Case {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly of: (p: Params, dtype: Dtype) => Tensor;
}

/** A case whose function is given its tensors by name. */
function given<const N extends string>(
  shapes: Readonly<Record<N, readonly number[]>>,
  of: (p: Readonly<Record<N, Tensor>>, dtype: Dtype) => Tensor,
): Case {
  return { shapes, of: of as Case["of"] };
}

const x = { x: [37] };
const xy = { x: [37], y: [37] };
const positive = (t: Tensor): Tensor => ops.shift(ops.square(t), 0.5);
const ids = Int32Array.from({ length: 29 }, (_, i) => (i * 5) % 13);
const segments = Int32Array.from([
  [0, 7, 0, 0, 0, 0],
  [7, 12, 0, 7, 7, 0],
  [12, 21, 0, 7, 12, 0],
  [21, 22, 0, 0, 21, 0],
  [22, 29, 21, 22, 22, 0],
].flat());

/** Attention of four query heads over two key/value heads of a size. */
function attentionOf(headDim: number, limits: { readonly window?: number; readonly softcap?: number } = {}): Case {
  const shape = { heads: 4, kvHeads: 2, headDim, scale: headDim ** -0.5, ...limits };
  return given(
    { q: [29, 4 * headDim], k: [29, 2 * headDim], v: [29, 2 * headDim] },
    ({ q, k, v }) => attention([q, k, v], segments, shape),
  );
}

const cases: Readonly<Record<string, Case>> = {
  neg: given(x, ({ x }) => ops.neg(x)),
  exp: given(x, ({ x }) => ops.exp(x)),
  log: given(x, ({ x }) => ops.log(positive(x))),
  square: given(x, ({ x }) => ops.square(x)),
  sigmoid: given(x, ({ x }) => ops.sigmoid(ops.scale(x, 4))),
  logSigmoid: given(x, ({ x }) => ops.logSigmoid(ops.scale(x, 4))),
  scale: given(x, ({ x }) => ops.scale(x, -2.5)),
  shift: given(x, ({ x }) => ops.shift(x, 3)),
  add: given({ ...xy, one: [1] }, ({ x, y, one }) => ops.add(ops.add(x, y), one)),
  sub: given({ ...xy, one: [1] }, ({ x, y, one }) => ops.sub(one, ops.sub(x, y))),
  mul: given({ ...xy, one: [1] }, ({ x, y, one }) => ops.mul(ops.mul(x, y), one)),
  div: given({ ...xy, one: [1] }, ({ x, y, one }) => ops.div(ops.div(x, positive(y)), positive(one))),
  max: given({ ...xy, one: [1] }, ({ x, y, one }) => ops.max(ops.max(x, y), one)),
  min: given({ ...xy, one: [1] }, ({ x, y, one }) => ops.min(one, ops.min(x, y))),
  clamp: given(x, ({ x }) => ops.clamp(x, -0.7, 0.4)),
  sum: given(x, ({ x }) => ops.sum(x)),
  segmentSum: given(x, ({ x }) => ops.segmentSum(x, Int32Array.of(0, 1, 1, 20, 37))),
  reshape: given(x, ({ x }) => ops.square(ops.reshape(x, [37, 1]))),
  take: given(x, ({ x }) => take(x, ids)),
  linear: given({ x: [29, 19], w: [23, 19] }, ({ x, w }) => linear(x, w)),
  "linear with a bias": given({ x: [29, 19], w: [23, 19], b: [23] }, ({ x, w, b }) => linear(x, w, b)),
  addRow: given({ x: [29, 19], row: [19] }, ({ x, row }) => addRow(x, row)),
  "linear of one row": given({ x: [1, 67], w: [33, 67] }, ({ x, w }) => linear(x, w)),
  linears: given({ x: [3, 300], w: [264, 300], v: [264, 300], b: [264] }, ({ x, w, v, b }) => {
    const [y, z] = linears(x, [{ weight: w }, { weight: v, bias: b }]) as [Tensor, Tensor];
    return ops.mul(y, z);
  }),
  gatherRows: given({ table: [13, 19] }, ({ table }) => gatherRows(table, ids)),
  rmsNorm: given({ x: [29, 19], w: [19] }, ({ x, w }) => rmsNorm(x, w, 1e-5)),
  layerNorm: given({ x: [131, 19], w: [19], b: [19] }, ({ x, w, b }) => layerNorm(x, [w, b], 1e-5)),
  "rotary of part of a head": given(
    { x: [29, 3 * 16] },
    ({ x }, dtype) => rotary(x, ids, rotaryTable(13, { headDim: 10, theta: 100, dtype }), { headDim: 16 }),
  ),
  rotary: given(
    { x: [29, 3 * 10] },
    ({ x }, dtype) => rotary(x, ids, rotaryTable(13, { headDim: 10, theta: 100, dtype })),
  ),
  "attention with heads of 8": attentionOf(8),
  "attention with heads of 6": attentionOf(6),
  "attention with a window": attentionOf(8, { window: 4 }),
  "attention with a window that ends within vectors": attentionOf(12, { window: 5 }),
  "attention with capped scores": attentionOf(8, { softcap: 0.8 }),
  "attention with a window and capped scores": attentionOf(20, { window: 3, softcap: 2 }),
  "attention with a window and capped scores and heads of 6": attentionOf(6, { window: 3, softcap: 2 }),
  siluGate: given({ gate: [29, 19], up: [29, 19] }, ({ gate, up }) => siluGate(gate, up)),
  gelu: given(x, ({ x }) => gelu(ops.scale(x, 3), "none")),
  "gelu by tanh": given(x, ({ x }) => gelu(ops.scale(x, 3), "tanh")),
  geluGate: given({ gate: [29, 19], up: [29, 19] }, ({ gate, up }) => geluGate(gate, up, "none")),
  "geluGate by tanh": given({ gate: [29, 19], up: [29, 19] }, ({ gate, up }) => geluGate(gate, up, "tanh")),
  softcap: given(x, ({ x }) => softcap(x, 0.9)),
  "softcap far above": given(x, ({ x }) => softcap(x, 300)),
  "chosenLogProbs of capped logits": given(
    { h: [131, 19], w: [23, 19] },
    ({ h, w }) => chosenLogProbs(h, w, Int32Array.from({ length: 131 }, (_, i) => i % 23), { softcap: 2.5 }),
  ),
  "entropies of capped logits": given({ h: [131, 19], w: [23, 19] }, ({ h, w }) => entropies(h, w, { softcap: 2.5 })),
  chosenLogProbs: given({ h: [29, 19], w: [23, 19] }, ({ h, w }) => chosenLogProbs(h, w, ids)),
  "entropies over more than one chunk": given({ h: [131, 19], w: [23, 19] }, ({ h, w }) => entropies(h, w)),
};

/** Numbers of a primitive and of the gradient of its projection on a fixed random direction. */
async function computed({ shapes, of }: Case, dtype: Dtype, backend: Backend): Promise<readonly number[][]> {
  await openKernels({ backend });
  const random = (name: string, shape: readonly number[]): Tensor => {
    const values = normal(fold(key(9), name), shape.reduce((a, b) => a * b, 1));
    return tensor(shape, values.map(Math.fround), dtype); // the same numbers in either type
  };
  const params = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, random(name, shape)]));
  const out = of(params, dtype);
  const direction = random("direction", out.shape);
  const projected = (p: Params) => ({
    loss: { sum: ops.sum(ops.mul(of(p, dtype), direction)), count: 1 },
    metrics: {},
  });
  const { grads } = valueAndGrad(projected)(params);
  await openKernels({ backend: "wasm" });
  return [[...out.data], ...leaves(grads).map(([, leaf]) => [...leaf.data])];
}

/** The largest difference of two rows in units of the largest number. */
function distance(a: readonly number[], b: readonly number[]): number {
  const largest = Math.max(1, ...b.map(Math.abs));
  return Math.max(0, ...b.map((x, i) => Math.abs(x - (a[i] as number)) / largest));
}

Deno.test("what is called wasm is computed by wasm, f64 by reference", async () => {
  await openKernels({ backend: "wasm" });
  assertEquals([kernels("f32").name, kernels("f64").name], ["wasm", "reference"]);
});

Deno.test("every primitive has a case", () => {
  const named = Object.keys(cases).map((name) => name.split(" ")[0] as string);
  const noPrimitives = new Set(["stopGradient", "rotaryTable"]);
  for (const name of [ops, layers, norms, activations, rotaries].flatMap((room) => Object.keys(room))) {
    if (!noPrimitives.has(name)) assert(named.includes(name), `${name} has no case`);
  }
});

for (const [name, primitive] of Object.entries(cases)) {
  Deno.test(`${name} and its gradients agree in f32 of wasm, f32 of reference and f64`, async () => {
    const exact = await computed(primitive, "f64", "reference");
    for (const backend of ["reference", "wasm"] as const) {
      const rows = await computed(primitive, "f32", backend);
      assertEquals(rows.map((row) => row.length), exact.map((row) => row.length));
      rows.forEach((row, i) => {
        assertLess(distance(row, exact[i] as number[]), 2e-6, `${backend}, ${i === 0 ? "value" : `gradient ${i}`}`);
      });
    }
  });
}

Deno.test("adamw() and globalNorm() agree in f32 of wasm, f32 of reference and f64", async () => {
  const step = async (dtype: Dtype, backend: Backend): Promise<number[]> => {
    await openKernels({ backend });
    const draw = (name: string): Params => ({
      w: tensor([7, 5], normal(fold(key(2), name), 35).map(Math.fround), dtype),
    });
    const optimizer = adamw({ lr: 0.01, weightDecay: 0.1 });
    const params = draw("params");
    const first = optimizer.update(draw("one"), optimizer.init(params), params);
    const { updates } = optimizer.update(draw("two"), first.state, params);
    const numbers = [...first.updates.w?.data ?? [], ...updates.w?.data ?? [], globalNorm(draw("one"))];
    await openKernels({ backend: "wasm" });
    return numbers;
  };
  const exact = await step("f64", "reference");
  for (const backend of ["reference", "wasm"] as const) assertLess(distance(await step("f32", backend), exact), 1e-6);
});
