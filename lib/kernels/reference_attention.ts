/** Attention over segments as plain loops: every score is written down, every sum is taken in order. */

import type { AttentionShape, Floats } from "./kernels.ts";
import { SEGMENT } from "./kernels.ts";

/** A query row and the key rows it sees, in order. */
interface Query {
  readonly row: number;
  readonly keys: readonly number[];
}

/** The queries that the segments name, each with its key rows: prefix first, then its own past and itself; the last ones. */
function* queries(segments: Int32Array, { window = Infinity }: AttentionShape): Generator<Query> {
  for (let s = 0; s < segments.length; s += SEGMENT) {
    const field = (i: number): number => segments[s + i]!;
    const [start, end, keyStart, past] = [field(0), field(1), field(4), field(5)];
    const prefix = range(field(2), field(3));
    for (let row = start; row < end; row++) {
      const keys = [...prefix, ...range(keyStart, keyStart + past + row - start + 1)];
      yield { row, keys: keys.slice(Math.max(keys.length - window, 0)) };
    }
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(to - from, 0) }, (_, i) => from + i);

/** Σ x[at + d]·y[from + d] over the `length` elements of a head. */
function dot(x: Floats, at: number, y: Floats, from: number, length: number): number {
  let sum = 0;
  for (let d = 0; d < length; d++) sum += x[at + d]! * y[from + d]!;
  return sum;
}

/** out[at + d] ← out[at + d] + factor·x[from + d] over the elements of a head. */
function addHead(out: Floats, at: number, factor: number, x: Floats, from: number, length: number): void {
  for (let d = 0; d < length; d++) out[at + d] = out[at + d]! + factor * x[from + d]!;
}

/** Where query head `head` of a row starts, and where the head of a key row that serves it starts. */
function headsAt(shape: AttentionShape, head: number): {
  readonly query: (row: number) => number;
  readonly key: (row: number) => number;
} {
  const { heads, kvHeads, headDim } = shape;
  const kvHead = Math.floor(head * kvHeads / heads);
  return { query: (row) => (row * heads + head) * headDim, key: (row) => (row * kvHeads + kvHead) * headDim };
}

/** A scaled score as it is used, and its derivative by the score before: capped if there is a cap. */
function capped(score: number, { softcap }: AttentionShape): readonly [score: number, slope: number] {
  if (softcap === undefined) return [score, 1];
  const t = Math.tanh(score / softcap);
  return [softcap * t, 1 - t * t];
}

/** `Kernels.attention` as plain loops. */
export function attention(
  q: Floats,
  k: Floats,
  v: Floats,
  segments: Int32Array,
  out: Floats,
  lse: Floats,
  shape: AttentionShape,
): void {
  const { heads, headDim, scale } = shape;
  out.fill(0);
  lse.fill(0);
  const sum = new Float64Array(headDim);
  for (const { row, keys } of queries(segments, shape)) {
    for (let head = 0; head < heads; head++) {
      const at = headsAt(shape, head);
      const scores = keys.map((key) => capped(scale * dot(q, at.query(row), k, at.key(key), headDim), shape)[0]);
      const max = scores.reduce((a, b) => Math.max(a, b), -Infinity);
      const total = max + Math.log(scores.reduce((s, score) => s + Math.exp(score - max), 0));
      sum.fill(0);
      keys.forEach((key, i) => addHead(sum, 0, Math.exp(scores[i]! - total), v, at.key(key), headDim));
      out.set(sum, at.query(row));
      lse[row * heads + head] = total;
    }
  }
}

/** `Kernels.attentionBackward` as plain loops. */
export function attentionBackward(
  q: Floats,
  k: Floats,
  v: Floats,
  out: Floats,
  lse: Floats,
  g: Floats,
  segments: Int32Array,
  dq: Floats,
  dk: Floats,
  dv: Floats,
  shape: AttentionShape,
): void {
  const { heads, headDim, scale } = shape;
  const [dQuery, dKey, dValue] = [new Float64Array(q.length), new Float64Array(k.length), new Float64Array(v.length)];
  for (const { row, keys } of queries(segments, shape)) {
    for (let head = 0; head < heads; head++) {
      const at = headsAt(shape, head);
      const here = at.query(row);
      const along = dot(g, here, out, here, headDim); // Σ_j p_j·(g·v_j), what the softmax subtracts
      for (const key of keys) {
        const there = at.key(key);
        const [score, slope] = capped(scale * dot(q, here, k, there, headDim), shape);
        const p = Math.exp(score - lse[row * heads + head]!);
        const dScore = p * (dot(g, here, v, there, headDim) - along) * slope * scale;
        addHead(dQuery, here, dScore, k, there, headDim);
        addHead(dKey, there, dScore, q, here, headDim);
        addHead(dValue, there, p, g, here, headDim);
      }
    }
  }
  dq.set(dQuery);
  dk.set(dKey);
  dv.set(dValue);
}
