import { assertLess, assertThrows } from "@std/assert";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { linear } from "../../lib/grad/layers.ts";
import { lowRankLinear, scaleColumns } from "../../lib/grad/low_rank.ts";
import { mul, sum } from "../../lib/grad/ops.ts";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { type Dtype, size, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision } from "../oracles.ts";

function drawn(name: string, shape: readonly number[], dtype: Dtype): Tensor {
  return tensor(shape, normal(fold(key(5), name), size(shape)), dtype);
}

function given(dtype: Dtype): Readonly<Record<"x" | "w" | "a" | "b", Tensor>> {
  const x = drawn("x", [7, 5], dtype), w = drawn("w", [6, 5], dtype);
  return { x, w, a: drawn("a", [2, 5], dtype), b: drawn("b", [6, 2], dtype) };
}

/** W + c·B·A, entry by entry. */
function changed({ w, a, b }: ReturnType<typeof given>, c: number): number[] {
  return Array.from({ length: 30 }, (_, at) => {
    const [i, j] = [Math.floor(at / 5), at % 5];
    const low = [0, 1].reduce((s, r) => s + (b.data[2 * i + r] as number) * (a.data[5 * r + j] as number), 0);
    return (w.data[at] as number) + c * low;
  });
}

inEachPrecision("lowRankLinear() is the product by W + scale·B·A", ({ dtype, near }) => {
  const all = given(dtype);
  const direct = linear(all.x, tensor([6, 5], changed(all, 1.5), dtype));
  near(lowRankLinear(all.x, all.w, { ...all, scale: 1.5 }).data, direct.data);
});

Deno.test("the gradients of lowRankLinear() and scaleColumns() are those of differences", () => {
  const { x, w, a, b } = given("f64");
  const norms = [1, 2, 3, 0.5, 0.25, 4];
  const f = (p: Record<"x" | "w" | "a" | "b" | "magnitude", Tensor>): Tensor =>
    scaleColumns(lowRankLinear(p.x, p.w, { a: p.a, b: p.b, scale: 1.5 }), p.magnitude, norms);
  const magnitude = drawn("m", [6], "f64");
  for (const seed of [1, 2, 3]) {
    assertLess(checkGrads(f, { x, w, a, b, magnitude }, { key: key(seed) }).error, 1e-8);
  }
});

Deno.test("a constant W gets no gradient, and those of A and B are the same without it", () => {
  const { x, w, a, b } = given("f64");
  const lossOf = (p: { a: Tensor; b: Tensor }, weight: Tensor) => ({
    loss: { sum: sum(mul(lowRankLinear(x, weight, { ...p, scale: 2 }), drawn("g", [7, 6], "f64"))), count: 1 },
    metrics: {},
  });
  const frozen = valueAndGrad((p: { a: Tensor; b: Tensor }) => lossOf(p, w))({ a, b }).grads;
  const all = valueAndGrad((p: { a: Tensor; b: Tensor; w: Tensor }) => lossOf(p, p.w))({ a, b, w }).grads;
  assertNear([...frozen.a.data, ...frozen.b.data], [...all.a.data, ...all.b.data], { rtol: 0, atol: 0 });
});

Deno.test("lowRankLinear() and scaleColumns() refuse sizes that differ", () => {
  const { x, w, a, b } = given("f32");
  assertThrows(() => lowRankLinear(x, w, { a: b, b: a, scale: 1 }), TypeError, "Cannot apply lowRankLinear as");
  assertThrows(() => scaleColumns(x, drawn("m", [6], "f32"), [1]), TypeError, "there must be 5 magnitudes and norms");
});
