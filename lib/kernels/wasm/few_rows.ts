/**
 * Products with few rows of A by a B whose columns lie contiguous, as the weights of a linear layer do: copies of B into
 * panels would cost as much as the products, so B is read as it lies, once.
 *
 * One row or two take columns of B that are turned round in registers. More of them are packed instead, eight side by
 * side, and each number of B is multiplied with all of them at once.
 *
 * An element is the same chain as in `gemm.ts`: products in order of k within a block of `KC`, and the blocks in order.
 */

import { address, call, f32x4, func, type Local, loop, type NewLocal, v128, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { KC } from "./gemm.ts";
import { FLOAT, transpose, VECTOR } from "./vectors.ts";

/** Columns of B that are multiplied at once; a width must be a multiple of it, and a depth of `FEW_STEPS`. */
export const FEW_COLUMNS = 8;
/** Steps of k that are loaded at once. */
export const FEW_STEPS = 4;
/** Rows of A side by side in a panel. */
export const FEW_LANES = 8;

/** Vectors of a cache line. */
const LINE = 4;

const range = (n: number): number[] => [...Array(n).keys()];

/** What products of one and of two rows take. */
const dotted = {
  a: "address",
  across: "address",
  b: "address",
  apart: "address",
  depth: "address",
  c: "address",
  ldc: "address",
  add: "address",
} as const;

/** C ← A·B, or C + A·B where `add` is 1, for one or two rows of A and `quads` times four columns of B, `apart` apart. */
function dots(rows: 1 | 2, quads: number): Func {
  return func(`dots${rows}x${quads}`, dotted, ({ a, across, b, apart, depth, c, ldc, add }, local) => {
    const from = [a, local("address")].slice(0, rows);
    const sums = from.map(() => range(quads).map(() => local("v128")));
    const [columns, scratch] = [0, 1].map(() => range(FEW_STEPS).map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const [k, at] = [local("address"), local("address")];
    const accumulate = (sum: Local<"v128">, row: Local<"address">, offset: number): Code =>
      columns.map((column, i) => sum.set(f32x4.madd(v128.load32Splat(row, offset + i * FLOAT), column, sum)));
    /** The next `vectors` vectors of all columns, of a cache line one after the other. */
    const steps = (vectors: number): Code => [
      range(vectors).map((v) => [
        at.set(b),
        range(quads).map((quad) => [
          columns.map((column) => [column.set(v128.load(at, v * VECTOR)), at.set(address.add(at, apart))]),
          transpose(columns, scratch),
          from.map((row, i) => accumulate(sums[i]![quad]!, row, v * VECTOR)),
        ]),
      ]),
      [b, ...from].map((at) => at.set(address.add(at, vectors * VECTOR))),
    ];
    return [
      from.slice(1).map((row) => row.set(address.add(a, across))),
      loop(k, 0, address.and(depth, -LINE * FEW_STEPS), LINE * FEW_STEPS, steps(LINE)),
      loop(k, k, depth, FEW_STEPS, steps(1)),
      sums.map((row, i) => [
        at.set(i === 0 ? c : address.add(c, ldc)),
        when(address.lt(0, add), row.map((sum, j) => sum.set(f32x4.add(v128.load(at, j * VECTOR), sum)))),
        row.map((sum, j) => v128.store(at, sum, j * VECTOR)),
      ]),
    ];
  });
}

/** What the tiles of one and of two vectors of rows take. */
const tiled = {
  rows: "address",
  panel: "address",
  width: "address",
  depth: "address",
  b: "address",
  apart: "address",
  c: "address",
  ldc: "address",
  add: "address",
} as const;

/**
 * C ← A·B, or C + A·B where `add` is 1, for `vectors` times four rows of a panel, of which `rows` are meant, and `width`
 * columns of B, `quads` times four at a time.
 */
function tile(vectors: number, quads: number): Func {
  return func(`lanes${vectors}x${quads}`, tiled, ({ rows, panel, width, depth, b, apart, c, ldc, add }, local) => {
    const columns = range(4 * quads).map(() => local("address"));
    const sums = columns.map(() => range(vectors).map(() => local("v128")));
    const [lanes, scratch] = [range(vectors), range(4)].map((all) => all.map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const [k, column, at, factor] = [local("address"), local("address"), local("address"), local("v128")];
    const step = (k: number): Code => [
      lanes.map((lane, v) => lane.set(v128.load(at, (k * FEW_LANES / 4 + v) * VECTOR))),
      columns.map((column, j) => [
        factor.set(v128.load32Splat(column, k * FLOAT)),
        lanes.map((lane, v) => sums[j]![v]!.set(f32x4.madd(factor, lane, sums[j]![v]!))),
      ]),
    ];
    /** A row of C from the sums of its columns, which have been turned round; the rows beyond `rows` mean nothing. */
    const write = (row: number): Code => {
      const parts = range(quads).map((q) => sums[4 * q + row % 4]![Math.floor(row / 4)]!);
      return when(address.lt(row, rows), [
        when(address.lt(0, add), parts.map((sum, q) => sum.set(f32x4.add(v128.load(at, q * VECTOR), sum)))),
        parts.map((sum, q) => v128.store(at, sum, q * VECTOR)),
        at.set(address.add(at, ldc)),
      ]);
    };
    return loop(column, 0, width, 4 * quads, [
      columns.map((at, j) => at.set(j === 0 ? b : address.add(columns[j - 1]!, apart))),
      sums.map((column) => column.map((sum) => sum.set(f32x4.of(0)))),
      at.set(panel),
      loop(k, 0, depth, FEW_STEPS, [
        range(FEW_STEPS).map(step),
        at.set(address.add(at, FEW_STEPS * FEW_LANES * FLOAT)),
        columns.map((at) => at.set(address.add(at, FEW_STEPS * FLOAT))),
      ]),
      at.set(c),
      lanes.map((_, v) => range(quads).map((q) => transpose(range(4).map((j) => sums[4 * q + j]![v]!), scratch))),
      range(4 * vectors).map(write),
      b.set(address.add(b, address.mul(apart, 4 * quads))),
      c.set(address.add(c, quads * VECTOR)),
    ]);
  });
}

/** Of the rows of a panel four are as quick as one, and eight as five. */
const [fourRows, eightRows] = [tile(1, 2), tile(2, 1)];

/** Calls `body` for each block of k: its place in bytes, its steps, and whether C is to be added to. */
function eachBlock(
  local: NewLocal,
  { depth, add }: { readonly depth: Local<"address">; readonly add: Local<"address"> },
  body: (k: Local<"address">, steps: Local<"address">, more: Local<"address">) => Code,
): Code {
  const [k, steps, more] = [local("address"), local("address"), local("address")];
  return [
    more.set(add),
    loop(k, 0, depth, KC, [
      steps.set(address.sub(depth, k)),
      when(address.lt(KC, steps), steps.set(address.of(KC))),
      body(k, steps, more),
      more.set(address.of(1)),
    ]),
  ];
}

/** C ← A·B, or C + A·B where `add` is 1, for one or two rows as they lie. The columns of B are `apart` bytes apart. */
export const multiplyOneOrTwo: Func = func("multiplyOneOrTwo", { rows: "address", width: "address", ...dotted }, (
  { rows, width, a, across, b, apart, depth, c, ldc, add },
  local,
) => {
  const column = local("address");
  const [one, more, two] = [dots(1, 2 * FEW_COLUMNS / 4), dots(1, FEW_COLUMNS / 4), dots(2, FEW_COLUMNS / 4)];
  /** The next `columns` columns of B. */
  const multiply = (dots: Func, columns: number): Code => [
    eachBlock(local, { depth, add }, (k, steps, more) => {
      const offset = address.shl(k, 2);
      return call(dots, address.add(a, offset), across, address.add(b, offset), apart, steps, c, ldc, more);
    }),
    b.set(address.add(b, address.mul(apart, columns))),
    c.set(address.add(c, columns * FLOAT)),
  ];
  return when(address.eq(rows, 1), [
    loop(column, 0, address.and(width, -2 * FEW_COLUMNS), 2 * FEW_COLUMNS, multiply(one, 2 * FEW_COLUMNS)),
    loop(column, column, width, FEW_COLUMNS, multiply(more, FEW_COLUMNS)),
  ], loop(column, 0, width, FEW_COLUMNS, multiply(two, FEW_COLUMNS)));
});

/** Columns of B that all rows are multiplied with in turn: what they have in a block stays in the first-level cache. */
const NEAR = 16;

/**
 * C ← A·B, or C + A·B where `add` is 1, for `rows` rows of A in panels of `FEW_LANES`, the last one filled up with
 * anything. The columns of B are `apart` bytes apart.
 */
export const multiplyFewRows: Func = func("multiplyFewRows", tiled, (
  { rows, panel, width, depth, b, apart, c, ldc, add },
  local,
) => {
  const [column, columns, row, rest] = [local("address"), local("address"), local("address"), local("address")];
  const [x, from, to, bytes] = [local("address"), local("address"), local("address"), local("address")];
  return [
    bytes.set(address.mul(depth, FEW_LANES * FLOAT)),
    eachBlock(local, { depth, add }, (k, steps, more) => {
      const run = (tile: Func): Code => call(tile, rest, x, columns, steps, from, apart, to, ldc, more);
      return loop(column, 0, width, NEAR, [
        columns.set(address.sub(width, column)),
        when(address.lt(NEAR, columns), columns.set(address.of(NEAR))),
        x.set(address.add(panel, address.mul(k, FEW_LANES * FLOAT))),
        from.set(address.add(address.add(b, address.mul(column, apart)), address.shl(k, 2))),
        to.set(address.add(c, address.shl(column, 2))),
        loop(row, 0, rows, FEW_LANES, [
          rest.set(address.sub(rows, row)),
          when(address.lt(FEW_LANES, rest), rest.set(address.of(FEW_LANES))),
          when(address.lt(4, rest), run(eightRows), run(fourRows)),
          x.set(address.add(x, bytes)),
          to.set(address.add(to, address.mul(ldc, FEW_LANES))),
        ]),
      ]);
    }),
  ];
});
