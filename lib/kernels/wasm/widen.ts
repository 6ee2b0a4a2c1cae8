/** Numbers of 16 bits as floats: `Kernels.widen`. */

import type { Half } from "../half.ts";
import { address, f32x4, func, i32x4, type Local, loop, type NewLocal, v128, type Vector } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { FLOAT, VECTOR } from "./vectors.ts";

/** Gives the statement x ← the floats of four integers below 2¹⁶. */
const formats: Readonly<Record<Half, (local: NewLocal) => (x: Local<"v128">) => Code>> = {
  // The upper half of a float.
  bf16: () => (x) => x.set(i32x4.shl(x, 16)),
  // Exponent and fraction where a float has them, times the ratio of the biases, which makes subnormals right as well;
  // what would be 2¹⁶ or more is infinite or no number.
  f16: (local) => {
    const [sign, magnitude] = [local("v128"), local("v128")];
    const value: Vector = f32x4.mul(magnitude, f32x4.of(2 ** 112));
    const special = v128.or(magnitude, i32x4.of(0x7f800000));
    return (x) => [
      sign.set(i32x4.shl(v128.and(x, i32x4.of(0x8000)), 16)),
      magnitude.set(i32x4.shl(v128.and(x, i32x4.of(0x7fff)), 13)),
      x.set(v128.or(sign, v128.select(special, value, f32x4.lt(f32x4.of(65504), value)))),
    ];
  },
};

/** out ← the numbers of `bits`; `bytes` is the size of `out`. One function for each format. */
export const widens: readonly Func[] = (Object.keys(formats) as Half[]).map((half) =>
  func(`widen_${half}`, { bits: "address", out: "address", bytes: "address" }, ({ bits, out, bytes }, local) => {
    const [i, x] = [local("address"), local("v128")];
    const widen = formats[half](local);
    const step = (by: number, store: Code): Code => [
      x.set(v128.load16x4(bits)), // at the end it reads beyond, where the memory has a line to spare
      widen(x),
      store,
      bits.set(address.add(bits, by / 2)),
    ];
    const at = address.add(out, i), whole = address.and(bytes, -VECTOR);
    return [
      loop(i, 0, whole, VECTOR, step(VECTOR, v128.store(at, x))),
      loop(i, whole, bytes, FLOAT, step(FLOAT, v128.store32Lane(0, at, x))),
    ];
  })
);
