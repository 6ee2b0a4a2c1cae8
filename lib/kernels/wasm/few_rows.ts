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
          range(4).map((lane) => [
            when(address.lt(0, add), [
              before.set(v128.load32Splat(at)),
              v128.store32Lane(lane, at, f32x4.add(before, sum)),
            ], v128.store32Lane(lane, at, sum)),
            at.set(address.add(at, cStep)),
          ])
        ),
      ]),
    ];
  });
}

const [dots1x16, dots1x8, dots2x8] = [dots(1, 4), dots(1, 2), dots(2, 2)];

/** The lanes of two sums that belong to rows 0 and 1, and to rows 2 and 3. */
const PAIRS = [[0, 4, 1, 5], [2, 6, 3, 7]] as const;

/** What a tile of lanes takes. */
const tiled = {
  rows: "address",
  panel: "address",
  depth: "address",
  b: "address",
  apart: "address",
  c: "address",
  ldc: "address",
  add: "address",
} as const;

/** Columns of a tile of lanes, next to each other in C: four, six or eight. */
type Width = 4 | 6 | 8;

/**
 * C ← A·B, or C + A·B where `add` is 1, for `vectors` times four rows of a panel, of which `rows` are meant, and `width`
 * columns of B.
 */
function tile(vectors: 1 | 2, width: Width): Func {
  return func(`lanes${vectors}x${width}`, tiled, ({ rows, panel, depth, b, apart, c, ldc, add }, local) => {
    const columns = [b, ...range(width - 1).map(() => local("address"))];
    const sums = columns.map(() => range(vectors).map(() => local("v128")));
    const [lanes, scratch] = [range(vectors), range(4)].map((all) => all.map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const [k, factor] = [local("address"), scratch[0]!];
    const step = (k: number): Code => [
      lanes.map((lane, v) => lane.set(v128.load(panel, (k * FEW_LANES / 4 + v) * VECTOR))),
      columns.map((column, j) => [
        factor.set(v128.load32Splat(column, k * FLOAT)),
        lanes.map((lane, v) => sums[j]![v]!.set(f32x4.madd(factor, lane, sums[j]![v]!))),
      ]),
    ];
    const [quads, pair] = [Math.floor(width / 4), width % 4 === 2 ? sums.slice(-2) : []];
    /** Turns round the sums of each four columns, then of the two that are left: rows 0 and 1 of these in one, 2 and 3. */
    const turn = (v: number): Code => [
      range(quads).map((q) => transpose(range(4).map((j) => sums[4 * q + j]![v]!), scratch)),
      pair.map((_, half) => scratch[half]!.set(v128.shuffle(pair[0]![v]!, pair[1]![v]!, PAIRS[half]!))),
      pair.map((sum, half) => sum[v]!.set(scratch[half]!)),
    ];
    /** A row of C; the rows beyond `rows` mean nothing. */
    const write = (row: number): Code => {
      const v = Math.floor(row / 4), end = quads * VECTOR;
      const parts = range(quads).map((q) => sums[4 * q + row % 4]![v]!);
      const two = pair[Math.floor(row % 4 / 2)]?.[v];
      return when(address.lt(row, rows), [
        when(address.lt(0, add), parts.map((sum, q) => sum.set(f32x4.add(v128.load(c, q * VECTOR), sum)))),
        parts.map((sum, q) => v128.store(c, sum, q * VECTOR)),
        two === undefined ? [] : [
          factor.set(row % 2 === 0 ? two : v128.shuffle(two, two, [2, 3, 2, 3])),
          when(address.lt(0, add), factor.set(f32x4.add(v128.load64Zero(c, end), factor))),
          v128.store64(c, factor, end),
        ],
        c.set(address.add(c, ldc)),
      ]);
    };
    return [
      columns.slice(1).map((at, j) => at.set(address.add(columns[j]!, apart))),
      loop(k, 0, depth, FEW_STEPS, [
        range(FEW_STEPS).map(step),
        panel.set(address.add(panel, FEW_STEPS * FEW_LANES * FLOAT)),
        columns.map((at) => at.set(address.add(at, FEW_STEPS * FLOAT))),
      ]),
      lanes.map((_, v) => turn(v)),
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

/**
 * C ← A·B, or C + A·B where `add` is 1, for one or two rows as they lie. The columns of B are `apart` bytes apart; where
 * that is less than a page every second one is taken, then those between, so that most of them lie in pages of their own:
 * from memory they come up to one and a half times as quickly so.
 */
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
  const [column, turn, every, step] = locals(local, "address", 4);
  const move = (columns: Address): Code => [
    b.set(address.add(b, address.mul(apart, columns))),
    c.set(address.add(c, address.mul(columns, FLOAT))),
  ];
  /** Some columns of B, each `every`th. */
  const multiply = (dots: Func): Code =>
    eachBlock(local, { depth, add }, (k, steps, more) => {
      const offset = address.shl(k, 2), cStep = address.mul(every, FLOAT);
      const from = [address.add(a, offset), across, address.add(b, offset), address.mul(apart, every), steps];
      return call(dots, ...from, c, ldc, cStep, more);
    });
  /** All columns: twice `columns` at a time in two turns, then eight. */
  const all = (dotsOf: (columns: number) => Func, columns: number): Code => [
    every.set(address.of(1)),
    step.set(address.of(columns)),
    when(address.lt(apart, PAGE), [every.set(address.of(2)), step.set(address.of(1))]),
    loop(column, 0, address.and(width, -2 * columns), 2 * columns, [
      loop(turn, 0, 2, 1, [multiply(dotsOf(columns)), move(step)]),
      move(address.sub(2 * columns, address.mul(step, 2))),
    ]),
    every.set(address.of(1)),
    loop(column, column, width, FEW_COLUMNS, [multiply(dotsOf(FEW_COLUMNS)), move(FEW_COLUMNS)]),
  ];
  return when(
    address.eq(rows, 1),
    all((columns) => columns === FEW_COLUMNS ? dots1x8 : dots1x16, 2 * FEW_COLUMNS),
    all(() => dots2x8, FEW_COLUMNS),
  );
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
export const multiplyFewRows: Func = func("multiplyFewRows", { width: "address", ...tiled }, (
  { width, rows, panel, depth, b, apart, c, ldc, add },
  local,
) => {
  const [column, end, row, rest] = [local("address"), local("address"), local("address"), local("address")];
  const [x, to, bytes] = [local("address"), local("address"), local("address")];
  /** The columns up to `end`. */
  const multiply = ({ width, eightRows, fourRows }: Tiles): Code =>
    loop(column, column, end, width, [
      eachBlock(local, { depth, add }, (k, steps, more) => {
        const run = (tile: Func): Code =>
          call(tile, rest, x, steps, address.add(b, address.shl(k, 2)), apart, to, ldc, more);
        return [
          [x.set(address.add(panel, address.mul(k, FEW_LANES * FLOAT))), to.set(c)],
          loop(row, 0, rows, FEW_LANES, [
            rest.set(address.sub(rows, row)),
            eightRows === undefined ? run(fourRows) : when(address.lt(4, rest), run(eightRows), run(fourRows)),
            [x.set(address.add(x, bytes)), to.set(address.add(to, address.mul(ldc, FEW_LANES)))],
          ]),
        ];
      }),
      [b.set(address.add(b, address.mul(apart, width))), c.set(address.add(c, width * FLOAT))],
    ]);
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
