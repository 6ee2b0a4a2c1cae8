/**
 * Products of one or two rows with a B whose columns lie contiguously, as the weights of a linear layer do: columns of B are
 * turned round in registers.
 */

import { address, call, f32x4, func, type Local, locals, loop, v128, when } from "./assembler.ts";
import { eachBlock, eachColumns, FEW_COLUMNS, FEW_STEPS, range, storeLane } from "./columns.ts";
import type { Code, Func } from "./encode.ts";
import { FLOAT, transpose, VECTOR } from "./vectors.ts";

/** Vectors of a cache line. */
const LINE = 4;

/** What products of one and of two rows take. */
const product = {
  a: "address",
  across: "address",
  b: "address",
  apart: "address",
  depth: "address",
  c: "address",
  ldc: "address",
  add: "address",
} as const;

/**
 * C ← A·B, or C + A·B where `add` is 1, for one or two rows of A and `quads` times four columns of B, `apart` apart in B
 * and `cStep` in C.
 */
function dots(rows: 1 | 2, quads: number): Func {
  const given = { ...product, cStep: "address" } as const;
  return func(`dots${rows}x${quads}`, given, ({ a, across, b, apart, depth, c, ldc, add, cStep }, local) => {
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
          range(4).map((lane) => [storeLane(lane, at, sum, { add, before }), at.set(address.add(at, cStep))])
        ),
      ]),
    ];
  });
}

/** C ← A·B, or C + A·B where `add` is 1, for one or two rows as they lie. The columns of B are `apart` bytes apart. */
export const multiplyOneOrTwo: Func = func("multiplyOneOrTwo", { rows: "address", width: "address", ...product }, (
  { rows, width, a, across, b, apart, depth, c, ldc, add },
  local,
) => {
  const [column, bStep, cStep] = locals(local, "address", 3);
  const multiply = (dots: Func, columns: number): Code =>
    eachColumns(
      local,
      { column, end: address.and(width, -columns), columns },
      { b, apart, c, bStep, cStep },
      eachBlock(local, { depth, add }, (k, steps, more) => {
        const offset = address.shl(k, 2);
        return call(dots, address.add(a, offset), across, address.add(b, offset), bStep, steps, c, ldc, more, cStep);
      }),
    );
  return [
    column.set(address.of(0)),
    when(address.eq(rows, 1), [
      multiply(dots(1, 2 * FEW_COLUMNS / 4), 2 * FEW_COLUMNS),
      multiply(dots(1, FEW_COLUMNS / 4), FEW_COLUMNS),
    ], multiply(dots(2, FEW_COLUMNS / 4), FEW_COLUMNS)),
  ];
});
