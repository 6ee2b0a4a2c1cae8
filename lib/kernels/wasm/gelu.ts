/** Gelu with and without a gate, in both its forms, and caps: one loop each over arrays of `bytes` bytes. */

import type { Approximate } from "../kernels.ts";
import { address, f32x4, func, type Local, type NewLocal, v128, type Vector } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { sigmoid } from "./elementwise.ts";
import { eachVector, exponential, hyperbolicTangent } from "./vectors.ts";

const { sub, mul, div, max, madd, nmadd } = f32x4;

/** Statements of a form of gelu over registers of its own. */
interface Form {
  /** Leaves the share of x that it lets through in `share`, and the share's derivative in `slope`. */
  readonly set: Code;
  readonly x: Local<"v128">;
  readonly share: Local<"v128">;
  readonly slope: Local<"v128">;
}

const constant = f32x4.of;
const CUBE = 0.044715;
const SLOPE = 2 * Math.sqrt(2 / Math.PI);

const forms: Readonly<Record<Approximate, (local: NewLocal) => Form>> = {
  /** ½(1 + tanh u) = σ(2u), 2u = x·(SLOPE + SLOPE·CUBE·x²). */
  tanh: (local) => {
    const [x, share, slope, square] = [local("v128"), local("v128"), local("v128"), local("v128")];
    const squash = sigmoid(local);
    const set = [
      square.set(mul(x, x)),
      share.set(mul(x, madd(square, constant(SLOPE * CUBE), constant(SLOPE)))),
      squash(share),
      slope.set(mul(nmadd(share, share, share), madd(square, constant(3 * SLOPE * CUBE), constant(SLOPE)))),
    ];
    return { set, x, share, slope };
  },
  /** Φ(x) = 1 − Φ(−x), and Φ(−|x|) = ½·e^(−x²/2)·polynomial(1/(1 + p|x|/√2)): Abramowitz & Stegun 1964, 7.1.26. */
  none: (local) => {
    const [x, share, slope, t] = [local("v128"), local("v128"), local("v128"), local("v128")];
    const exp = exponential(local);
    const a = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
    const series = a.slice(1).reduce<Vector>((sum, c) => madd(sum, t, constant(c / 2)), constant(a[0]! / 2));
    const magnitude = max(x, f32x4.neg(x));
    const set = [
      slope.set(mul(mul(x, x), constant(-0.5))),
      exp(slope),
      t.set(div(constant(1), madd(magnitude, constant(0.3275911 * Math.SQRT1_2), constant(1)))),
      share.set(mul(mul(series, t), slope)),
      share.set(v128.select(share, sub(constant(1), share), f32x4.lt(x, constant(0)))),
      slope.set(mul(slope, constant(1 / Math.sqrt(2 * Math.PI)))),
    ];
    return { set, x, share, slope };
  },
};

const approximates: readonly Approximate[] = ["none", "tanh"];
const names = ["gelu", "geluBackward", "geluGate", "geluGateBackward"] as const;

/** Names of the functions. */
export type GeluName = `${typeof names[number]}_${Approximate}`;

/** out ← gelu(x). */
const plain = (approximate: Approximate): Func =>
  func(`gelu_${approximate}`, { x: "address", out: "address", bytes: "address" }, ({ x, out, bytes }, local) => {
    const [i, form] = [local("address"), forms[approximate](local)];
    return eachVector(i, bytes, ({ load, store }) => [
      form.x.set(load(address.add(x, i))),
      form.set,
      store(address.add(out, i), mul(form.x, form.share)),
    ]);
  });

/** dx ← g·(share + x·slope). */
const plainBackward = (approximate: Approximate): Func =>
  func(`geluBackward_${approximate}`, { x: "address", g: "address", dx: "address", bytes: "address" }, (
    { x, g, dx, bytes },
    local,
  ) => {
    const [i, form] = [local("address"), forms[approximate](local)];
    return eachVector(i, bytes, ({ load, store }) => [
      form.x.set(load(address.add(x, i))),
      form.set,
      store(address.add(dx, i), mul(load(address.add(g, i)), madd(form.x, form.slope, form.share))),
    ]);
  });

/** out ← gelu(gate)·up. */
const gated = (approximate: Approximate): Func =>
  func(`geluGate_${approximate}`, { gate: "address", up: "address", out: "address", bytes: "address" }, (
    { gate, up, out, bytes },
    local,
  ) => {
    const [i, form] = [local("address"), forms[approximate](local)];
    return eachVector(i, bytes, ({ load, store }) => [
      form.x.set(load(address.add(gate, i))),
      form.set,
      store(address.add(out, i), mul(mul(form.x, form.share), load(address.add(up, i)))),
    ]);
  });

/** Gradients of `gated`. */
const gatedBackward = (approximate: Approximate): Func =>
  func(`geluGateBackward_${approximate}`, {
    gate: "address",
    up: "address",
    g: "address",
    dGate: "address",
    dUp: "address",
    bytes: "address",
  }, ({ gate, up, g, dGate, dUp, bytes }, local) => {
    const [i, form, gradient] = [local("address"), forms[approximate](local), local("v128")];
    return eachVector(i, bytes, ({ load, store }) => [
      form.x.set(load(address.add(gate, i))),
      form.set,
      gradient.set(load(address.add(g, i))),
      form.slope.set(mul(mul(gradient, load(address.add(up, i))), madd(form.x, form.slope, form.share))),
      store(address.add(dUp, i), mul(gradient, mul(form.x, form.share))),
      store(address.add(dGate, i), form.slope),
    ]);
  });

/** All of them, each in both forms. */
export const gelus: readonly Func[] = approximates.flatMap((form) => [
  plain(form),
  plainBackward(form),
  gated(form),
  gatedBackward(form),
]);

/** out ← cap·tanh(x/cap). */
export const softcap: Func = func("softcap", { cap: "f32", x: "address", out: "address", bytes: "address" }, (
  { cap, x, out, bytes },
  local,
) => {
  const [i, value, tanh] = [local("address"), local("v128"), hyperbolicTangent(local)];
  return eachVector(i, bytes, ({ load, store }) => [
    value.set(div(load(address.add(x, i)), f32x4.splat(cap))),
    tanh(value),
    store(address.add(out, i), mul(value, f32x4.splat(cap))),
  ]);
});

/** dx ← g·(1 − (y/cap)²). */
export const softcapBackward: Func = func("softcapBackward", {
  cap: "f32",
  y: "address",
  g: "address",
  dx: "address",
  bytes: "address",
}, ({ cap, y, g, dx, bytes }, local) => {
  const [i, value] = [local("address"), local("v128")];
  return eachVector(i, bytes, ({ load, store }) => [
    value.set(div(load(address.add(y, i)), f32x4.splat(cap))),
    store(address.add(dx, i), mul(load(address.add(g, i)), nmadd(value, value, constant(1)))),
  ]);
});
