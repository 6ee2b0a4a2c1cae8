/**
 * Copies of matrix blocks in the order in which a tile reads them: for each step of k, the lanes of a panel side by
 * side.
 */

import { address, call, f32, func, i32x4, type Local, loop, v128, type Vector, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { FLOAT, transpose, VECTOR } from "./vectors.ts";

/** A panel of any strides and any width: element by element, with zeros for lanes beyond `width`. */
export const packAny: Func = func("packAny", {
  from: "address",
  across: "address", // bytes between lanes
  along: "address", // bytes between steps of k
  width: "address",
  lanes: "address",
  depth: "address",
  to: "address",
}, ({ from, across, along, width, lanes, depth, to }, local) => {
  const [k, lane, at] = [local("address"), local("address"), local("address")];
  return loop(k, 0, depth, 1, [
    at.set(from),
    loop(lane, 0, width, 1, [
      f32.store(to, f32.load(at)),
      at.set(address.add(at, across)),
      to.set(address.add(to, FLOAT)),
    ]),
    loop(lane, width, lanes, 1, [f32.store(to, f32.of(0)), to.set(address.add(to, FLOAT))]),
    from.set(address.add(from, along)),
  ]);
});

/**
 * A full panel of 4 to 8 lanes: by copies where the lanes lie side by side, by transposes where the steps of k do. Where
 * the lanes are no multiple of four, the last four overlap with the first.
 */
export function pack(lanes: number): Func {
  const quads = lanes === 4 ? [0] : [0, lanes - 4];
  const params = { from: "address", across: "address", along: "address", depth: "address", to: "address" } as const;
  return func(`pack${lanes}`, params, ({ from, across, along, depth, to }, local) => {
    const [k, at] = [local("address"), local("address")];
    const [rows, scratch] = [0, 1].map(() => [0, 1, 2, 3].map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const copy = [
      quads.map((lane) => v128.store(to, v128.load(from, lane * FLOAT), lane * FLOAT)),
      from.set(address.add(from, along)),
      to.set(address.add(to, lanes * FLOAT)),
    ];
    const fourSteps = [
      quads.map((lane) => [
        at.set(lane === 0 ? from : address.add(from, address.mul(across, lane))),
        rows.map((row) => [row.set(v128.load(at)), at.set(address.add(at, across))]),
        transpose(rows, scratch),
        rows.map((row, step) => v128.store(to, row, (step * lanes + lane) * FLOAT)),
      ]),
      from.set(address.add(from, VECTOR)),
      to.set(address.add(to, 4 * lanes * FLOAT)),
    ];
    return when(address.eq(across, FLOAT), loop(k, 0, depth, 1, copy), [
      k.set(address.of(0)),
      when(address.eq(along, FLOAT), loop(k, 0, address.and(depth, -4), 4, fourSteps)),
      call(packAny, from, across, along, lanes, lanes, address.sub(depth, k), to),
    ]);
  });
}

/**
 * Rows of floats as bfloat16, rounded to nearest, ties to even: the upper halves of their bits. Eight at a time, so a row
 * is followed by up to seven that mean nothing.
 */
export const roundRows: Func = func("roundRows", {
  from: "address",
  to: "address",
  rows: "address",
  bytes: "address", // of a row of floats
  fromRow: "address",
  toRow: "address",
}, ({ from, to, rows, bytes, fromRow, toRow }, local) => {
  const [row, i, at, x] = [local("address"), local("address"), local("address"), local("v128")];
  const rounded = (offset: number, y: Local<"v128">): readonly [Code, Vector] => [
    y.set(v128.load(address.add(from, i), offset)),
    i32x4.shr(
      i32x4.add(i32x4.add(y, i32x4.of(0x7fff)), v128.and(i32x4.shr(y, 16), i32x4.of(1))),
      16,
    ),
  ];
  const [[first, low], [second, high]] = [rounded(0, x), rounded(VECTOR, local("v128"))];
  return loop(row, 0, rows, 1, [
    at.set(to),
    loop(i, 0, bytes, 2 * VECTOR, [
      first,
      second,
      v128.store(at, i32x4.narrow(low, high)),
      at.set(address.add(at, VECTOR)),
    ]),
    from.set(address.add(from, fromRow)),
    to.set(address.add(to, toRow)),
  ]);
});
