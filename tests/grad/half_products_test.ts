/** Matrices of 16 bits a number: every product is that of the widened matrix, to the last bit. */
import { assertEquals, assertThrows } from "@std/assert";
import { entropies } from "../../lib/grad/entropies.ts";
import { chosenLogProbs, gatherRows, linear } from "../../lib/grad/layers.ts";
import { lowRankLinear } from "../../lib/grad/low_rank.ts";
import { mul, sum } from "../../lib/grad/ops.ts";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { type Half, narrow } from "../../lib/kernels/half.ts";
import { fold, key, uniform } from "../../lib/tensor/random.ts";
import {
  buildHalf,
  cast,
  type Dtype,
  floats,
  type HalfTensor,
  numbersOf,
  size,
  type Tensor,
  tensor,
} from "../../lib/tensor/tensor.ts";
import { inEachPrecision } from "../oracles.ts";

const FORMATS: readonly Half[] = ["bf16", "f16"];

function drawn(name: string, shape: readonly number[], dtype: Dtype): Tensor {
  return tensor(shape, uniform(fold(key(5), name), size(shape)).map((u) => 2 * u - 1), dtype);
}

function half(format: Half, shape: readonly number[]): HalfTensor {
  const values = floats(drawn("w", shape, "f64"));
  return buildHalf(format, shape, (bits) => narrow(format, values, bits));
}

/** A value and a gradient by x, as numbers. */
function both(f: (x: Tensor) => Tensor, x: Tensor): readonly (readonly number[])[] {
  const weights = drawn("g", f(x).shape, x.dtype);
  const lossOf = (p: { x: Tensor }) => ({ loss: { sum: sum(mul(f(p.x), weights)), count: 1 }, metrics: {} });
  return [[...f(x).data], [...valueAndGrad(lossOf)({ x }).grads.x.data]];
}

for (const format of FORMATS) {
  inEachPrecision(`products by a matrix in ${format} are those of the widened matrix, to the bit`, ({ dtype }) => {
    const w = half(format, [37, 12]), wide = cast(w, dtype);
    const targets = Int32Array.of(0, 36, 5, 5, 9), bias = drawn("bias", [37], dtype);
    const change = { a: drawn("a", [2, 12], dtype), b: drawn("b", [37, 2], dtype), scale: 2 };
    for (const rows of [1, 5, 40]) {
      const x = drawn("x", [rows, 12], dtype);
      assertEquals(both((x) => linear(x, w), x), both((x) => linear(x, wide), x));
      assertEquals(both((x) => linear(x, w, bias), x), both((x) => linear(x, wide, bias), x));
      assertEquals(both((x) => lowRankLinear(x, w, change), x), both((x) => lowRankLinear(x, wide, change), x));
    }
    const x = drawn("x", [5, 12], dtype);
    assertEquals(both((x) => chosenLogProbs(x, w, targets), x), both((x) => chosenLogProbs(x, wide, targets), x));
    assertEquals(both((x) => entropies(x, w), x), both((x) => entropies(x, wide), x));
    if (dtype === "f32") assertEquals([...gatherRows(w, targets).data], [...gatherRows(wide, targets).data]);
  });
}

Deno.test("a matrix of several pieces multiplies as one, to the bit", () => {
  const w = half("bf16", [2600, 512]), wide = cast(w, "f32"), x = drawn("x", [9, 512], "f32");
  assertEquals(both((x) => linear(x, w), x), both((x) => linear(x, wide), x));
});

Deno.test("a matrix of 16 bits takes two bytes a number, reads as numbers, and is computed with by products alone", () => {
  const w = half("f16", [6, 4]);
  assertEquals([numbersOf(w).byteLength, w.data.length, w.shape], [48, 24, [6, 4]]);
  assertEquals([...buildHalf("bf16", [2], (bits) => bits.set([0x3f80, 0xc000])).data], [1, -2]);
  assertThrows(
    () => mul(w as unknown as Tensor, w as unknown as Tensor),
    TypeError,
    "Cannot compute with a tensor of shape [6, 4] as it is held in f16: hold it in f32",
  );
});
