import { assert, assertEquals } from "@std/assert";
import type { AttentionShape, Floats, Kernels } from "../../lib/kernels/kernels.ts";
import { kernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { distance, random, shared, uniform } from "./arrays.ts";

const wasm = kernels("f32");
const f64 = (x: Floats): Float64Array => Float64Array.from(x);
const dot = (x: Floats, y: Floats): number => f64(x).reduce((sum, xi, i) => sum + xi * y[i]!, 0);
const zeros = (n: number): Float32Array => shared(new Float32Array(n));

const shape: AttentionShape = { heads: 4, kvHeads: 2, headDim: 8, scale: 0.4 };
const ROWS = 40;

// A prompt of 7, two completions of it, a sequence on its own, one with a past of 5 rows; rows 38 and 39 stand in none.
const segments = Int32Array.from([
  ...[0, 7, 0, 0, 0, 0],
  ...[7, 12, 0, 7, 7, 0],
  ...[12, 21, 0, 7, 12, 0],
  ...[21, 30, 0, 0, 21, 0],
  ...[30, 38, 3, 6, 21, 5],
]);

function inputs(
  s: AttentionShape,
  seed = 1,
  rows = ROWS,
): { q: Float32Array; k: Float32Array; v: Float32Array; g: Float32Array } {
  const draw = uniform(seed);
  const [queries, keys] = [rows * s.heads * s.headDim, rows * s.kvHeads * s.headDim];
  return { q: random(queries, draw), k: random(keys, draw), v: random(keys, draw), g: random(queries, draw) };
}

/** Attention by its definition, one query, head and element at a time. */
function naive(q: Floats, k: Floats, v: Floats, s: AttentionShape): Float64Array {
  const out = new Float64Array(q.length);
  for (let seg = 0; seg < segments.length; seg += 6) {
    const [start, end, prefixStart, prefixEnd, keyStart, past] = segments.subarray(seg, seg + 6);
    for (let i = 0; start! + i < end!; i++) {
      const keys = [];
      for (let r = prefixStart!; r < prefixEnd!; r++) keys.push(r);
      for (let r = keyStart!; r <= keyStart! + past! + i; r++) keys.push(r);
      for (let h = 0; h < s.heads; h++) {
        const qAt = ((start! + i) * s.heads + h) * s.headDim;
        const kAt = (r: number): number => (r * s.kvHeads + Math.floor(h / (s.heads / s.kvHeads))) * s.headDim;
        const weights = keys.map((r) => {
          let dot = 0;
          for (let d = 0; d < s.headDim; d++) dot += q[qAt + d]! * k[kAt(r) + d]!;
          return Math.exp(s.scale * dot);
        });
        const total = weights.reduce((a, b) => a + b);
        for (let d = 0; d < s.headDim; d++) {
          out[qAt + d] = keys.reduce((sum, r, j) => sum + weights[j]! / total * v[kAt(r) + d]!, 0);
        }
      }
    }
  }
  return out;
}

function forward(by: Kernels<Floats>, x: { q: Floats; k: Floats; v: Floats }, s = shape, segs = segments): {
  out: Floats;
  lse: Floats;
} {
  const make = (n: number): Floats => x.q instanceof Float64Array ? new Float64Array(n).fill(7) : zeros(n).fill(7);
  const [out, lse] = [make(x.q.length), make(x.q.length / s.headDim)];
  by.attention(x.q, x.k, x.v, segs, out, lse, s);
  return { out, lse };
}

function backward(
  by: Kernels<Floats>,
  x: { q: Floats; k: Floats; v: Floats; g: Floats },
  s = shape,
  segs = segments,
): Floats[] {
  const { out, lse } = forward(by, x, s, segs);
  const [dq, dk, dv] = [x.q, x.k, x.v].map((y) => y instanceof Float64Array ? f64(y) : shared(y)) as [
    Floats,
    Floats,
    Floats,
  ];
  by.attentionBackward(x.q, x.k, x.v, out, lse, x.g, segs, dq, dk, dv, s);
  return [dq, dk, dv];
}

const doubles = (x: ReturnType<typeof inputs>): { q: Floats; k: Floats; v: Floats; g: Floats } => ({
  q: f64(x.q),
  k: f64(x.k),
  v: f64(x.v),
  g: f64(x.g),
});

Deno.test("attention() in f64 is the definition to 1e-14: prefixes, pasts, shared heads, rows in no segment", () => {
  const x = doubles(inputs(shape));
  assert(distance(forward(reference, x).out, naive(x.q, x.k, x.v, shape)) < 1e-14);
});

Deno.test("attentionBackward() in f64 meets central differences of attention()", () => {
  const small = { ...shape, headDim: 2 };
  const x = doubles(inputs(small));
  const loss = (): number => dot(forward(reference, x, small).out, x.g);
  const draw = uniform(11);
  backward(reference, x, small).forEach((gradient, which) => {
    const array = [x.q, x.k, x.v][which]!;
    const start = f64(array);
    const direction = start.map(draw);
    const at = (step: number): number => {
      array.set(start.map((y, i) => y + step * direction[i]!));
      return loss();
    };
    const slope = (at(1e-5) - at(-1e-5)) / 2e-5;
    array.set(start);
    const expected = dot(gradient, direction);
    assert(Math.abs(slope - expected) < 1e-8 * Math.max(1, Math.abs(slope)), `${which}: ${slope} and ${expected}`);
  });
});

Deno.test("attention and its gradients in wasm meet the reference in f64, for heads of any size", () => {
  for (const headDim of [4, 6, 8, 12, 32, 52, 64]) {
    for (const [heads, kvHeads] of [[4, 2], [3, 3], [4, 1]] as const) {
      const s = { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim) };
      const x = inputs(s);
      const [one, exact] = [forward(wasm, x, s), forward(reference, doubles(x), s)];
      assert(distance(one.out, exact.out) < 2e-6 && distance(one.lse, exact.lse) < 1e-6, `${headDim} ${heads}`);
      const gradients = backward(reference, doubles(x), s);
      backward(wasm, x, s).forEach((y, i) => assert(distance(y, gradients[i]!) < 5e-6, `${headDim} ${heads} ${i}`));
    }
  }
});

const longShapes: readonly AttentionShape[] = [
  { heads: 3, kvHeads: 3, headDim: 8, scale: 0.4 },
  { heads: 4, kvHeads: 2, headDim: 20, scale: 0.3 },
  { heads: 20, kvHeads: 1, headDim: 4, scale: 0.5 },
];

Deno.test("gradients of long segments meet the reference in f64, with windows, caps and shared heads", () => {
  const segs = Int32Array.from([0, 70, 0, 0, 0, 0, 70, 119, 3, 60, 70, 0]);
  for (const s of longShapes) {
    for (const limits of [{}, { window: 25 }, { window: 90, softcap: 2 }]) {
      const x = inputs(s, 5, 119), exact = backward(reference, doubles(x), { ...s, ...limits }, segs);
      backward(wasm, x, { ...s, ...limits }, segs).forEach((y, i) =>
        assert(distance(y, exact[i]!) < 5e-6, `${s.heads} ${JSON.stringify(limits)} ${i}: ${distance(y, exact[i]!)}`)
      );
    }
  }
});

Deno.test("gradients have the same bits whether rows are one segment or follow a prefix of it, wherever it ends", () => {
  const length = 59;
  for (const s of longShapes) {
    const x = inputs(s, 6, length);
    const whole = backward(wasm, x, s, Int32Array.of(0, length, 0, 0, 0, 0));
    for (const end of [1, 7, 16, 33, 58]) {
      const cut = backward(wasm, x, s, Int32Array.of(0, end, 0, 0, 0, 0, end, length, 0, end, end, 0));
      assertEquals(cut, whole, `${s.heads} heads, prefix of ${end}`);
    }
  }
});

Deno.test("attention() stays exact where scores are large, and gives rows of no segment 0", () => {
  const x = inputs(shape);
  const s = { ...shape, scale: 300 };
  const [one, exact] = [forward(wasm, x, s), forward(reference, doubles(x), s)];
  assert(distance(one.out, exact.out) < 3e-4);
  assertEquals([...one.out.slice(38 * 32), ...one.lse.slice(38 * 4)], Array(64 + 8).fill(0));
});

Deno.test("a query's bits depend on its keys alone: behind a prefix, in a row, from a cache, lone or in company", () => {
  const s = { heads: 4, kvHeads: 2, headDim: 8, scale: 0.4 };
  const [qRow, kRow, length] = [s.heads * s.headDim, s.kvHeads * s.headDim, 23];
  const x = inputs(s, 3);
  const at = (segs: number[], row: number): number[] => {
    const { out, lse } = forward(wasm, x, s, Int32Array.from(segs));
    return [...out.slice(row * qRow, (row + 1) * qRow), ...lse.slice(row * s.heads, (row + 1) * s.heads)];
  };
  for (let i = 0; i < length; i++) {
    const whole = at([0, length, 0, 0, 0, 0], i);
    assertEquals(at([0, i + 1, 0, 0, 0, 0], i), whole, "shorter segment");
    assertEquals(at([i, i + 1, 0, 0, 0, i], i), whole, "decode with a past");
    if (i >= 9) {
      assertEquals(at([0, 9, 0, 0, 0, 0, 9, length, 0, 9, 9, 0], i), whole, "shared prefix");
      assertEquals(at([i, i + 1, 0, 9, 9, i - 9], i), whole, "decode behind a prefix");
    }
  }
  // The same keys as rows of a cache elsewhere, what lies behind them being no number.
  const cache = { k: zeros(x.k.length).fill(NaN), v: zeros(x.v.length).fill(NaN) };
  cache.k.set(x.k.subarray(0, 10 * kRow), 5 * kRow);
  cache.v.set(x.v.subarray(0, 10 * kRow), 5 * kRow);
  const cached = forward(wasm, { q: x.q, ...cache }, s, Int32Array.of(9, 10, 0, 0, 5, 9));
  assertEquals([...cached.out.slice(9 * qRow, 10 * qRow)], at([0, 10, 0, 0, 0, 0], 9).slice(0, qRow));
});
