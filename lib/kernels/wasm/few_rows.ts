/**
 * Products with few rows of A by a B whose columns lie contiguous, as the weights of a linear layer do: copies of B into
 * panels would cost as much as the products, so B is read as it lies, once.
 *
 * One row or two take columns of B that are turned round in registers. More of them are packed instead, eight side by
 * side, and each number of B is multiplied with all of them at once.
 *
 * An element is the same chain as in `gemm.ts`: products in order of k within a block of `KC`, and the blocks in order.
 */

import {
  type Address,
  address,
  call,
  f32x4,
  func,
  type Local,
  locals,
  loop,
  type NewLocal,
  v128,
  type Vector,
  when,
} from "./assembler.ts";
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
  cStep: "address",
  add: "address",
} as const;

/** Stores one of four sums, or adds it to what is there where `add` is 1. */
const storeLane = (
  lane: number,
  at: Address,
  sum: Vector,
  { add, before }: { readonly add: Local<"address">; readonly before: Local<"v128"> },
): Code =>
  when(address.lt(0, add), [
    before.set(v128.load32Splat(at)),
    v128.store32Lane(lane, at, f32x4.add(before, sum)),
  ], v128.store32Lane(lane, at, sum));

/**
 * C ← A·B, or C + A·B where `add` is 1, for one or two rows of A and `quads` times four columns of B, `apart` apart in B
 * and `cStep` in C.
 */
function dots(rows: 1 | 2, quads: number): Func {
  return func(`dots${rows}x${quads}`, dotted, ({ a, across, b, apart, depth, c, ldc, cStep, add }, local) => {
    const from = [a, local("address")].slice(0, rows);
    const sums = from.map(() => range(quads).map(() => local("v128")));
    const [columns, scratch] = [0, 1].map(() => range(FEW_STEPS).map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const [k, at] = [local("address"), local("address")];
    const [before] = columns as [Local<"v128">];
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
        row.map((sum) =>
          range(4).map((lane) => [storeLane(lane, at, sum, { add, before }), at.set(address.add(at, cStep))])
        ),
      ]),
    ];
  });
}

/** What a tile of lanes takes. */
const tiled = {
  rows: "address",
  panel: "address",
  depth: "address",
  b: "address",
  apart: "address",
  c: "address",
  ldc: "address",
  cStep: "address",
  add: "address",
} as const;

/** Columns of a tile of lanes, next to each other in C: four, six or eight. */
type Width = 4 | 6 | 8;

/**
 * C ← A·B, or C + A·B where `add` is 1, for `vectors` times four rows of a panel, of which `rows` are meant, and `width`
 * columns of B.
 */
function tile(vectors: 1 | 2, width: Width): Func {
  return func(`lanes${vectors}x${width}`, tiled, ({ rows, panel, depth, b, apart, c, ldc, cStep, add }, local) => {
    const columns = [b, ...range(width - 1).map(() => local("address"))];
    const sums = columns.map(() => range(vectors).map(() => local("v128")));
    const [lanes, scratch] = [range(vectors), range(4)].map((all) => all.map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const [k, at, factor] = [local("address"), local("address"), scratch[0]!];
    const step = (k: number): Code => [
      lanes.map((lane, v) => lane.set(v128.load(panel, (k * FEW_LANES / 4 + v) * VECTOR))),
      columns.map((column, j) => [
        factor.set(v128.load32Splat(column, k * FLOAT)),
        lanes.map((lane, v) => sums[j]![v]!.set(f32x4.madd(factor, lane, sums[j]![v]!))),
      ]),
    ];
    const [before] = scratch as [Local<"v128">];
    /** A row of C; the rows beyond `rows` mean nothing. */
    const write = (row: number): Code =>
      when(address.lt(row, rows), [
        at.set(c),
        sums.map((vectors) => [
          storeLane(row % 4, at, vectors[Math.floor(row / 4)]!, { add, before }),
          at.set(address.add(at, cStep)),
        ]),
        c.set(address.add(c, ldc)),
      ]);
    return [
      columns.slice(1).map((at, j) => at.set(address.add(columns[j]!, apart))),
      loop(k, 0, depth, FEW_STEPS, [
        range(FEW_STEPS).map(step),
        panel.set(address.add(panel, FEW_STEPS * FEW_LANES * FLOAT)),
        columns.map((at) => at.set(address.add(at, FEW_STEPS * FLOAT))),
      ]),
      range(4 * vectors).map(write),
    ];
  });
}

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

/** Bytes of a page of memory. Processors fetch ahead what is read in order within one. */
const PAGE = 4_096;

/** Where the next columns of B and C are, and what lies between those that are taken together. */
interface Place {
  readonly b: Local<"address">;
  readonly apart: Local<"address">;
  readonly c: Local<"address">;
  /** Bytes in B, and in C. */
  readonly bStep: Local<"address">;
  readonly cStep: Local<"address">;
}

/**
 * Runs `multiply` for `columns` columns at a time, from `column` to `end`, whose difference they divide. Where columns are
 * shorter than a page every second one is taken in one turn and those between in the next, so that most of them lie in
 * pages of their own: from memory they come up to one and a half times as quickly so.
 */
function eachColumns(
  local: NewLocal,
  { column, end, columns }: { readonly column: Local<"address">; readonly end: Address; readonly columns: number },
  { b, apart, c, bStep, cStep }: Place,
  multiply: Code,
): Code {
  const [turn, pairs, step] = locals(local, "address", 3);
  const take = (every: number, next: number): Code => [
    bStep.set(address.mul(apart, every)),
    cStep.set(address.of(every * FLOAT)),
    step.set(address.of(next)),
  ];
  const move = (columns: Address): Code => [
    b.set(address.add(b, address.mul(apart, columns))),
    c.set(address.add(c, address.mul(columns, FLOAT))),
  ];
  return [
    pairs.set(address.add(column, address.mul(address.div(address.sub(end, column), 2 * columns), 2 * columns))),
    when(address.lt(apart, PAGE), take(2, 1), take(1, columns)),
    loop(column, column, pairs, 2 * columns, [
      loop(turn, 0, 2, 1, [multiply, move(step)]),
      move(address.sub(2 * columns, address.mul(step, 2))),
    ]),
    take(1, columns),
    loop(column, column, end, columns, [multiply, move(columns)]),
  ];
}

/** C ← A·B, or C + A·B where `add` is 1, for one or two rows as they lie. The columns of B are `apart` bytes apart. */
export const multiplyOneOrTwo: Func = func("multiplyOneOrTwo", {
  rows: "address",
  width: "address",
  a: "address",
  across: "address",
  b: "address",
  apart: "address",
  depth: "address",
  c: "address",
  ldc: "address",
  add: "address",
}, ({ rows, width, a, across, b, apart, depth, c, ldc, add }, local) => {
  const [column, bStep, cStep] = locals(local, "address", 3);
  const multiply = (dots: Func, columns: number): Code =>
    eachColumns(
      local,
      { column, end: address.and(width, -columns), columns },
      { b, apart, c, bStep, cStep },
      eachBlock(local, { depth, add }, (k, steps, more) => {
        const offset = address.shl(k, 2);
        return call(dots, address.add(a, offset), across, address.add(b, offset), bStep, steps, c, ldc, cStep, more);
      }),
    );
  return [
    column.set(address.of(0)),
    when(address.eq(rows, 1), [
      multiply(dots(1, 2 * FEW_COLUMNS / 4), 2 * FEW_COLUMNS),
      multiply(dots(1, FEW_COLUMNS / 4), FEW_COLUMNS),
    ], multiply(dots(2, FEW_COLUMNS / 4), FEW_COLUMNS)),
  ];
});

/** Tiles of `width` columns for a panel with more than four rows, and with fewer, which takes half the time. */
interface Tiles {
  readonly width: Width;
  readonly eightRows?: Func;
  readonly fourRows: Func;
}

/**
 * Twelve sums are as many as fit into registers beside two vectors of rows and a number of B, and eight as few as keep
 * the multipliers busy.
 */
const [sixes, fours]: readonly [Tiles, Tiles] = [
  { width: 6, eightRows: tile(2, 6), fourRows: tile(1, 6) },
  { width: 4, eightRows: tile(2, 4), fourRows: tile(1, 4) },
];
const onlyFourRows: Tiles = { width: 8, fourRows: tile(1, 8) };

/**
 * C ← A·B, or C + A·B where `add` is 1, for `rows` rows of A in panels of `FEW_LANES`, the last one filled up with
 * anything. The columns of B are `apart` bytes apart; some of them at a time go through all blocks of k, so that B is read
 * in the order in which it lies, and through all panels, for which they stay in the first-level cache.
 */
export const multiplyFewRows: Func = func("multiplyFewRows", {
  width: "address",
  rows: "address",
  panel: "address",
  depth: "address",
  b: "address",
  apart: "address",
  c: "address",
  ldc: "address",
  add: "address",
}, ({ width, rows, panel, depth, b, apart, c, ldc, add }, local) => {
  const [column, end, row, rest, x, to, bytes, bStep, cStep] = locals(local, "address", 9);
  /** The columns up to `end`. */
  const multiply = ({ width: columns, eightRows, fourRows }: Tiles): Code =>
    eachColumns(
      local,
      { column, end, columns },
      { b, apart, c, bStep, cStep },
      eachBlock(local, { depth, add }, (k, steps, more) => {
        const run = (tile: Func): Code =>
          call(tile, rest, x, steps, address.add(b, address.shl(k, 2)), bStep, to, ldc, cStep, more);
        return [
          [x.set(address.add(panel, address.mul(k, FEW_LANES * FLOAT))), to.set(c)],
          loop(row, 0, rows, FEW_LANES, [
            rest.set(address.sub(rows, row)),
            eightRows === undefined ? run(fourRows) : when(address.lt(4, rest), run(eightRows), run(fourRows)),
            [x.set(address.add(x, bytes)), to.set(address.add(to, address.mul(ldc, FEW_LANES)))],
          ]),
        ];
      }),
    );
  return [
    [bytes.set(address.mul(depth, FEW_LANES * FLOAT)), column.set(address.of(0)), end.set(width)],
    when(address.lt(4, rows), [
      // An even number is six times one and four times none, one or two.
      end.set(address.mul(address.div(width, 6), 6)),
      when(address.eq(address.sub(width, end), 2), end.set(address.sub(end, 6))),
      [multiply(sixes), end.set(width), multiply(fours)],
    ], multiply(onlyFourRows)),
  ];
});
