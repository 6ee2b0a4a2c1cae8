/** Elementwise kernels: one loop each over arrays of `bytes` bytes. */

import type { BinaryOp, UnaryOp } from "../kernels.ts";
import { address, f32x4, func, type Local, type NewLocal, v128, type Vector } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { eachVector, exponential, logarithm } from "./vectors.ts";

const { add, sub, mul, div, min, max, madd } = f32x4;

/** The functions of one argument that are emitted; the others are rare. */
export const unaryOps = ["neg", "exp", "log", "square", "sigmoid", "relu"] as const satisfies readonly UnaryOp[];

/** Gives the statement x ← 1/(1 + e⁻ˣ). */
export function sigmoid(local: NewLocal): (x: Local<"v128">) => Code {
  const exp = exponential(local);
  return (x) => [x.set(f32x4.neg(x)), exp(x), x.set(div(f32x4.of(1), add(f32x4.of(1), x)))];
}

const unary: Readonly<Record<typeof unaryOps[number], (local: NewLocal) => (x: Local<"v128">) => Code>> = {
  neg: () => (x) => x.set(f32x4.neg(x)),
  exp: exponential,
  log: logarithm,
  square: () => (x) => x.set(mul(x, x)),
  sigmoid,
  relu: () => (x) => x.set(max(x, f32x4.of(0))),
};

/** `Kernels.map`, one function for each operation. */
export const maps: readonly Func[] = unaryOps.map((op) =>
  func(`map_${op}`, { x: "address", out: "address", bytes: "address" }, ({ x, out, bytes }, local) => {
    const [i, value] = [local("address"), local("v128")];
    const apply = unary[op](local);
    return eachVector(i, bytes, ({ load, store }) => [
      value.set(load(address.add(x, i))),
      apply(value),
      store(address.add(out, i), value),
    ]);
  })
);

const binary: Readonly<Record<BinaryOp, (a: Vector, b: Vector) => Vector>> = { add, sub, mul, div, max, min };

/** Which arguments of `zip` are arrays; the other one is a number. */
export type ZipForm = "arrays" | "left" | "right";

/** `Kernels.zip`, one function for each operation and form. */
export const zips: readonly Func[] = (Object.keys(binary) as BinaryOp[]).flatMap((op) =>
  (["arrays", "left", "right"] as const).map((form) => {
    const params = { a: "address", b: "address", out: "address", bytes: "address" } as const;
    return func(`zip_${op}_${form}`, params, ({ a, b, out, bytes }, local) => {
      const [i, number] = [local("address"), local("v128")];
      return [
        form === "arrays" ? [] : number.set(v128.load32Splat(form === "left" ? b : a)),
        eachVector(i, bytes, ({ load, store }) => {
          const left = form === "right" ? number : load(address.add(a, i));
          const right = form === "left" ? number : load(address.add(b, i));
          return store(address.add(out, i), binary[op](left, right));
        }),
      ];
    });
  })
);

/** out ← alpha·x + y. */
export const axpy: Func = func("axpy", {
  alpha: "f32",
  x: "address",
  y: "address",
  out: "address",
  bytes: "address",
}, ({ alpha, x, y, out, bytes }, local) => {
  const i = local("address");
  return eachVector(
    i,
    bytes,
    ({ load, store }) =>
      store(address.add(out, i), madd(f32x4.splat(alpha), load(address.add(x, i)), load(address.add(y, i)))),
  );
});

/** out ← silu(gate)·up. */
export const siluGate: Func = func("siluGate", {
  gate: "address",
  up: "address",
  out: "address",
  bytes: "address",
}, ({ gate, up, out, bytes }, local) => {
  const [i, s] = [local("address"), local("v128")];
  const squash = sigmoid(local);
  return eachVector(i, bytes, ({ load, store }) => [
    s.set(load(address.add(gate, i))),
    squash(s),
    store(address.add(out, i), mul(mul(load(address.add(gate, i)), s), load(address.add(up, i)))),
  ]);
});

/** Gradients of `siluGate`: silu′(x) = σ(x)·(1 + x·(1 − σ(x))). */
export const siluGateBackward: Func = func("siluGateBackward", {
  gate: "address",
  up: "address",
  g: "address",
  dGate: "address",
  dUp: "address",
  bytes: "address",
}, ({ gate, up, g, dGate, dUp, bytes }, local) => {
  const [i, s, x, gs] = [local("address"), local("v128"), local("v128"), local("v128")];
  const squash = sigmoid(local);
  const slope = madd(x, sub(f32x4.of(1), s), f32x4.of(1));
  return eachVector(i, bytes, ({ load, store }) => [
    x.set(load(address.add(gate, i))),
    s.set(x),
    squash(s),
    gs.set(mul(load(address.add(g, i)), s)),
    s.set(mul(mul(gs, load(address.add(up, i))), slope)),
    store(address.add(dUp, i), mul(gs, x)),
    store(address.add(dGate, i), s),
  ]);
});
