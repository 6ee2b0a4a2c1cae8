/**
 * Copies of matrix blocks in the order in which a tile reads them: for each step of k, the lanes of a panel side by
 * side.
 */

import { address, call, f32, func, type Local, loop, v128, when } from "./assembler.ts";
import type { Func } from "./encode.ts";
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

/** A full panel of `lanes` lanes: by copies where the lanes lie side by side, by transposes where the steps of k do. */
export function pack(lanes: 4 | 8): Func {
  const quads = lanes === 4 ? [0] : [0, 1];
  const params = { from: "address", across: "address", along: "address", depth: "address", to: "address" } as const;
  return func(`pack${lanes}`, params, ({ from, across, along, depth, to }, local) => {
    const [k, at] = [local("address"), local("address")];
    const [rows, scratch] = [0, 1].map(() => [0, 1, 2, 3].map(() => local("v128"))) as [
      Local<"v128">[],
      Local<"v128">[],
    ];
    const copy = [
      quads.map((q) => v128.store(to, v128.load(from, q * VECTOR), q * VECTOR)),
      from.set(address.add(from, along)),
      to.set(address.add(to, lanes * FLOAT)),
    ];
    const fourSteps = [
      at.set(from),
      quads.map((q) => [
        rows.map((row) => [row.set(v128.load(at)), at.set(address.add(at, across))]),
        transpose(rows, scratch),
        rows.map((row, step) => v128.store(to, row, step * lanes * FLOAT + q * VECTOR)),
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
