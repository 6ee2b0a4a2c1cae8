import { assert, assertEquals } from "@std/assert";
import { kernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { distance, random, shared, uniform } from "./arrays.ts";

const wasm = kernels("f32");
const f64 = (x: Float32Array): Float64Array => Float64Array.from(x);
const zeros = (n: number): Float32Array => shared(new Float32Array(n));

Deno.test("gatherRows() copies rows, scatterAddRows() adds them in order, for any width", () => {
  const ids = Int32Array.of(2, 0, 2, 4);
  for (const dim of [1, 4, 7, 8]) {
    const table = random(5 * dim, uniform(dim));
    const [out, sums] = [zeros(4 * dim), random(5 * dim, uniform(9))];
    const [sameOut, sameSums] = [new Float32Array(4 * dim), Float32Array.from(sums)];
    wasm.gatherRows(table, ids, out, dim);
    wasm.scatterAddRows(out, ids, sums, dim);
    reference.gatherRows(table, ids, sameOut, dim);
    reference.scatterAddRows(sameOut, ids, sameSums, dim);
    assertEquals([...out], [...sameOut]);
    assertEquals([...sums], [...sameSums]);
  }
});

Deno.test("rmsNorm() and its gradients meet the reference in f64, for any width and many rows", () => {
  for (const [rows, dim] of [[1, 1], [3, 6], [5, 128], [200, 20]] as const) {
    const draw = uniform(rows);
    const [x, w, g] = [random(rows * dim, draw), random(dim, draw), random(rows * dim, draw)];
    const [out, dx, dw] = [zeros(rows * dim), zeros(rows * dim), random(dim, draw)];
    const exact = [rows * dim, rows * dim, dim].map((n) => new Float64Array(n)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    wasm.rmsNorm(x, w, out, dim, 1e-5);
    wasm.rmsNormBackward(x, w, g, dx, dw, dim, 1e-5);
    reference.rmsNorm(f64(x), f64(w), exact[0], dim, 1e-5);
    reference.rmsNormBackward(f64(x), f64(w), f64(g), exact[1], exact[2], dim, 1e-5);
    [out, dx, dw].forEach((y, i) => assert(distance(y, exact[i]!) < 3e-6, `${rows} ${dim} ${i}`));
  }
});

Deno.test("rotary() turns as the reference does, and back again", () => {
  const [rows, heads, positions] = [6, 3, 9];
  for (const headDim of [2, 8, 12, 32]) {
    const draw = uniform(headDim);
    const half = headDim / 2;
    const x = random(rows * heads * headDim, draw);
    const angles = Float32Array.from({ length: positions * half }, draw);
    const [cos, sin] = [shared(angles.map(Math.cos)), shared(angles.map(Math.sin))];
    const at = Int32Array.of(0, 8, 3, 3, 1, 7);
    const [out, back, exact] = [zeros(x.length), zeros(x.length), new Float64Array(x.length)];
    wasm.rotary(x, at, cos, sin, out, heads, headDim, 1);
    reference.rotary(f64(x), at, f64(cos), f64(sin), exact, heads, headDim, 1);
    assert(distance(out, exact) < 2e-7);
    wasm.rotary(out, at, cos, sin, back, heads, headDim, -1);
    assert(distance(back, x) < 5e-7);
  }
});

Deno.test("logProbRows() and its gradients meet the reference in f64, for any vocabulary and sharp rows", () => {
  const rows = 5;
  for (const vocab of [1, 3, 8, 513]) {
    for (const scale of [1, 80]) {
      const draw = uniform(vocab);
      const [logits, g] = [random(rows * vocab, draw, scale), random(rows, draw)];
      const targets = Int32Array.from({ length: rows }, (_, r) => r * 7 % vocab);
      const [logps, lse] = [zeros(rows), zeros(rows)];
      const [exactLogps, exactLse, gradient] = [new Float64Array(rows), new Float64Array(rows), f64(logits)];
      wasm.logProbRows(logits, targets, logps, lse, vocab);
      reference.logProbRows(gradient, targets, exactLogps, exactLse, vocab);
      assert(distance(logps, exactLogps) < 1e-6 && distance(lse, exactLse) < 1e-6);
      wasm.logProbRowsBackward(logits, targets, lse, g, vocab);
      reference.logProbRowsBackward(gradient, targets, exactLse, f64(g), vocab);
      assert(distance(logits, gradient) < 1e-5, `${vocab} ${scale}`);
    }
  }
});

Deno.test("logProbRows() gives −∞ to what is impossible and stays exact where one token is certain", () => {
  const [logps, lse] = [zeros(2), zeros(2)];
  wasm.logProbRows(shared([0, -Infinity, -Infinity, 5, -Infinity, 5]), Int32Array.of(1, 0), logps, lse, 3);
  assertEquals([...logps], [-Infinity, Math.fround(-Math.LN2)]);
  assertEquals(lse[0], 0);
  wasm.logProbRows(shared([-Infinity, -Infinity]), Int32Array.of(0), logps.subarray(0, 1), lse.subarray(0, 1), 2);
  assertEquals(lse[0], -Infinity);
  const low = random(5, uniform(1)).map((x) => x - 300);
  wasm.logProbRows(shared(low), Int32Array.of(4), logps.subarray(0, 1), lse.subarray(0, 1), 5);
  const exact = Math.log(low.reduce((sum, x) => sum + Math.exp(x + 300), 0)) - 300;
  assert(Math.abs(lse[0]! - exact) < 1e-4 && Math.abs(logps[0]! - (low[4]! - exact)) < 1e-6);
});

Deno.test("logProbRows() gives NaN to a row with a NaN, wherever it stands", () => {
  for (let place = 0; place < 11; place++) {
    const [logps, lse] = [zeros(2), zeros(2)];
    const logits = shared(Array.from({ length: 22 }, (_, i) => i === place ? NaN : i % 7));
    wasm.logProbRows(logits, Int32Array.of(3, 3), logps, lse, 11);
    assertEquals([logps[0], lse[0]], [NaN, NaN], `${place}`);
    assert(lse[1]! > 6 && logps[1]! < 0);
  }
});

Deno.test("a row's values have the same bits alone and in a batch", () => {
  const [rows, dim] = [9, 21];
  const draw = uniform(8);
  const [x, w, g] = [random(rows * dim, draw), random(dim, draw), random(rows * dim, draw)];
  const targets = Int32Array.from({ length: rows }, (_, r) => r);
  const run = (from: number, to: number): number[] => {
    const [xs, gs, n] = [x.subarray(from * dim, to * dim), g.subarray(from * dim, to * dim), to - from];
    const [norm, dx, logps, lse] = [zeros(n * dim), zeros(n * dim), zeros(n), zeros(n)];
    wasm.rmsNorm(xs, w, norm, dim, 1e-5);
    wasm.rmsNormBackward(xs, w, gs, dx, zeros(dim), dim, 1e-5);
    wasm.logProbRows(xs, targets.subarray(from, to), logps, lse, dim);
    return [...norm.subarray(-dim), ...dx.subarray(-dim), logps.at(-1)!, lse.at(-1)!];
  };
  for (let r = 0; r < rows; r++) assertEquals(run(0, r + 1), run(r, r + 1));
});

Deno.test("drawRows() draws what the reference draws, its probability within an ulp or two, for logits of any size", () => {
  const draw = uniform(21);
  const count = 3000;
  const u = Float64Array.from({ length: count }, () => (draw() + 1) / 2);
  const rows = Int32Array.from({ length: count }, (_, i) => (i * 7) % count);
  for (const [vocab, temperature] of [[1, 1], [2, 1], [3, 0.7], [8, 3], [17, 1]] as const) {
    // Differences from 1e-9 to where e^z is subnormal, and beyond.
    const logits = shared(Float32Array.from({ length: count * vocab }, () => -(10 ** (6 * draw() - 3))));
    logits.set(vocab > 2 ? [-Infinity, 0, -745, -708].slice(0, vocab) : []);
    const [ids, expected] = [new Int32Array(count), new Int32Array(count)];
    const [p, exact] = [new Float64Array(count), new Float64Array(count)];
    wasm.drawRows(logits, rows, u, temperature, ids, p, vocab);
    reference.drawRows(logits, rows, u, temperature, expected, exact, vocab);
    assertEquals(ids, expected);
    const worst = p.reduce((most, x, i) => Math.max(most, Math.abs(x / exact[i]! - 1)), 0);
    assert(worst < 3 * 2 ** -52, `${vocab} ${temperature} ${worst}`);
  }
});

Deno.test("drawRows() draws the last token that can be where rounding leaves the sum below the draw", () => {
  const [ids, p] = [new Int32Array(2), new Float64Array(2)];
  const logits = shared([0, 0, 0, -Infinity, -Infinity, 5, -Infinity, -Infinity]);
  wasm.drawRows(logits, Int32Array.of(0, 1), Float64Array.of(1 - 2 ** -53, 0), 1, ids, p, 4);
  assertEquals([[...ids], [...p]], [[2, 1], [1 / 3, 1]]);
  // Ten tenths add up to 1 − 2⁻⁵³.
  const tenths = shared([...Array(10).fill(0), -Infinity, -Infinity]);
  wasm.drawRows(tenths, Int32Array.of(0), Float64Array.of(1 - 2 ** -53), 1, ids, p, 12);
  assertEquals([ids[0], p[0]], [9, 0.1]);
});
