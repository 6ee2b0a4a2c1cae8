/** Matrix multiplication block by block: which part of the matrices the emitted functions work on, and in which order. */

import type { Floats, Kernels } from "../kernels.ts";
import { KC, NC, NR } from "./gemm.ts";
import type { Run } from "./module.ts";

/** Up to so many rows, packing B costs more than it saves where B's rows can be read as stored. */
const FEW_ROWS = 8;

/** `Kernels.gemm` over the emitted functions; `room` holds the addresses of their workspace. */
export function gemmWith(
  run: Run,
  addressOf: (x: Floats) => number,
  room: { readonly columns: number; readonly rows: number },
): Kernels<Floats>["gemm"] {
  return (m, n, k, a, aStrides, b, bStrides, c, ldc, beta) => {
    const [aAt, bAt, cAt] = [addressOf(a), addressOf(b), addressOf(c)];
    const [aRow, aColumn, bRow, bColumn] = [aStrides[0] * 4, aStrides[1] * 4, bStrides[0] * 4, bStrides[1] * 4];
    const block = (column: number, width: number, packed: boolean): void => {
      for (let from = 0; from < k; from += KC) {
        const depth = Math.min(k - from, KC);
        const bBlock = bAt + from * bRow + column * bColumn;
        if (packed) run.packColumns(bBlock, bColumn, bRow, width, depth, room.columns);
        const [panel, step, panelStep] = packed ? [room.columns, NR * 4, depth * NR * 4] : [bBlock, bRow, NR * 4];
        const [aBlock, cBlock] = [aAt + from * aColumn, cAt + column * 4];
        const add = from > 0 || beta === 1 ? 1 : 0;
        run.multiplyRows(
          ...[0, m, width, depth, aBlock, aRow, aColumn, panel, step, panelStep, cBlock, ldc * 4, add, room.rows],
        );
      }
    };
    const stored = m <= FEW_ROWS && bColumn === 4 ? n - n % NR : 0;
    if (stored > 0) block(0, stored, false);
    for (let column = stored; column < n; column += NC) block(column, Math.min(n - column, NC), true);
    if (k === 0 && beta === 0) { for (let i = 0; i < m; i++) c.fill(0, i * ldc, i * ldc + n); }
  };
}
