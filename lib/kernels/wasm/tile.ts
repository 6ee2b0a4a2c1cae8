/** The innermost loop of a matrix product: a tile of sums that stays in registers. */

import { address, f32x4, func, type Local, loop, v128, type Vector, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { FLOAT, VECTOR } from "./vectors.ts";

const range = (n: number): number[] => [...Array(n).keys()];

/** Rows of A that come in one load; panels of fewer rows are read one by one. */
export const TURNED = 4;

/**
 * Four sums of four columns in which lane `c` of number `d` belongs to row `c + d` modulo 4, put in order: number `r` is
 * then row `r`.
 */
function straighten(sums: readonly Local<"v128">[], scratch: readonly Local<"v128">[]): Code {
  return [
    sums.map((sum, d) => scratch[d]!.set(v128.shuffle(sum, sums[(d + 3) % 4]!, [0, 5, 2, 7]))),
    sums.map((sum, r) => sum.set(v128.shuffle(scratch[r]!, scratch[(r + 2) % 4]!, [0, 1, 6, 7]))),
  ];
}

/**
 * C ← A·B, or C + A·B where `add` is 1, for a panel of `rows` rows of A and `panels` panels of B, `panelStep` apart.
 * The rows of a panel of B are `bStep` apart, so B may lie packed or as stored.
 *
 * Engines may check bounds at each load, so four rows of A come in one. They are not spread one by one but turned by a
 * lane three times, which takes a shuffle less and no second register; what the sums hold is put in order at the end.
 */
export function tile(rows: number, panels: number): Func {
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
    const sums = range(rows).map(() => range(2 * panels).map(() => local("v128")));
    const panel = [b, ...range(panels - 1).map(() => local("address"))];
    const [left, right, lanes, spare] = [local("v128"), local("v128"), local("v128"), local("v128")];
    const [k, at] = [local("address"), local("address")];
    const turned = rows >= TURNED ? TURNED : 0;
    const next = (i: number): Code => {
      if (i >= turned) return lanes.set(v128.load32Splat(a, i * FLOAT));
      return lanes.set(i === 0 ? v128.load(a) : v128.shuffle(lanes, lanes, [1, 2, 3, 0]));
    };
    const accumulate = (sum: Local<"v128">, x: Vector): Code => sum.set(f32x4.madd(lanes, x, sum));
    const step = [
      rows === 1 ? next(0) : [],
      panel.map((from, p) => [
        left.set(v128.load(from)),
        right.set(v128.load(from, VECTOR)),
        from.set(address.add(from, bStep)),
        sums.map((row, i) => [
          rows === 1 ? [] : next(i),
          accumulate(row[2 * p]!, left),
          accumulate(row[2 * p + 1]!, right),
        ]),
      ]),
      a.set(address.add(a, rows * FLOAT)),
    ];
    const scratch = [left, right, lanes, spare];
    return [
      panel.slice(1).map((from, p) => from.set(address.add(panel[p]!, panelStep))),
      loop(k, 0, address.and(depth, -4), 4, [step, step, step, step]),
      loop(k, k, depth, 1, step),
      turned > 0 ? [0, 1].map((j) => straighten(sums.slice(0, turned).map((row) => row[j]!), scratch)) : [],
      sums.map((row, i) => [
        at.set(i === 0 ? c : address.add(at, ldc)),
        when(address.lt(0, add), row.map((sum, j) => sum.set(f32x4.add(v128.load(at, j * VECTOR), sum)))),
        row.map((sum, j) => v128.store(at, sum, j * VECTOR)),
      ]),
    ];
  });
}
