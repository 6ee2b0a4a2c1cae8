/**
 * Matrix multiplication block by block: which parts of the matrices the emitted functions work on, and in which order.
 */

import type { Floats, Kernels } from "../kernels.ts";
import { allocateForever } from "../memory.ts";
import { KC, NC, NR, WORKSPACE } from "./gemm.ts";
import type { Run } from "./module.ts";

/** Up to so many rows, packing B costs more than it saves where B's rows can be read as stored. */
const FEW_ROWS = 8;

/** `Kernels.gemm` over the emitted functions. */
export function multiplication(run: Run, addressOf: (x: Floats) => number): Kernels<Floats>["gemm"] {
  const room = { columns: allocateForever(WORKSPACE.columns), rows: allocateForever(WORKSPACE.rows) };
  return (m, n, k, a, aStrides, b, bStrides, c, ldc, beta) => {
    const [aAt, bAt, cAt, cRow] = [addressOf(a), addressOf(b), addressOf(c), ldc * 4];
    const [aRow, aColumn, bRow, bColumn] = [aStrides[0] * 4, aStrides[1] * 4, bStrides[0] * 4, bStrides[1] * 4];
    const columns = (column: number, width: number, asStored: boolean): void => {
      for (let from = 0; from < k; from += KC) {
        const depth = Math.min(k - from, KC);
        const block = bAt + from * bRow + column * bColumn;
        const [aBlock, cBlock, add] = [aAt + from * aColumn, cAt + column * 4, from > 0 || beta === 1 ? 1 : 0];
        if (!asStored) run.packColumns(block, bColumn, bRow, width, depth, room.columns);
        const panels = asStored ? [block, bRow, NR * 4] as const : [room.columns, NR * 4, depth * NR * 4] as const;
        run.multiplyRows(0, m, width, depth, aBlock, aRow, aColumn, ...panels, cBlock, cRow, add, room.rows);
      }
    };
    const stored = m <= FEW_ROWS && bColumn === 4 ? n - n % NR : 0;
    if (stored > 0) columns(0, stored, true);
    for (let column = stored; column < n; column += NC) columns(column, Math.min(n - column, NC), false);
    if (k === 0 && beta === 0) { for (let i = 0; i < m; i++) c.fill(0, i * ldc, i * ldc + n); }
  };
}
