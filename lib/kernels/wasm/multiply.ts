/**
 * Matrix multiplication group by group: some columns and steps of k of B are packed, then the rows or the columns of C
 * are computed, by one thread or by several.
 */

import { type Floats, type Kernels, oneByOne } from "../kernels.ts";
import { buffer } from "../address_space.ts";
import { allocateForever } from "../memory.ts";
import { FEW_COLUMNS, FEW_STEPS } from "./columns.ts";
import { ENTRY } from "./few_rows.ts";
import { KC, MR, NC, NR, WIDEST, WORKSPACE } from "./gemm.ts";
import { MAX_THREADS, type Team } from "./team.ts";
import { from, own, sizeOf, upTo, type Work } from "./work.ts";

/** Up to so many rows, packing B costs more than it saves where B's rows can be read as stored. */
const FEW_ROWS = 8;

/** The most rows for which B is read as it lies where its columns are contiguous: with more, packing it pays. */
const MOST_ROWS = 64;

/** From so many rows on, threads share rows; below, columns. */
const MANY_ROWS = 32;

/** How much of B is packed at once: little by one thread, so that it stays in its cache; threads seldom wait so. */
const ALONE = { floats: KC * NC, depth: KC };
const SHARED = { floats: 1 << 20, depth: 8 * KC };

/** Multiply-adds of a product that is not worth a thought; all of its B can be packed at once, whatever its form. */
const SMALL_PRODUCT = SHARED.floats / NR;

/** Nanoseconds of a multiply-add, and of one with few rows, of packing a float, and of reading one that is used once. */
const COST = { multiply: 0.04, few: 0.06, pack: 0.7, read: 0.2 };

/** The most matrices that multiply the same rows as one work. */
const MOST_LAYERS = 8;

/** Workspace of all products: packed columns of B, a panel of A for each thread, and entries of matrices. */
interface Room {
  readonly columns: number;
  readonly rows: number;
  readonly entries: Int32Array;
}

let opened: Room | undefined;
const openRoom = (): Room => ({
  columns: allocateForever(SHARED.floats * 4),
  rows: allocateForever(WORKSPACE * MAX_THREADS),
  entries: new Int32Array(buffer(), allocateForever(4 * ENTRY * MOST_LAYERS), ENTRY * MOST_LAYERS),
});

/** Of C ← A·B + beta·C all but B: where the matrices are, and the bytes between their rows and columns. */
interface Sides {
  readonly m: number;
  readonly a: number;
  readonly aRow: number;
  readonly aColumn: number;
  readonly c: number;
  readonly cRow: number;
  readonly beta: 0 | 1;
}

/** C ← A·B + beta·C. */
interface Product extends Sides {
  readonly b: number;
  readonly bRow: number;
  readonly bColumn: number;
}

/** Columns `column …` of B and C, and steps `start …` of k. */
interface Group {
  readonly column: number;
  readonly width: number;
  readonly start: number;
  readonly depth: number;
}

/** A group of B as tiles read it: its address, and the bytes between the rows of a panel, and between panels. */
type Panels = readonly [at: number, bStep: number, panelStep: number];

const addressOf = ({ b, bRow, bColumn }: Product, { column, start }: Group): number =>
  b + start * bRow + column * bColumn;

/** The group's panels where B's rows can be read as they are. */
const stored = (product: Product, group: Group): Panels => [addressOf(product, group), product.bRow, NR * 4];

/** Packed panels of `depth` steps of k. */
const panelsAt = (at: number, depth: number): Panels => [at, NR * 4, depth * NR * 4];

/** Packs columns of B, whose panels begin at `to`. */
function pack(
  { run }: Team,
  { b, bRow, bColumn }: Pick<Product, "b" | "bRow" | "bColumn">,
  { width, depth, to }: Pick<Group, "width" | "depth"> & { readonly to: number },
): Panels {
  const args = [from(b, bColumn), bColumn, bRow, sizeOf(1), depth, from(to, depth * 4)];
  run("packColumns", args, { units: width, cost: COST.pack * depth, align: NR });
  return panelsAt(to, depth);
}

/** The group's panels, packed into the room for them. */
const packed = (team: Team, product: Product, group: Group): Panels =>
  pack(team, { ...product, b: addressOf(product, group) }, { ...group, to: (opened ??= openRoom()).columns });

/** Computes the group's columns of C, or adds the group's steps to them. */
function multiply({ run }: Team, product: Sides, group: Group & { readonly panels: Panels }): void {
  const { rows } = opened ??= openRoom();
  const { column, width, start, depth, panels: [block, bStep, panelStep] } = group;
  const { m, aRow, aColumn, cRow, beta } = product;
  const [c, add, panel] = [product.c + column * 4, start > 0 ? 1 : beta, own(rows, WORKSPACE)];
  const left = [depth, product.a + start * aColumn, aRow, aColumn];
  const cost = COST.multiply * depth;
  if (m >= MANY_ROWS) {
    const args = [from(0, 1), upTo(0, 1), width, ...left, block, bStep, panelStep, c, cRow, add, panel];
    run("multiplyRows", args, { units: m, cost: cost * width, align: MR });
  } else {
    const right = [from(block, panelStep / NR), bStep, panelStep, from(c, 4), cRow, add, panel];
    run("multiplyRows", [0, m, sizeOf(1), ...left, ...right], { units: width, cost: cost * m, align: WIDEST });
  }
}

/** Whether rows are few and of a length that `few_rows.ts` takes. */
const areFew = (m: number, k: number): boolean =>
  m <= MOST_ROWS && k % FEW_STEPS === 0 && MOST_ROWS * k <= SHARED.floats;

/** Whether rows are few, and their steps of k and B's lie side by side. */
const isFew = ({ m, aColumn, bRow }: Product, k: number): boolean => aColumn === 4 && bRow === 4 && areFew(m, k);

/** Whether rows are so few that B is better read as stored, and it can be. */
const isStored = ({ m, bColumn }: Product): boolean => m <= FEW_ROWS && bColumn === 4;

/** `width` columns of a product with few rows, as work. */
const fewWork = (m: number, k: number, width: number): Work => ({
  units: width,
  cost: k * Math.max(COST.read, COST.few * m),
  align: 4 * FEW_COLUMNS,
});

/** Computes the first `width` columns of C where `isFew` holds. */
function multiplyFew({ run, kernels }: Team, product: Product, width: number, k: number): void {
  const { m, a, aRow, b, bColumn, c, cRow, beta } = product;
  const work = fewWork(m, k, width);
  const right = [from(b, bColumn), bColumn];
  if (m <= 2) return run("multiplyOneOrTwo", [m, sizeOf(1), a, aRow, ...right, k, from(c, 4), cRow, beta], work);
  const { columns: panels } = opened ??= openRoom();
  kernels.packColumns(a, aRow, 4, m, k, panels);
  run("multiplyFewRows", [sizeOf(1), m, panels, k, ...right, from(c, 4), cRow, beta], work);
}

/** A small product, in the calling thread: descriptions of work would take longer than the work. */
function multiplySmall({ kernels }: Team, product: Product, n: number, k: number): void {
  const { m, a, aRow, aColumn, b, bRow, bColumn, c, cRow, beta } = product;
  const { columns, rows } = opened ??= openRoom();
  if (isFew(product, k) && n % FEW_COLUMNS === 0) {
    if (m <= 2) return void kernels.multiplyOneOrTwo(m, n, a, aRow, b, bColumn, k, c, cRow, beta);
    kernels.packColumns(a, aRow, 4, m, k, columns);
    kernels.multiplyFewRows(n, m, columns, k, b, bColumn, c, cRow, beta);
  } else if (isStored(product) && n % NR === 0) {
    kernels.multiplyRows(0, m, n, k, a, aRow, aColumn, b, bRow, NR * 4, c, cRow, beta, rows);
  } else {
    kernels.packColumns(b, bColumn, bRow, n, k, columns);
    kernels.multiplyRows(0, m, n, k, a, aRow, aColumn, columns, NR * 4, k * NR * 4, c, cRow, beta, rows);
  }
}

/** `Kernels.gemm` over the emitted functions. */
export function multiplication(team: Team, at: (x: Floats) => number): Kernels<Floats>["gemm"] {
  return (m, n, k, a, [aRow, aColumn], b, [bRow, bColumn], c, ldc, beta) => {
    // One literal, as spreading another into it takes as long as a small product.
    const product: Product = {
      m,
      a: at(a),
      aRow: aRow * 4,
      aColumn: aColumn * 4,
      b: at(b),
      bRow: bRow * 4,
      bColumn: bColumn * 4,
      c: at(c),
      cRow: ldc * 4,
      beta,
    };
    if (k > 0 && m * n * k <= SMALL_PRODUCT) return multiplySmall(team, product, n, k);
    const few = isFew(product, k);
    const whole = k === 0 ? 0 : few ? n - n % FEW_COLUMNS : isStored(product) ? n - n % NR : 0;
    if (whole > 0 && few) multiplyFew(team, product, whole, k);
    else if (whole > 0) {
      const group = { column: 0, width: whole, start: 0, depth: k };
      multiply(team, product, { ...group, panels: stored(product, group) });
    }
    const most = team.shares(COST.multiply * m * (n - whole) * k) ? SHARED : ALONE;
    const deepest = Math.min(k, most.depth);
    const widest = Math.floor(most.floats / deepest / NR) * NR;
    for (let column = whole; column < n; column += widest) {
      for (let start = 0; start < k; start += deepest) {
        const group = { column, width: Math.min(n - column, widest), start, depth: Math.min(k - start, deepest) };
        multiply(team, product, { ...group, panels: packed(team, product, group) });
      }
    }
    if (k === 0 && beta === 0) { for (let i = 0; i < m; i++) c.fill(0, i * ldc, i * ldc + n); }
  };
}

/** `Kernels.panels`: what `packed` does with a group, for all of W and to stay. */
export function panelPacking(team: Team, at: (x: Floats) => number): NonNullable<Kernels<Floats>["panels"]> {
  return (weight, outer, inner, out) =>
    void pack(team, { b: at(weight), bRow: 4, bColumn: 4 * inner }, { width: outer, depth: inner, to: at(out) });
}

/**
 * `Kernels.linears`: by the panels of the layers where all have them; with few rows one work, as several small ones would
 * leave threads waiting for each other.
 */
export function linearLayers(
  team: Team,
  at: (x: Floats) => number,
  gemm: Kernels<Floats>["gemm"],
): Kernels<Floats>["linears"] {
  const { run, kernels } = team, each = oneByOne(gemm);
  return (m, k, x, layers) => {
    const n = layers.reduce((sum, { outer }) => sum + outer, 0);
    const inPanels = layers.every(({ panels }) => panels !== undefined);
    const isOne = layers.length <= MOST_LAYERS && m <= MOST_ROWS && m * k <= SHARED.floats &&
      (inPanels || layers.length > 1 && areFew(m, k) && m * n * k > SMALL_PRODUCT &&
          layers.every(({ outer }) => outer % FEW_COLUMNS === 0));
    if (!isOne && !inPanels) return each(m, k, x, layers);
    if (!isOne) {
      return layers.forEach(({ panels, outer, y, beta }) => {
        const sides = { m, a: at(x), aRow: 4 * k, aColumn: 4, c: at(y), cRow: 4 * outer, beta };
        multiply(team, sides, { column: 0, width: outer, start: 0, depth: k, panels: panelsAt(at(panels!), k) });
      });
    }
    const { columns: room, entries } = opened ??= openRoom();
    let end = 0;
    layers.forEach(({ weight, panels, outer, y, beta }, i) =>
      entries.set([end += outer, at(inPanels ? panels! : weight) / 4, at(y) / 4, outer, beta], ENTRY * i)
    );
    const { byteOffset } = entries, last = byteOffset + 4 * ENTRY * layers.length;
    const isAsItLies = m <= (inPanels ? 1 : 2);
    if (!isAsItLies && inPanels) kernels.packAllRows(m, at(x), 4 * k, k, room);
    else if (!isAsItLies) kernels.packColumns(at(x), 4 * k, 4, m, k, room);
    const args = [from(0, 1), upTo(0, 1), byteOffset, last, m, isAsItLies ? at(x) : room, k];
    run(inPanels ? "multiplyPanelsByEach" : "multiplyFewByEach", args, fewWork(m, k, n));
  };
}
