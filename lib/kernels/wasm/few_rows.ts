/**
 * Products of few rows of A with a B whose columns lie contiguously: the rows are packed, eight side by side, and each number
 * of B is multiplied with all of them at once.
 */

import { address, call, f32x4, func, locals, loop, v128, type Value, when } from "./assembler.ts";
import { eachBlock, eachColumns, FEW_STEPS, range, storeLane } from "./columns.ts";
import type { Code, Func } from "./encode.ts";
import { multiplyOneOrTwo } from "./one_or_two_rows.ts";
import { FLOAT, VECTOR } from "./vectors.ts";

/** Rows of A side by side in a panel. */
export const FEW_LANES = 8;

/** What products of rows in panels take. */
const product = {
  rows: "address",
  panel: "address",
  depth: "address",
  b: "address",
  apart: "address",
  c: "address",
  ldc: "address",
  add: "address",
} as const;

/** Columns of a tile of lanes. */
type Width = 4 | 6 | 8;

/**
 * C ← A·B, or C + A·B where `add` is 1, for `vectors` times four rows of a panel, of which `rows` are meant, and `width`
 * columns of B, `apart` apart in B and `cStep` in C.
 */
function tile(vectors: 1 | 2, width: Width): Func {
  const given = { ...product, cStep: "address" } as const;
  return func(`lanes${vectors}x${width}`, given, ({ rows, panel, depth, b, apart, c, ldc, add, cStep }, local) => {
    const columns = [b, ...range(width - 1).map(() => local("address"))];
    const sums = columns.map(() => range(vectors).map(() => local("v128")));
    const lanes = range(vectors).map(() => local("v128")), factor = local("v128");
    const [k, at] = [local("address"), local("address")];
    const step = (k: number): Code => [
      lanes.map((lane, v) => lane.set(v128.load(panel, (k * FEW_LANES / 4 + v) * VECTOR))),
      columns.map((column, j) => [
        factor.set(v128.load32Splat(column, k * FLOAT)),
        lanes.map((lane, v) => sums[j]![v]!.set(f32x4.madd(factor, lane, sums[j]![v]!))),
      ]),
    ];
    /** A row of C; the rows beyond `rows` mean nothing. */
    const write = (row: number): Code =>
      when(address.lt(row, rows), [
        at.set(c),
        sums.map((vectors) => [
          storeLane(row % 4, at, vectors[Math.floor(row / 4)]!, { add, before: factor }),
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
 * once, and through all panels, for which they stay in the first-level cache.
 */
export const multiplyFewRows: Func = func("multiplyFewRows", { width: "address", ...product }, (
  { width, rows, panel, depth, b, apart, c, ldc, add },
  local,
) => {
  const [column, end, row, rest, x, to, bytes, bStep, cStep] = locals(local, "address", 9);
  /** The columns up to `end`. */
  const multiply = ({ width: columns, eightRows, fourRows }: Tiles): Code =>
    eachColumns(
      local,
      { column, end, columns },
      { b, apart, c, bStep, cStep },
      eachBlock(local, { depth, add }, (k, steps, more) => {
        const run = (tile: Func): Code =>
          call(tile, rest, x, steps, address.add(b, address.shl(k, 2)), bStep, to, ldc, more, cStep);
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

/** Numbers of an entry of `multiplyFewByEach`. */
export const ENTRY = 5;

/** What products with several B take. */
const several = {
  first: "address",
  last: "address",
  entries: "address",
  entriesEnd: "address",
  rows: "address",
  a: "address",
  depth: "address",
} as const;

/** What is multiplied for a B: `width` columns of it, from `b` on. */
type OfOne = Readonly<Record<"width" | "rows" | "a" | "depth" | "b" | "c" | "ldc" | "add", Value<"address">>>;

/**
 * Columns `first … last−1` of products with several B, whose columns are counted one B after the other. An entry is of five
 * numbers: where B's columns end, a quarter of B's and of C's address, of C's row, and whether to add.
 */
export const byEach = (name: string, multiply: (one: OfOne) => Code): Func =>
  func(name, several, ({ first, last, entries, entriesEnd, rows, a, depth }, local) => {
    const [entry, start, end, from, to, b, c, ldc] = locals(local, "address", 8);
    const field = (i: number) => address.load32(entry, FLOAT * i);
    return [
      start.set(address.of(0)),
      loop(entry, entries, entriesEnd, ENTRY * FLOAT, [
        [end.set(field(0)), from.set(first), to.set(last)],
        when(address.lt(from, start), from.set(start)),
        when(address.lt(end, to), to.set(end)),
        when(address.lt(from, to), [
          [to.set(address.sub(to, from)), from.set(address.sub(from, start))],
          b.set(address.shl(address.add(field(1), address.mul(from, depth)), 2)),
          c.set(address.shl(address.add(field(2), from), 2)),
          ldc.set(address.shl(field(3), 2)),
          multiply({ width: to, rows, a, depth, b, c, ldc, add: field(4) }),
        ]),
        start.set(end),
      ]),
    ];
  });

/** Products of up to 64 rows with several B of contiguous columns; one or two rows come as they lie, more in panels. */
export const multiplyFewByEach: Func = byEach(
  "multiplyFewByEach",
  ({ width, rows, a, depth, b, c, ldc, add }) => {
    const apart = address.shl(depth, 2);
    return when(
      address.lt(rows, 3),
      call(multiplyOneOrTwo, rows, width, a, apart, b, apart, depth, c, ldc, add),
      call(multiplyFewRows, width, rows, a, depth, b, apart, c, ldc, add),
    );
  },
);
