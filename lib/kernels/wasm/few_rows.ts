/**
 * Products with few rows of A by a B whose columns lie contiguous, as the weights of a linear layer do: copies of B into
 * panels would cost more than the products, so that four columns at a time are turned round in registers.
 *
 * An element is the same chain as in `gemm.ts`: products in order of k within a block of `KC`, and the blocks in order.
 */

import { address, call, f32x4, func, type Local, loop, v128, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { KC } from "./gemm.ts";
import { FLOAT, transpose, VECTOR } from "./vectors.ts";

/** Columns of B that are multiplied at once; a width must be a multiple of it, and a depth of `FEW_STEPS`. */
export const FEW_COLUMNS = 8;
/** Steps of k that are loaded at once. */
export const FEW_STEPS = 4;

const range = (n: number): number[] => [...Array(n).keys()];

/** C ← A·B, or C + A·B where `add` is 1, for `rows` rows of A and `quads` times four columns of B, `apart` apart. */
function dots(rows: number, quads: number): Func {
  const params = { a: "address", across: "address", b: "address", apart: "address", depth: "address" } as const;
  return func(`dots${rows}x${quads}`, { ...params, c: "address", ldc: "address", add: "address" }, (
    { a, across, b, apart, depth, c, ldc, add },
    local,
  ) => {
    const sums = range(rows).map(() => range(quads).map(() => local("v128")));
    const from = [a, ...range(rows - 1).map(() => local("address"))];
    const [columns, scratch] = [0, 1].map(() => range(FEW_STEPS).map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const [k, at] = [local("address"), local("address")];
    const accumulate = (row: number, quad: number, step: number): Code => {
      const sum = sums[row]![quad]!;
      return sum.set(f32x4.madd(v128.load32Splat(from[row]!, step * FLOAT), columns[step]!, sum));
    };
    return [
      from.slice(1).map((row, i) => row.set(address.add(from[i]!, across))),
      loop(k, 0, depth, FEW_STEPS, [
        at.set(b),
        range(quads).map((quad) => [
          columns.map((column) => [column.set(v128.load(at)), at.set(address.add(at, apart))]),
          transpose(columns, scratch),
          range(FEW_STEPS).map((step) => range(rows).map((row) => accumulate(row, quad, step))),
        ]),
        b.set(address.add(b, VECTOR)),
        from.map((row) => row.set(address.add(row, VECTOR))),
      ]),
      sums.map((row, i) => [
        at.set(i === 0 ? c : address.add(at, ldc)),
        when(address.lt(0, add), row.map((sum, j) => sum.set(f32x4.add(v128.load(at, j * VECTOR), sum)))),
        row.map((sum, j) => v128.store(at, sum, j * VECTOR)),
      ]),
    ];
  });
}

/** The most rows that share a reading of B: for more of them, packing it pays. */
export const MOST_ROWS = 4;
const several = range(MOST_ROWS).map((rows) => dots(rows + 1, FEW_COLUMNS / 4));
const single = dots(1, 2 * FEW_COLUMNS / 4);

/** C ← A·B, or C + A·B where `add` is 1, for one to `MOST_ROWS` rows. The rows of A are `across` bytes apart, the columns of B `apart`. */
export const multiplyFewRows: Func = func("multiplyFewRows", {
  rows: "address",
  width: "address",
  depth: "address",
  a: "address",
  across: "address",
  b: "address",
  apart: "address",
  c: "address",
  ldc: "address",
  add: "address",
}, ({ rows, width, depth, a, across, b, apart, c, ldc, add }, local) => {
  const [column, k, steps, more] = [local("address"), local("address"), local("address"), local("address")];
  /** The next `columns` columns of B. */
  const multiply = (dots: Func, columns: number): Code => [
    more.set(add),
    loop(k, 0, depth, KC, [
      steps.set(address.sub(depth, k)),
      when(address.lt(KC, steps), steps.set(address.of(KC))),
      call(
        ...[dots, address.add(a, address.shl(k, 2)), across, address.add(b, address.shl(k, 2)), apart] as const,
        ...[steps, c, ldc, more] as const,
      ),
      more.set(address.of(1)),
    ]),
    b.set(address.add(b, address.mul(apart, columns))),
    c.set(address.add(c, columns * FLOAT)),
  ];
  return [
    column.set(address.of(0)),
    when(
      address.eq(rows, 1),
      loop(column, 0, address.and(width, -2 * FEW_COLUMNS), 2 * FEW_COLUMNS, multiply(single, 2 * FEW_COLUMNS)),
    ),
    loop(
      column,
      column,
      width,
      FEW_COLUMNS,
      several.map((dots, i) => when(address.eq(rows, i + 1), multiply(dots, FEW_COLUMNS))),
    ),
  ];
});
