/**
 * Matrix multiplication over packed panels.
 *
 * A block of B, `KC` deep, is copied into panels of `NR` columns, four rows of A at a time into a panel beside it; a
 * tile of 4×8 sums stays in registers while it walks down both panels. Packing makes all transposes equally fast.
 *
 * Every element is the same chain whatever surrounds it: products are added in order of k within a block of `KC`, and
 * the blocks' sums in order. So rows can be split among tiles, calls and threads at will.
 *
 * @see Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication"
 */

import { address, call, f32, f32x4, func, type Local, loop, v128, type Vector, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { pack, packAny } from "./pack.ts";
import { FLOAT, VECTOR } from "./vectors.ts";

/** Depth of a block: part of the definition of the sum. */
export const KC = 256;
/** Columns of a packed block of B, half of a usual second-level cache. */
export const NC = 512;
/** Columns of a tile. */
export const NR = 8;
/** Rows of a tile. */
export const MR = 4;

/** Bytes of workspace for a panel of A and a tile whose right edge is cut off. */
export const WORKSPACE = KC * MR * FLOAT + MR * NR * FLOAT;
const EDGE = KC * MR * FLOAT;

const packRows = pack(MR);
const packPanel = pack(NR);

/** `width` columns of a block of B into panels, the last one filled up with zeros. */
export const packColumns: Func = func("packColumns", {
  from: "address",
  across: "address", // bytes between columns
  along: "address", // bytes between rows
  width: "address",
  depth: "address",
  to: "address",
}, ({ from, across, along, width, depth, to }, local) => {
  const [column, rest] = [local("address"), local("address")];
  return [
    rest.set(address.and(width, NR - 1)),
    loop(column, 0, address.sub(width, rest), NR, [
      call(packPanel, from, across, along, depth, to),
      from.set(address.add(from, address.mul(across, NR))),
      to.set(address.add(to, address.mul(depth, NR * FLOAT))),
    ]),
    when(address.lt(0, rest), call(packAny, from, across, along, rest, NR, depth, to)),
  ];
});

/**
 * C ← A·B, or C + A·B where `add` is 1, for a panel of `rows` rows of A and `panels` panels of B, `panelStep` apart.
 * The rows of a panel of B are `bStep` apart, so B may lie packed or as stored.
 */
function tile(rows: number, panels: number): Func {
  return func(`tile${rows}x${panels}`, {
    a: "address",
    b: "address",
    bStep: "address",
    panelStep: "address",
    depth: "address",
    c: "address",
    ldc: "address",
    add: "address",
  }, ({ a, b, bStep, panelStep, depth, c, ldc, add }, local) => {
    const range = (n: number): number[] => [...Array(n).keys()];
    const sums = range(rows).map(() => range(2 * panels).map(() => local("v128")));
    const panel = [b, ...range(panels - 1).map(() => local("address"))];
    const [left, right, column, one] = [local("v128"), local("v128"), local("v128"), local("v128")];
    const [k, at] = [local("address"), local("address")];
    const accumulate = (row: number, vector: number, x: Vector): Code => {
      const sum = sums[row]![vector]!;
      return sum.set(f32x4.madd(one, x, sum));
    };
    const step = [
      // Four rows of A come in one load, as engines may check bounds at each.
      column.set(rows === MR ? v128.load(a) : v128.load32Splat(a)),
      panel.map((from, p) => [
        left.set(v128.load(from)),
        right.set(v128.load(from, VECTOR)),
        from.set(address.add(from, bStep)),
        range(rows).map((i) => [
          one.set(rows === MR ? v128.broadcast(i, column) : i === 0 ? column : v128.load32Splat(a, i * FLOAT)),
          accumulate(i, 2 * p, left),
          accumulate(i, 2 * p + 1, right),
        ]),
      ]),
      a.set(address.add(a, rows * FLOAT)),
    ];
    return [
      panel.slice(1).map((from, p) => from.set(address.add(panel[p]!, panelStep))),
      loop(k, 0, address.and(depth, -2), 2, [step, step]),
      when(address.lt(k, depth), step),
      sums.map((row, i) => [
        at.set(i === 0 ? c : address.add(at, ldc)),
        when(address.lt(0, add), row.map((sum, j) => sum.set(f32x4.add(v128.load(at, j * VECTOR), sum)))),
        row.map((sum, j) => v128.store(at, sum, j * VECTOR)),
      ]),
    ];
  });
}

/** C ← T, or C + T where `add` is 1, for the first `width` columns of a tile T of `rows` rows. */
const copyTile = func("copyTile", {
  from: "address",
  rows: "address",
  width: "address",
  c: "address",
  ldc: "address",
  add: "address",
}, ({ from, rows, width, c, ldc, add }, local) => {
  const [row, column, at] = [local("address"), local("address"), local("address")];
  return loop(row, 0, rows, 1, [
    loop(column, 0, width, 1, [
      at.set(address.add(c, address.shl(column, 2))),
      when(
        address.eq(add, 0),
        f32.store(at, f32.load(address.add(from, address.shl(column, 2)))),
        f32.store(at, f32.add(f32.load(at), f32.load(address.add(from, address.shl(column, 2))))),
      ),
    ]),
    from.set(address.add(from, NR * FLOAT)),
    c.set(address.add(c, ldc)),
  ]);
});

/**
 * A panel of `rows` rows times all `width` columns of a block, several panels of B at a time where the rows are few.
 */
function rowPanel(rows: number): Func {
  const wide = Math.floor(MR / rows);
  const [several, single] = [tile(rows, wide), tile(rows, 1)];
  return func(`rowPanel${rows}`, {
    a: "address",
    b: "address",
    bStep: "address",
    panelStep: "address",
    width: "address",
    depth: "address",
    c: "address",
    ldc: "address",
    add: "address",
  }, ({ a, b, bStep, panelStep, width, depth, c, ldc, add }, local) => {
    const [column, edge] = [local("address"), local("address")];
    const across = (tile: Func, panels: number): Code =>
      loop(column, column, address.and(width, -panels * NR), panels * NR, [
        call(tile, a, b, bStep, panelStep, depth, c, ldc, add),
        b.set(address.add(b, address.mul(panelStep, panels))),
        c.set(address.add(c, panels * NR * FLOAT)),
      ]);
    return [
      column.set(address.of(0)),
      wide > 1 ? across(several, wide) : [],
      across(single, 1),
      when(address.lt(column, width), [
        edge.set(address.add(a, EDGE)),
        call(single, a, b, bStep, panelStep, depth, edge, NR * FLOAT, 0),
        call(copyTile, edge, rows, address.sub(width, column), c, ldc, add),
      ]),
    ];
  });
}

const rowPanels = [1, 2, 3, MR].map(rowPanel);

/** Rows and sizes of a product, and where its matrices are. */
const product = {
  first: "address",
  last: "address",
  width: "address",
  depth: "address",
  a: "address",
  across: "address", // bytes between rows of A
  along: "address", // bytes between columns of A
  b: "address",
  bStep: "address",
  panelStep: "address",
  c: "address",
  ldc: "address",
  add: "address",
  room: "address",
} as const;

/**
 * Rows `first … last−1` of A times a block of B: C ← A·B, or C + A·B where `add` is 1. A and C are given at the block's
 * first column and row 0; `room` is workspace for the panel of A.
 */
const multiplyBlock: Func = func("multiplyBlock", product, (
  { first, last, width, depth, a, across, along, b, bStep, panelStep, c, ldc, add, room },
  local,
) => {
  const [row, rows, from, to] = [local("address"), local("address"), local("address"), local("address")];
  const run = (panel: Func): Code => call(panel, room, b, bStep, panelStep, width, depth, to, ldc, add);
  return loop(row, first, last, MR, [
    from.set(address.add(a, address.mul(row, across))),
    to.set(address.add(c, address.mul(row, ldc))),
    rows.set(address.sub(last, row)),
    when(address.ge(rows, MR), [call(packRows, from, across, along, depth, room), run(rowPanels[MR - 1]!)], [
      call(packAny, from, across, along, rows, rows, depth, room),
      rowPanels.slice(0, MR - 1).map((panel, i) => when(address.eq(rows, i + 1), run(panel))),
    ]),
  ]);
});

/** The same for a B of any size, block by block. */
export const multiplyRows: Func = func("multiplyRows", product, (
  { first, last, width, depth, a, across, along, b, bStep, panelStep, c, ldc, add, room },
  local,
) => {
  const [column, columns, k, steps] = [local("address"), local("address"), local("address"), local("address")];
  const more = local("address");
  const atMost = (x: Local<"address">, limit: number): Code => when(address.lt(limit, x), x.set(address.of(limit)));
  return loop(column, 0, width, NC, [
    [columns.set(address.sub(width, column)), atMost(columns, NC), more.set(add)],
    loop(k, 0, depth, KC, [
      [steps.set(address.sub(depth, k)), atMost(steps, KC)],
      call(
        ...[multiplyBlock, first, last, columns, steps, address.add(a, address.mul(k, along)), across, along] as const,
        address.add(address.add(b, address.mul(address.div(column, NR), panelStep)), address.mul(k, bStep)),
        ...[bStep, panelStep, address.add(c, address.mul(column, FLOAT)), ldc, more, room],
      ),
      more.set(address.of(1)),
    ]),
  ]);
});
