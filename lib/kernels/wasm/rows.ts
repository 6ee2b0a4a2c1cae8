/** Kernels that work row by row: lookups, RMS norm, rotary embedding, log-probabilities. Sizes of rows are in bytes. */

import {
  type Address,
  address,
  call,
  f32,
  f32x4,
  func,
  type Local,
  loop,
  v128,
  type Value,
  when,
} from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { eachVector, exponential, FLOAT, logarithm, maximum, sumLanes, sumOfExponentials } from "./vectors.ts";

const { add, sub, mul, madd, nmadd } = f32x4;

/** Moves an address on. */
export const step = (at: Local<"address">, by: Address): Code => at.set(address.add(at, by));

/** out[i] ← table[ids[i]]. */
export const gatherRows: Func = func("gatherRows", {
  table: "address",
  ids: "address",
  out: "address",
  count: "address",
  dim: "address",
}, ({ table, ids, out, count, dim }, local) => {
  const [row, j, from] = [local("address"), local("address"), local("address")];
  return loop(row, 0, count, 1, [
    from.set(address.add(table, address.mul(address.load32(ids), dim))),
    eachVector(j, dim, ({ load, store }) => store(address.add(out, j), load(address.add(from, j)))),
    step(out, dim),
    step(ids, 4),
  ]);
});

/** out[ids[i]] ← out[ids[i]] + x[i], in order of i. */
export const scatterAddRows: Func = func("scatterAddRows", {
  x: "address",
  ids: "address",
  out: "address",
  count: "address",
  dim: "address",
}, ({ x, ids, out, count, dim }, local) => {
  const [row, j, to] = [local("address"), local("address"), local("address")];
  return loop(row, 0, count, 1, [
    to.set(address.add(out, address.mul(address.load32(ids), dim))),
    eachVector(
      j,
      dim,
      ({ load, store }) => store(address.add(to, j), add(load(address.add(to, j)), load(address.add(x, j)))),
    ),
    step(x, dim),
    step(ids, 4),
  ]);
});

/** 1 / √(total/dim + eps). */
export const inverseRms = (total: Value<"f32">, inverseDim: Value<"f32">, eps: Value<"f32">): Value<"f32"> =>
  f32.div(f32.of(1), f32.sqrt(f32.add(f32.mul(total, inverseDim), eps)));

/** RMS norm of the rows in `x … end`. */
export const rmsNorm: Func = func("rmsNorm", {
  x: "address",
  end: "address",
  weight: "address",
  out: "address",
  dim: "address",
  inverseDim: "f32",
  eps: "f32",
}, ({ x, end, weight, out, dim, inverseDim, eps }, local) => {
  const [j, value, squares] = [local("address"), local("v128"), local("v128")];
  const scale = squares;
  return loop(x, x, end, dim, [
    squares.set(f32x4.of(0)),
    eachVector(j, dim, ({ load }) => [
      value.set(load(address.add(x, j))),
      squares.set(madd(value, value, squares)),
    ]),
    scale.set(f32x4.splat(inverseRms(sumLanes(squares), inverseDim, eps))),
    eachVector(
      j,
      dim,
      ({ load, store }) =>
        store(address.add(out, j), mul(mul(load(address.add(x, j)), scale), load(address.add(weight, j)))),
    ),
    step(out, dim),
  ]);
});

/** Gradients of RMS norm for the rows in `x … end`; dWeight is added to. */
const normBlockBackward: Func = func("normBlockBackward", {
  x: "address",
  end: "address",
  weight: "address",
  g: "address",
  dx: "address",
  dWeight: "address",
  dim: "address",
  inverseDim: "f32",
  eps: "f32",
}, ({ x, end, weight, g, dx, dWeight, dim, inverseDim, eps }, local) => {
  const [j, value, gradient] = [local("address"), local("v128"), local("v128")];
  const [squares, along, scale, remove] = [local("v128"), local("v128"), local("f32"), local("v128")];
  const scales = squares;
  const cubed = f32.mul(f32.mul(scale, scale), scale);
  return loop(x, x, end, dim, [
    squares.set(f32x4.of(0)),
    along.set(f32x4.of(0)), // Σ g·w·x: the part of the gradient that lies along x, which the norm removes
    eachVector(j, dim, ({ load }) => [
      value.set(load(address.add(x, j))),
      squares.set(madd(value, value, squares)),
      gradient.set(mul(load(address.add(g, j)), load(address.add(weight, j)))),
      along.set(madd(gradient, value, along)),
    ]),
    scale.set(inverseRms(sumLanes(squares), inverseDim, eps)),
    remove.set(f32x4.splat(f32.mul(f32.mul(sumLanes(along), inverseDim), cubed))),
    scales.set(f32x4.splat(scale)),
    eachVector(j, dim, ({ load, store }) => [
      value.set(load(address.add(x, j))),
      gradient.set(mul(load(address.add(g, j)), scales)),
      store(address.add(dWeight, j), madd(gradient, value, load(address.add(dWeight, j)))),
      store(address.add(dx, j), nmadd(value, remove, mul(gradient, load(address.add(weight, j))))),
    ]),
    step(g, dim),
    step(dx, dim),
  ]);
});

/**
 * Gradients of RMS norm for the rows in `x … end`. Each block of rows adds its part of dWeight to a row of `sums` of its
 * own.
 */
export const rmsNormBackward: Func = func("rmsNormBackward", {
  x: "address",
  end: "address",
  block: "address", // bytes
  weight: "address",
  g: "address",
  dx: "address",
  sums: "address",
  dim: "address",
  inverseDim: "f32",
  eps: "f32",
}, ({ x, end, block, weight, g, dx, sums, dim, inverseDim, eps }, local) => {
  const [j, last] = [local("address"), local("address")];
  return loop(x, x, end, block, [
    last.set(address.add(x, block)),
    when(address.lt(end, last), last.set(end)),
    eachVector(j, dim, ({ store }) => store(address.add(sums, j), f32x4.of(0))),
    call(normBlockBackward, x, last, weight, g, dx, sums, dim, inverseDim, eps),
    [step(g, block), step(dx, block), step(sums, dim)],
  ]);
});

/** Turns the pairs (j, j + half) of every head by the angle of its row's position; the `rest` of a head stays. */
export const rotary: Func = func("rotary", {
  x: "address",
  positions: "address",
  cos: "address",
  sin: "address",
  out: "address",
  rows: "address",
  heads: "address",
  half: "address",
  rest: "address",
  direction: "f32",
}, ({ x, positions, cos, sin, out, rows, heads, half, rest, direction }, local) => {
  const [row, head, j, angle] = [local("address"), local("address"), local("address"), local("address")];
  const [c, s, first, second] = [local("v128"), local("v128"), local("v128"), local("v128")];
  return loop(row, 0, rows, 1, [
    angle.set(address.mul(address.load32(positions), half)),
    step(positions, 4),
    loop(head, 0, heads, 1, [
      eachVector(j, half, ({ load, store }) => [
        c.set(load(address.add(address.add(cos, angle), j))),
        s.set(mul(load(address.add(address.add(sin, angle), j)), f32x4.splat(direction))),
        first.set(load(address.add(x, j))),
        second.set(load(address.add(address.add(x, half), j))),
        store(address.add(out, j), nmadd(second, s, mul(first, c))),
        store(address.add(address.add(out, half), j), madd(first, s, mul(second, c))),
      ]),
      step(x, address.shl(half, 1)),
      step(out, address.shl(half, 1)),
      eachVector(j, rest, ({ load, store }) => store(address.add(out, j), load(address.add(x, j)))),
      step(x, rest),
      step(out, rest),
    ]),
  ]);
});

/** logps[r] ← logits[r, targets[r]] − lse[r], lse[r] ← log Σ exp logits[r]. */
export const logProbRows: Func = func("logProbRows", {
  logits: "address",
  targets: "address",
  logps: "address",
  lse: "address",
  count: "address",
  vocab: "address",
}, ({ logits, targets, logps, lse, count, vocab }, local) => {
  const [row, j, max, sum] = [local("address"), local("address"), local("v128"), local("v128")];
  const log = logarithm(local);
  const chosen = f32.load(address.add(logits, address.shl(address.load32(targets), 2)));
  return loop(row, 0, count, 1, [
    maximum({ max, j }, logits, vocab),
    max.set(f32x4.pmax(max, f32x4.of(-(2 ** 127)))), // a row of −∞ must not give −∞ − −∞
    sumOfExponentials({ sum, max, j }, local)(logits, vocab, false),
    sum.set(f32x4.splat(sumLanes(sum))),
    log(sum),
    f32.store(lse, f32.add(f32x4.lane(0, max), f32x4.lane(0, sum))),
    // Not chosen − lse: near the largest logit, the difference to it is exact.
    f32.store(logps, f32.sub(f32.sub(chosen, f32x4.lane(0, max)), f32x4.lane(0, sum))),
    step(logits, vocab),
    step(targets, 4),
    step(logps, FLOAT),
    step(lse, FLOAT),
  ]);
});

/** logits[r, v] ← g[r]·(1[v = targets[r]] − exp(logits[r, v] − lse[r])). */
export const logProbRowsBackward: Func = func("logProbRowsBackward", {
  logits: "address",
  targets: "address",
  lse: "address",
  g: "address",
  count: "address",
  vocab: "address",
}, ({ logits, targets, lse, g, count, vocab }, local) => {
  const [row, j, at] = [local("address"), local("address"), local("address")];
  const [total, factor, value] = [local("v128"), local("v128"), local("v128")];
  const exp = exponential(local);
  return loop(row, 0, count, 1, [
    total.set(v128.load32Splat(lse)),
    factor.set(f32x4.neg(v128.load32Splat(g))),
    eachVector(j, vocab, ({ load, store }) => [
      value.set(sub(load(address.add(logits, j)), total)),
      exp(value),
      store(address.add(logits, j), mul(value, factor)),
    ]),
    at.set(address.add(logits, address.shl(address.load32(targets), 2))),
    f32.store(at, f32.add(f32.load(at), f32.load(g))),
    step(logits, vocab),
    step(targets, 4),
    step(lse, FLOAT),
    step(g, FLOAT),
  ]);
});
