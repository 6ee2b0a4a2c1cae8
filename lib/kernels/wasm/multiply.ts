/**
 * Matrix multiplication group by group: a group of columns and steps of k is packed, then rows or columns of C are
 * computed, by one thread or by several.
 */

import type { Floats, Kernels } from "../kernels.ts";
import { allocateForever } from "../memory.ts";
import { KC, MR, NC, NR, WORKSPACE } from "./gemm.ts";
import { MAX_THREADS, type Team } from "./team.ts";
import { from, own, sizeOf, upTo } from "./work.ts";

/** Up to so many rows, packing B costs more than it saves where B's rows can be read as stored. */
const FEW_ROWS = 8;

/** From so many rows on, threads share rows; below, columns. */
const MANY_ROWS = 32;

/** Floats of B that are packed at once where threads share the work: they wait for each other less often. */
const GROUP = { floats: 1 << 20, depth: 8 * KC };

/** Nanoseconds of a multiply-add, and of packing a float. */
const COST = { multiply: 0.05, pack: 0.7 };

/** Workspace of all products: packed columns of B, and a panel of A for each thread. */
interface Room {
  readonly columns: number;
  readonly rows: number;
}

let room: Room | undefined;
const openRoom = (): Room => ({
  columns: allocateForever(GROUP.floats * 4),
  rows: allocateForever(WORKSPACE * MAX_THREADS),
});

/** Columns `column …` of B and C, and steps `start …` of k. */
interface Group {
  readonly column: number;
  readonly width: number;
  readonly start: number;
  readonly depth: number;
}

/** `Kernels.gemm` over the emitted functions. */
export function multiplication({ run, shares }: Team, addressOf: (x: Floats) => number): Kernels<Floats>["gemm"] {
  return (m, n, k, a, aStrides, b, bStrides, c, ldc, beta) => {
    const { columns: packed, rows } = room ??= openRoom();
    const [aAt, bAt, cAt, cRow] = [addressOf(a), addressOf(b), addressOf(c), ldc * 4];
    const [aRow, aColumn, bRow, bColumn] = [aStrides[0] * 4, aStrides[1] * 4, bStrides[0] * 4, bStrides[1] * 4];
    const blockOf = ({ column, start }: Group): number => bAt + start * bRow + column * bColumn;

    const multiply = (
      { column, width, start, depth }: Group,
      block: number,
      bStep: number,
      panelStep: number,
    ): void => {
      const [cBlock, add, panel] = [cAt + column * 4, start > 0 || beta === 1 ? 1 : 0, own(rows, WORKSPACE)];
      const left = [depth, aAt + start * aColumn, aRow, aColumn];
      const cost = COST.multiply * depth;
      if (m >= MANY_ROWS) {
        const args = [from(0, 1), upTo(0, 1), width, ...left, block, bStep, panelStep, cBlock, cRow, add, panel];
        run("multiplyRows", args, { units: m, cost: cost * width, align: MR });
      } else {
        const right = [from(block, panelStep / NR), bStep, panelStep, from(cBlock, 4), cRow, add, panel];
        run("multiplyRows", [0, m, sizeOf(1), ...left, ...right], { units: width, cost: cost * m, align: MR * NR });
      }
    };
    const packAndMultiply = (group: Group): void => {
      const { width, depth } = group;
      const args = [from(blockOf(group), bColumn), bColumn, bRow, sizeOf(1), depth, from(packed, depth * 4)];
      run("packColumns", args, { units: width, cost: COST.pack * depth, align: NR });
      multiply(group, packed, NR * 4, depth * NR * 4);
    };

    const most = shares(COST.multiply * m * n * k) ? GROUP : { floats: KC * NC, depth: KC };
    const stored = m <= FEW_ROWS && bColumn === 4 ? n - n % NR : 0;
    if (stored > 0) {
      const group = { column: 0, width: stored, start: 0, depth: k };
      multiply(group, blockOf(group), bRow, NR * 4);
    }
    const deepest = Math.min(k, most.depth);
    const widest = Math.floor(most.floats / deepest / NR) * NR;
    for (let column = stored; column < n; column += widest) {
      for (let start = 0; start < k; start += deepest) {
        packAndMultiply({
          column,
          width: Math.min(n - column, widest),
          start,
          depth: Math.min(k - start, deepest),
        });
      }
    }
    if (k === 0 && beta === 0) { for (let i = 0; i < m; i++) c.fill(0, i * ldc, i * ldc + n); }
  };
}
