/** Layer norm by rows. Sizes of rows are in bytes. */

import { address, call, f32, f32x4, func, type Local, loop, type NewLocal, type Value, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { inverseRms, step } from "./rows.ts";
import { eachVector, sumLanes } from "./vectors.ts";

const { add, sub, mul, madd, nmadd } = f32x4;

const sizes = { dim: "address", inverseDim: "f32", eps: "f32" } as const;

/** Gives the statement that leaves the mean of the row at `x` in all lanes of `mean`. */
function average(
  { mean, j }: { readonly mean: Local<"v128">; readonly j: Local<"address"> },
): (x: Value<"address">, dim: Value<"address">, inverseDim: Value<"f32">) => Code {
  return (x, dim, inverseDim) => [
    mean.set(f32x4.of(0)),
    eachVector(j, dim, ({ load }) => mean.set(add(mean, load(address.add(x, j))))),
    mean.set(f32x4.splat(f32.mul(sumLanes(mean), inverseDim))),
  ];
}

/** Layer norm of the rows in `x … end`. */
export const layerNorm: Func = func("layerNorm", {
  x: "address",
  end: "address",
  weight: "address",
  bias: "address",
  out: "address",
  ...sizes,
}, ({ x, end, weight, bias, out, dim, inverseDim, eps }, local) => {
  const [j, mean, value, squares] = [local("address"), local("v128"), local("v128"), local("v128")];
  const scale = squares;
  return loop(x, x, end, dim, [
    average({ mean, j })(x, dim, inverseDim),
    squares.set(f32x4.of(0)),
    eachVector(j, dim, ({ load, only }) => [
      value.set(only(sub(load(address.add(x, j)), mean))),
      squares.set(madd(value, value, squares)),
    ]),
    scale.set(f32x4.splat(inverseRms(sumLanes(squares), inverseDim, eps))),
    eachVector(j, dim, ({ load, store }) => [
      value.set(mul(sub(load(address.add(x, j)), mean), scale)),
      store(address.add(out, j), madd(value, load(address.add(weight, j)), load(address.add(bias, j)))),
    ]),
    step(out, dim),
  ]);
});

type Six<T> = readonly [T, T, T, T, T, T];
const vectors = (local: NewLocal): Six<Local<"v128">> =>
  Array.from({ length: 6 }, () => local("v128")) as unknown as Six<Local<"v128">>;

/** Gradients for the rows in `x … end`; dWeight, and dBias behind it, are added to. */
const blockBackward: Func = func("layerNormBlockBackward", {
  x: "address",
  end: "address",
  weight: "address",
  g: "address",
  dx: "address",
  dWeight: "address",
  ...sizes,
}, ({ x, end, weight, g, dx, dWeight, dim, inverseDim, eps }, local) => {
  const [j, dBias, scale] = [local("address"), local("address"), local("f32")];
  const [mean, value, gradient, squares, total, along] = vectors(local);
  const [scales, level, slope] = [squares, total, along];
  const cubed = f32.mul(f32.mul(scale, scale), scale);
  return loop(x, x, end, dim, [
    average({ mean, j })(x, dim, inverseDim),
    [squares, total, along].map((sum) => sum.set(f32x4.of(0))),
    eachVector(j, dim, ({ load, only }) => [
      value.set(only(sub(load(address.add(x, j)), mean))),
      squares.set(madd(value, value, squares)),
      gradient.set(mul(load(address.add(g, j)), load(address.add(weight, j)))),
      total.set(add(total, gradient)), // Σ g·w and Σ g·w·(x − mean): what the norm removes of the gradient
      along.set(madd(gradient, value, along)),
    ]),
    scale.set(inverseRms(sumLanes(squares), inverseDim, eps)),
    level.set(f32x4.splat(f32.mul(f32.mul(sumLanes(total), inverseDim), scale))),
    slope.set(f32x4.splat(f32.mul(f32.mul(sumLanes(along), inverseDim), cubed))),
    scales.set(f32x4.splat(scale)),
    dBias.set(address.add(dWeight, dim)),
    eachVector(j, dim, ({ load, store }) => [
      value.set(sub(load(address.add(x, j)), mean)),
      gradient.set(load(address.add(g, j))),
      store(address.add(dBias, j), add(load(address.add(dBias, j)), gradient)),
      gradient.set(mul(gradient, scales)),
      store(address.add(dWeight, j), madd(gradient, value, load(address.add(dWeight, j)))),
      store(address.add(dx, j), nmadd(value, slope, sub(mul(gradient, load(address.add(weight, j))), level))),
    ]),
    step(g, dim),
    step(dx, dim),
  ]);
});

/**
 * Gradients of layer norm for the rows in `x … end`. Each block of rows adds its part of dWeight and dBias to a row of
 * `sums` of its own, dBias behind dWeight.
 */
export const layerNormBackward: Func = func("layerNormBackward", {
  x: "address",
  end: "address",
  block: "address", // bytes
  weight: "address",
  g: "address",
  dx: "address",
  sums: "address",
  ...sizes,
}, ({ x, end, block, weight, g, dx, sums, dim, inverseDim, eps }, local) => {
  const [j, last] = [local("address"), local("address")];
  return loop(x, x, end, block, [
    last.set(address.add(x, block)),
    when(address.lt(end, last), last.set(end)),
    eachVector(j, address.shl(dim, 1), ({ store }) => store(address.add(sums, j), f32x4.of(0))),
    call(blockBackward, x, last, weight, g, dx, sums, dim, inverseDim, eps),
    [step(g, block), step(dx, block), step(sums, address.shl(dim, 1))],
  ]);
});
