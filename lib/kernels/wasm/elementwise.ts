/** Elementwise kernels: one loop each over arrays of `bytes` bytes. */

import type { BinaryOp, UnaryOp } from "../kernels.ts";
import {
  address,
  f32x4,
  f64,
  f64x2,
  func,
  type Local,
  type NewLocal,
  v128,
  type Value,
  type Vector,
} from "./assembler.ts";
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

/** Σ x², in double precision. */
export const sumOfSquares: Func = func("sumOfSquares", { x: "address", bytes: "address" }, ({ x, bytes }, local) => {
  const [i, value, low, high] = [local("address"), local("v128"), local("v128"), local("v128")];
  const squares = (of: Vector): Vector => f64x2.mul(f64x2.promote(of), f64x2.promote(of));
  const total = f64x2.add(low, high);
  return [
    eachVector(i, bytes, ({ load }) => [
      value.set(load(address.add(x, i))),
      low.set(f64x2.add(low, squares(value))),
      high.set(f64x2.add(high, squares(v128.shuffle(value, value, [2, 3, 2, 3])))),
    ]),
    f64.add(f64x2.lane(0, total), f64x2.lane(1, total)).code,
  ];
}, ["f64"]);

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

/** One step of Adam; the corrections are given as their inverses. */
export const adam: Func = func("adam", {
  g: "address",
  m: "address",
  v: "address",
  mOut: "address",
  vOut: "address",
  u: "address",
  bytes: "address",
  beta1: "f32",
  rest1: "f32", // 1 − beta1
  beta2: "f32",
  rest2: "f32", // 1 − beta2
  eps: "f32",
  inverse1: "f32",
  inverse2: "f32",
}, ({ g, m, v, mOut, vOut, u, bytes, beta1, rest1, beta2, rest2, eps, inverse1, inverse2 }, local) => {
  const [i, first, second, gradient] = [local("address"), local("v128"), local("v128"), local("v128")];
  const all = (x: Value<"f32">): Vector => f32x4.splat(x);
  return eachVector(i, bytes, ({ load, store }) => [
    gradient.set(load(address.add(g, i))),
    first.set(madd(all(beta1), load(address.add(m, i)), mul(all(rest1), gradient))),
    second.set(madd(all(beta2), load(address.add(v, i)), mul(mul(all(rest2), gradient), gradient))),
    store(address.add(mOut, i), first),
    store(address.add(vOut, i), second),
    store(
      address.add(u, i),
      div(mul(first, all(inverse1)), add(f32x4.sqrt(mul(second, all(inverse2))), all(eps))),
    ),
  ]);
});
