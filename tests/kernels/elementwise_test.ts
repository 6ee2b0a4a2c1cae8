import { assert, assertEquals } from "@std/assert";
import type { BinaryOp, UnaryOp } from "../../lib/kernels/kernels.ts";
import { kernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { distance, random, shared, uniform } from "./arrays.ts";

const wasm = kernels("f32");
const f64 = (x: Float32Array): Float64Array => Float64Array.from(x);
const like = (x: ArrayLike<number>): Float32Array => shared(new Float32Array(x.length));

/** Distance to the next float, in the binade of x. */
const ulp = (x: number): number => 2 ** Math.max(Math.floor(Math.log2(Math.abs(x))) - 23, -149);

function worstUlps(op: UnaryOp, exact: (x: number) => number, values: ArrayLike<number>): number {
  const x = shared(values);
  const out = like(x);
  wasm.map(op, x, out);
  return x.reduce((worst, xi, i) => Math.max(worst, Math.abs(out[i]! - exact(xi)) / ulp(exact(xi))), 0);
}

const grid = (from: number, to: number, n: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => from + (to - from) * i / (n - 1));

function mapped(op: UnaryOp, values: readonly number[]): number[] {
  const x = shared(values);
  const out = like(x);
  wasm.map(op, x, out);
  return [...out];
}

Deno.test("exp is within 1 ulp from −87 to 88 and within 2 among the subnormals", () => {
  assert(worstUlps("exp", Math.exp, grid(-87, 88.72, 200_001)) <= 1);
  assert(worstUlps("exp", Math.exp, grid(-1, 1, 100_001)) <= 1);
  assert(worstUlps("exp", Math.exp, grid(-104, -87, 20_001)) <= 2);
});

Deno.test("exp has exact limits: 1 at 0, 0 at −∞, ∞ beyond 88.73, NaN at NaN", () => {
  const edges = [0, -0, -Infinity, Infinity, NaN, 88.73, 1e30, -104, -1e30];
  assertEquals(mapped("exp", edges), [1, 1, 0, Infinity, NaN, Infinity, Infinity, 0, 0]);
});

Deno.test("log is within 1 ulp over all magnitudes and near 1", () => {
  assert(worstUlps("log", Math.log, grid(-126, 127.9, 100_001).map((e) => 2 ** e)) <= 1);
  assert(worstUlps("log", (x) => x === 1 ? 1e-30 : Math.log(x), grid(0.5, 2, 100_001)) <= 1);
  assert(worstUlps("log", Math.log, grid(-149, -126, 1001).map((e) => 2 ** e)) <= 1);
});

Deno.test("log has exact limits: 0 at 1, −∞ at 0, NaN below, ∞ at ∞", () => {
  const edges = [1, 0, -0, -1, -Infinity, Infinity, NaN];
  assertEquals(mapped("log", edges), [0, -Infinity, -Infinity, NaN, NaN, Infinity, NaN]);
});

const unaryOps: readonly UnaryOp[] = ["neg", "exp", "log", "square", "sigmoid", "logSigmoid", "log1mexp", "relu"];

Deno.test("map() meets the reference in f64, and a number's value does not depend on where it stands", () => {
  const draw = uniform(2);
  for (const op of unaryOps) {
    const values = random(67, draw, 20).map((x) => op === "log" ? Math.abs(x) : op === "log1mexp" ? -Math.abs(x) : x);
    const x = shared(values);
    const [out, exact] = [like(x), new Float64Array(x.length)];
    wasm.map(op, x, out);
    reference.map(op, f64(x), exact);
    assert(distance(out, exact, 1e-6) < 3e-7, op);
    for (let i = 0; i < x.length; i++) {
      const alone = shared([0]);
      wasm.map(op, x.subarray(i, i + 1), alone);
      assertEquals(alone[0], out[i], op);
    }
  }
});

const binaryOps: readonly BinaryOp[] = ["add", "sub", "mul", "div", "max", "min"];

Deno.test("zip() equals the rounded reference to the bit, for arrays and for numbers on either side", () => {
  const draw = uniform(3);
  for (const op of binaryOps) {
    for (const [m, n] of [[9, 9], [9, 1], [1, 9], [1, 1]] as const) {
      const [a, b] = [random(m, draw), random(n, draw)];
      const [out, expected] = [like({ length: Math.max(m, n) }), new Float32Array(Math.max(m, n))];
      wasm.zip(op, a, b, out);
      reference.zip(op, a, b, expected);
      assertEquals([...out], [...expected], `${op} ${m} ${n}`);
    }
  }
  const out = like({ length: 3 });
  wasm.zip("add", shared([1]), shared([2]), out);
  assertEquals([...out], [3, 3, 3]);
});

Deno.test("axpy() rounds once and may write over its arguments", () => {
  const draw = uniform(4);
  const [x, y] = [random(11, draw), random(11, draw)];
  const expected = x.map((xi, i) => Math.fround(Math.fround(0.3) * xi + y[i]!));
  wasm.axpy(Math.fround(0.3), x, y, y);
  assert(distance(y, expected) < 6e-8);
  wasm.axpy(0, x, y, x);
  assertEquals(x, y);
});

Deno.test("siluGate() and its gradients meet the reference in f64, from −100 to 100", () => {
  const draw = uniform(7);
  const n = 203;
  const gate = shared(grid(-100, 100, n));
  const [up, g] = [random(n, draw), random(n, draw)];
  const [out, dGate, dUp] = [like(gate), like(gate), like(gate)];
  const exact = [0, 1, 2].map(() => new Float64Array(n)) as [Float64Array, Float64Array, Float64Array];
  wasm.siluGate(gate, up, out);
  wasm.siluGateBackward(gate, up, g, dGate, dUp);
  reference.siluGate(f64(gate), f64(up), exact[0]);
  reference.siluGateBackward(f64(gate), f64(up), f64(g), exact[1], exact[2]);
  [out, dGate, dUp].forEach((x, i) => assert(distance(x, exact[i]!) < 1e-6));
});
