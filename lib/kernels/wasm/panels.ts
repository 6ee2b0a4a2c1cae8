/**
 * Products of few rows of A with a B that was packed before, all of it: a B that stays while many products are made, as in
 * generation. It is read from memory once and in the order in which it lies, which processors fetch ahead.
 *
 * An element is the same chain as in `gemm.ts`.
 */

import { address, call, func, locals, loop } from "./assembler.ts";
import { eachBlock } from "./columns.ts";
import type { Func } from "./encode.ts";
import { byEach } from "./few_rows.ts";
import { atMost, multiplyPanel, NR, packRows, setRows, WIDEST } from "./gemm.ts";
import { FLOAT } from "./vectors.ts";

/** All rows of A in panels, each with all steps of k. */
export const packAllRows: Func = func("packAllRows", {
  rows: "address",
  from: "address",
  across: "address", // bytes between rows
  depth: "address",
  to: "address",
}, ({ rows, from, across, depth, to }, local) => {
  const [row, n] = locals(local, "address", 2);
  return loop(row, 0, rows, n, [
    setRows(n, row, rows),
    call(packRows, n, address.add(from, address.mul(row, across)), across, FLOAT, depth, to),
    to.set(address.add(to, address.shl(address.mul(n, depth), 2))),
  ]);
});

/**
 * C ← A·B, or C + A·B where `add` is 1, for A by `packAllRows` and `width` columns of B in panels of `NR`. Some columns are
 * taken by all rows before the next.
 */
const multiplyPanels = func("multiplyPanels", {
  width: "address",
  rows: "address",
  a: "address",
  depth: "address",
  b: "address",
  c: "address",
  ldc: "address",
  add: "address",
}, ({ width, rows, a, depth, b, c, ldc, add }, local) => {
  const [column, columns, row, n, panelStep] = locals(local, "address", 5);
  return [
    panelStep.set(address.mul(depth, NR * FLOAT)),
    loop(column, 0, width, columns, [
      columns.set(address.sub(width, column)),
      atMost(columns, WIDEST),
      eachBlock(local, { depth, add }, (k, steps, more) =>
        loop(row, 0, rows, n, [
          setRows(n, row, rows),
          call(
            multiplyPanel,
            n,
            address.add(a, address.shl(address.add(address.mul(row, depth), address.mul(k, n)), 2)),
            address.add(b, address.mul(k, NR * FLOAT)),
            NR * FLOAT,
            panelStep,
            columns,
            steps,
            address.add(c, address.mul(row, ldc)),
            ldc,
            more,
          ),
        ])),
      b.set(address.add(b, address.mul(columns, address.shl(depth, 2)))),
      c.set(address.add(c, address.mul(columns, FLOAT))),
    ]),
  ];
});

/** The same for several B, each `packColumns` of all their steps at once. */
export const multiplyPanelsByEach: Func = byEach(
  "multiplyPanelsByEach",
  ({ width, rows, a, depth, b, c, ldc, add }) => call(multiplyPanels, width, rows, a, depth, b, c, ldc, add),
);
