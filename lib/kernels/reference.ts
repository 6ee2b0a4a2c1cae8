/**
 * The kernels as plain loops: the oracle of the tests, the provider of f64, and the fallback of the fast ones.
 *
 * Sums are taken in double precision and in order; a `Float32Array` rounds once, when the result is stored.
 */

import { widen } from "./half.ts";
import {
  type AdamStep,
  type AdamwArrays,
  type BinaryOp,
  type Floats,
  type Kernels,
  oneByOne,
  type Strides,
  type UnaryOp,
} from "./kernels.ts";
import * as activations from "./reference_activations.ts";
import { attention, attentionBackward } from "./reference_attention.ts";
import * as norms from "./reference_norms.ts";

const { sigmoid, ...activationKernels } = activations;

/** A strided matrix `[rows, columns]` as doubles in row-major order. */
function dense(x: Floats, strides: Strides, shape: readonly [rows: number, columns: number]): Float64Array {
  const [rows, columns] = shape;
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[i * columns + j] = x[i * strides[0] + j * strides[1]]!;
  }
  return out;
}

function gemm(
  m: number,
  n: number,
  k: number,
  a: Floats,
  aStrides: Strides,
  b: Floats,
  bStrides: Strides,
  c: Floats,
  ldc: number,
  beta: 0 | 1,
): void {
  const rows = dense(a, aStrides, [m, k]);
  const columns = dense(b, [bStrides[1], bStrides[0]], [n, k]);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += rows[i * k + p]! * columns[j * k + p]!;
      c[i * ldc + j] = beta === 0 ? sum : sum + c[i * ldc + j]!;
    }
  }
}

function gatherRows(table: Floats, ids: Int32Array, out: Floats, dim: number): void {
  for (let i = 0; i < ids.length; i++) {
    for (let j = 0; j < dim; j++) out[i * dim + j] = table[ids[i]! * dim + j]!;
  }
}

function scatterAddRows(x: Floats, ids: Int32Array, out: Floats, dim: number): void {
  for (let i = 0; i < ids.length; i++) {
    for (let j = 0; j < dim; j++) {
      const at = ids[i]! * dim + j;
      out[at] = out[at]! + x[i * dim + j]!;
    }
  }
}

function rotary(
  x: Floats,
  positions: Int32Array,
  cos: Floats,
  sin: Floats,
  out: Floats,
  heads: number,
  headDim: number,
  direction: 1 | -1,
  size: number = headDim,
): void {
  const half = size / 2;
  for (let row = 0; row < positions.length * heads; row++) {
    const at = row * headDim;
    for (let j = size; j < headDim; j++) out[at + j] = x[at + j]!;
    const angle = positions[Math.floor(row / heads)]! * half;
    for (let j = 0; j < half; j++) {
      const c = cos[angle + j]!;
      const s = sin[angle + j]! * direction;
      const first = x[at + j]!;
      const second = x[at + half + j]!;
      out[at + j] = first * c - second * s;
      out[at + half + j] = second * c + first * s;
    }
  }
}

/** log Σ exp of the row that starts at `row`. */
function logSumExp(x: Floats, row: number, length: number): number {
  let max = -Infinity;
  for (let j = 0; j < length; j++) max = Math.max(max, x[row + j]!);
  if (max === -Infinity) return max;
  let sum = 0;
  for (let j = 0; j < length; j++) sum += Math.exp(x[row + j]! - max);
  return max + Math.log(sum);
}

function logProbRows(logits: Floats, targets: Int32Array, logps: Floats, lse: Floats, vocab: number): void {
  for (let r = 0; r < targets.length; r++) {
    const total = logSumExp(logits, r * vocab, vocab);
    logps[r] = logits[r * vocab + targets[r]!]! - total;
    lse[r] = total;
  }
}

function logProbRowsBackward(logits: Floats, targets: Int32Array, lse: Floats, g: Floats, vocab: number): void {
  for (let r = 0; r < targets.length; r++) {
    for (let v = 0; v < vocab; v++) {
      const at = r * vocab + v;
      logits[at] = g[r]! * ((v === targets[r] ? 1 : 0) - Math.exp(logits[at]! - lse[r]!));
    }
  }
}

const unary: Readonly<Record<UnaryOp, (x: number) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  square: (x) => x * x,
  sigmoid,
  logSigmoid: (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))),
  // Each form keeps its digits where the other cancels; they meet at e^x = 1/2.
  log1mexp: (x) => x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x)),
  relu: (x) => Math.max(x, 0),
};

function map(op: UnaryOp, x: Floats, out: Floats): void {
  const f = unary[op];
  for (let i = 0; i < out.length; i++) out[i] = f(x[i]!);
}

const binary: Readonly<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: Math.max,
  min: Math.min,
};

function zip(op: BinaryOp, a: Floats, b: Floats, out: Floats): void {
  const f = binary[op];
  const aStep = a.length === 1 ? 0 : 1;
  const bStep = b.length === 1 ? 0 : 1;
  for (let i = 0; i < out.length; i++) out[i] = f(a[i * aStep]!, b[i * bStep]!);
}

function drawRow(
  logits: Floats,
  u: number,
  temperature: number,
): { readonly id: number; readonly probability: number } {
  const best = Float64Array.from(logits).reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = Float64Array.from(logits, (z) => Math.exp((z - best) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let [reached, id, probability] = [0, 0, 0];
  for (let i = 0; i < weights.length && !(u < reached); i++) {
    const p = weights[i]! / total;
    if (p === 0) continue;
    [reached, id, probability] = [reached + p, i, p];
  }
  return { id, probability };
}

function drawRows(
  logits: Floats,
  rows: Int32Array,
  draws: Float64Array,
  temperature: number,
  ids: Int32Array,
  probabilities: Float64Array,
  vocab: number,
): void {
  rows.forEach((row, r) => {
    const { id, probability } = drawRow(logits.subarray(row * vocab, (row + 1) * vocab), draws[r]!, temperature);
    ids[r] = id;
    probabilities[r] = probability;
  });
}

function segmentSum(x: Floats, offsets: Int32Array, out: Floats): void {
  for (let s = 0; s < out.length; s++) {
    let sum = 0;
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) sum += x[i]!;
    out[s] = sum;
  }
}

function sumOfSquares(xs: readonly Floats[]): number {
  return xs.reduce((total, x) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += x[i]! ** 2;
    return total + sum;
  }, 0);
}

function adamw(params: readonly AdamwArrays<Floats>[], step: AdamStep): void {
  const { factor, into, rate, beta1, beta2, eps, correction1, correction2 } = step;
  for (const { g, m, v, p, decay } of params) {
    for (let i = 0; i < g.length; i++) {
      const gi = factor * g[i]!;
      const first = m[i] = beta1 * m[i]! + (1 - beta1) * gi;
      const second = v[i] = beta2 * v[i]! + (1 - beta2) * gi * gi;
      const direction = first / correction1 / (Math.sqrt(second / correction2) + eps);
      const update = -rate * decay * p[i]! + direction * -rate;
      if (into === "g") g[i] = update;
      else p[i] = p[i]! + update;
    }
  }
}

function axpy(alpha: number, x: Floats, y: Floats, out: Floats): void {
  for (let i = 0; i < out.length; i++) out[i] = alpha * x[i]! + y[i]!;
}

/** The provider of plain loops, for both types: slow, in order, and right. */
export const reference: Kernels<Floats> = {
  name: "reference",
  batchError: 0,
  gemm,
  linears: oneByOne(gemm),
  widen,
  gatherRows,
  scatterAddRows,
  ...norms,
  rotary,
  attention,
  attentionBackward,
  ...activationKernels,
  logProbRows,
  logProbRowsBackward,
  drawRows,
  map,
  zip,
  segmentSum,
  sumOfSquares,
  adamw,
  axpy,
};
