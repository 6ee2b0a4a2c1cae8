/**
 * Matrix multiplication over packed panels.
 *
 * A block of B, `KC` deep, is copied into panels of `NR` columns, six rows of A at a time into a panel beside it; a
 * tile of 6×8 sums stays in registers while it walks down both panels. Packing makes all transposes equally fast.
 *
 * Every element is the same chain whatever surrounds it: products are added in order of k within a block of `KC`, and
 * the blocks' sums in order. So rows can be split among tiles, calls and threads at will.
 *
 * @see Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication"
 */

import { type Address, address, call, f32, func, type Local, loop, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { pack, packAny } from "./pack.ts";
import { tile, TURNED } from "./tile.ts";
import { FLOAT } from "./vectors.ts";

/** Depth of a block: part of the definition of the sum. */
export const KC = 256;
/** Columns of a packed block of B, half of a usual second-level cache. */
export const NC = 512;
/** Columns of a tile. */
export const NR = 8;
/** Rows of a tile: twelve sums, two vectors of B and one of A are the fifteen registers that engines have to give. */
export const MR = 6;

/** Panels of B that a tile takes where its rows are few: a power of two. */
const panelsAtOnce = (rows: number): number => 2 ** Math.floor(Math.log2(MR / rows));
/** Columns of the widest tile. */
export const WIDEST = NR * panelsAtOnce(1);

/** Bytes of workspace for a panel of A and a tile whose right edge is cut off. */
export const WORKSPACE = KC * MR * FLOAT + MR * NR * FLOAT;
const EDGE = KC * MR * FLOAT;

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

/** What the product of a packed panel of A and a block of B takes. */
const panelOfRows = {
  a: "address",
  b: "address",
  bStep: "address",
  panelStep: "address",
  width: "address",
  depth: "address",
  c: "address",
  ldc: "address",
  add: "address",
} as const;

/**
 * A panel of `rows` rows times all `width` columns of a block, several panels of B at a time where the rows are few.
 */
function rowPanel(rows: number): Func {
  const wide = panelsAtOnce(rows);
  const [several, single] = [tile(rows, wide), tile(rows, 1)];
  return func(`rowPanel${rows}`, panelOfRows, ({ a, b, bStep, panelStep, width, depth, c, ldc, add }, local) => {
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

const upToTile = Array.from({ length: MR }, (_, i) => i + 1);

/** A panel of up to `MR` rows of A, packed. */
export const packRows: Func = func("packRows", {
  rows: "address",
  from: "address",
  across: "address", // bytes between rows
  along: "address", // bytes between columns
  depth: "address",
  to: "address",
}, ({ rows, from, across, along, depth, to }) =>
  upToTile.map((n) =>
    when(
      address.eq(rows, n),
      n < TURNED
        ? call(packAny, from, across, along, rows, rows, depth, to)
        : call(pack(n), from, across, along, depth, to),
    )
  ));

const rowPanels = upToTile.map((rows) => ({ rows, multiply: rowPanel(rows) }));

/** A packed panel of up to `MR` rows of A times all `width` columns of a block. */
export const multiplyPanel: Func = func("multiplyPanel", { rows: "address", ...panelOfRows }, (
  { rows, a, b, bStep, panelStep, width, depth, c, ldc, add },
) =>
  rowPanels.map((panel) =>
    when(address.eq(rows, panel.rows), call(panel.multiply, a, b, bStep, panelStep, width, depth, c, ldc, add))
  ));

/** Lowers x to a limit. */
export const atMost = (x: Local<"address">, limit: number): Code =>
  when(address.lt(limit, x), x.set(address.of(limit)));

/** Sets how many rows the panel of A from `row` on has; the last rows are shared by two, as small tiles are slow. */
export const setRows = (rows: Local<"address">, row: Address, last: Address): Code => [
  rows.set(address.sub(last, row)),
  when(
    address.ge(rows, 2 * MR),
    rows.set(address.of(MR)),
    when(address.lt(MR, rows), rows.set(address.div(address.add(rows, 1), 2))),
  ),
];

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
  return loop(row, first, last, rows, [
    from.set(address.add(a, address.mul(row, across))),
    to.set(address.add(c, address.mul(row, ldc))),
    setRows(rows, row, last),
    call(packRows, rows, from, across, along, depth, room),
    call(multiplyPanel, rows, room, b, bStep, panelStep, width, depth, to, ldc, add),
  ]);
});

/** The same for a B of any size, block by block. */
export const multiplyRows: Func = func("multiplyRows", product, (
  { first, last, width, depth, a, across, along, b, bStep, panelStep, c, ldc, add, room },
  local,
) => {
  const [column, columns, k, steps] = [local("address"), local("address"), local("address"), local("address")];
  const more = local("address");
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
