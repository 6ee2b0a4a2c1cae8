/** Primitives of a language model, fused where it counts: each a forward with its vjp beside it. */
import type { AttentionShape, Floats } from "../kernels/kernels.ts";
import { SEGMENT } from "../kernels/kernels.ts";
import { kernels } from "../kernels/provider.ts";
import { build, type Dtype, empty, floats, showShape, size, type Tensor } from "../tensor/tensor.ts";
import { logits } from "./logits.ts";
import { asStored, matrix, transposed } from "./matrix.ts";
import { reshape } from "./ops.ts";
import { derive } from "./primitive.ts";

function like(x: Tensor, fill: (out: Floats) => void): Tensor {
  return build(x.dtype, x.shape, fill);
}

function emptyLike(x: Tensor): Tensor {
  return empty(x.dtype, x.shape);
}

/**
 * y = x·Wᵀ.
 *
 * @param x `[T, in]`
 * @param weight `[out, in]`, as model files store it
 * @returns `[T, out]`
 * @throws {TypeError} if the inner sizes differ
 */
export function linear(x: Tensor, weight: Tensor): Tensor {
  const [rows, inner] = matrix(x, "x");
  const [outer, columns] = matrix(weight, "weight");
  if (inner !== columns || x.dtype !== weight.dtype) {
    throw new TypeError(
      `Cannot apply linear as the inner sizes must agree: x ${x.dtype} ${showShape(x.shape)}, ` +
        `weight ${weight.dtype} ${showShape(weight.shape)}`,
    );
  }
  const { gemm } = kernels(x.dtype);
  const out = build(x.dtype, [rows, outer], (y) => {
    gemm(rows, outer, inner, floats(x), asStored(inner), floats(weight), transposed(inner), y, outer, 0);
  });
  return derive(out, [x, weight], (g, [needX, needWeight]) => [
    needX
      ? like(x, (dx) => {
        gemm(rows, inner, outer, floats(g), asStored(outer), floats(weight), asStored(inner), dx, inner, 0);
      })
      : undefined,
    needWeight
      ? like(weight, (dw) => {
        gemm(outer, inner, rows, floats(g), transposed(outer), floats(x), asStored(inner), dw, inner, 0);
      })
      : undefined,
  ]);
}

/**
 * Rows of a table by index: out[i] = table[ids[i]].
 *
 * @param table `[V, d]`
 * @param ids `[T]`, each in 0 … V−1
 * @returns `[T, d]`
 * @throws {RangeError} if an index is outside the table
 */
export function gatherRows(table: Tensor, ids: Int32Array): Tensor {
  const [rows, dim] = matrix(table, "table");
  const bad = ids.findIndex((id) => id < 0 || id >= rows);
  if (bad >= 0) {
    throw new RangeError(`Cannot gather rows as ids must be in 0 … ${rows - 1}: ids[${bad}] is ${ids[bad]}`);
  }
  const k = kernels(table.dtype);
  const out = build(table.dtype, [ids.length, dim], (o) => k.gatherRows(floats(table), ids, o, dim));
  return derive(out, [table], (g) => [
    like(table, (dTable) => {
      dTable.fill(0);
      k.scatterAddRows(floats(g), ids, dTable, dim);
    }),
  ]);
}

/**
 * RMS norm by rows: y = x / √(mean x² + eps) · weight.
 *
 * @param x `[T, d]`
 * @param weight `[d]`
 * @see Zhang & Sennrich 2019, "Root mean square layer normalization", eq. 4
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  const dim = size(weight.shape);
  if (x.shape.at(-1) !== dim) {
    throw new TypeError(
      `Cannot apply rmsNorm as the rows of x must have the size of weight: ` +
        `x is ${showShape(x.shape)}, weight ${showShape(weight.shape)}`,
    );
  }
  const k = kernels(x.dtype);
  const out = like(x, (y) => k.rmsNorm(floats(x), floats(weight), y, dim, eps));
  return derive(out, [x, weight], (g) => {
    const [dx, dWeight] = [emptyLike(x), emptyLike(weight)];
    k.rmsNormBackward(floats(x), floats(weight), floats(g), floats(dx), floats(dWeight), dim, eps);
    return [dx, dWeight];
  });
}

/** Cosines and sines of the rotary angles, `[positions, headDim/2]`. */
export interface RotaryTable {
  /** Cosines, `[positions, headDim/2]`. */
  readonly cos: Tensor;
  /** Sines, `[positions, headDim/2]`. */
  readonly sin: Tensor;
}

/**
 * Rotary angles: position p turns the pair (j, j + headDim/2) by p·theta^(−2j/headDim).
 *
 * @see Su et al. 2021, "RoFormer", eq. 15
 */
export function rotaryTable(positions: number, options: { headDim: number; theta: number; dtype: Dtype }): RotaryTable {
  const { headDim, theta, dtype } = options;
  const half = headDim / 2;
  const table = (f: (angle: number) => number): Tensor =>
    build(dtype, [positions, half], (out) => {
      for (let i = 0; i < out.length; i++) {
        out[i] = f(Math.floor(i / half) * theta ** (-2 * (i % half) / headDim));
      }
    });
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/**
 * Turns queries or keys by their positions.
 *
 * @param x `[T, heads·headDim]`
 * @param positions `[T]`
 */
export function rotary(x: Tensor, positions: Int32Array, { cos, sin }: RotaryTable): Tensor {
  const headDim = 2 * (cos.shape[1] as number);
  const heads = (x.shape[1] as number) / headDim;
  const k = kernels(x.dtype);
  const turn = (from: Tensor, direction: 1 | -1): Tensor =>
    like(from, (out) => k.rotary(floats(from), positions, floats(cos), floats(sin), out, heads, headDim, direction));
  return derive(turn(x, 1), [x], (g) => [turn(g, -1)]); // a rotation's transpose is its inverse
}

/**
 * Causal grouped-query attention over ragged segments: out = softmax(scale · q·kᵀ)·v.
 *
 * @param qkv queries `[T, heads·headDim]`, keys and values `[K, kvHeads·headDim]`
 * @param segments rows of six integers, see `Kernels`
 * @returns `[T, heads·headDim]`
 */
export function attention(
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  segments: Int32Array,
  shape: AttentionShape,
): Tensor {
  if (segments.length % SEGMENT !== 0) {
    throw new RangeError(`Cannot attend as a segment has ${SEGMENT} integers: there are ${segments.length}`);
  }
  const provider = kernels(q.dtype);
  const [out, lse] = [emptyLike(q), empty(q.dtype, [q.shape[0] as number, shape.heads])];
  provider.attention(floats(q), floats(k), floats(v), segments, floats(out), floats(lse), shape);
  return derive(out, [q, k, v], (g) => {
    const [dq, dk, dv] = [q, k, v].map(emptyLike) as [Tensor, Tensor, Tensor];
    const saved = [q, k, v, out, lse, g].map(floats) as [Floats, Floats, Floats, Floats, Floats, Floats];
    provider.attentionBackward(...saved, segments, floats(dq), floats(dk), floats(dv), shape);
    return [dq, dk, dv];
  });
}

/**
 * The gate of a gated MLP: silu(gate) · up, silu(x) = x·σ(x).
 *
 * @see Shazeer 2020, "GLU variants improve transformer", eq. 5
 */
export function siluGate(gate: Tensor, up: Tensor): Tensor {
  const k = kernels(gate.dtype);
  return derive(like(gate, (out) => k.siluGate(floats(gate), floats(up), out)), [gate, up], (g) => {
    const [dGate, dUp] = [emptyLike(gate), emptyLike(up)];
    k.siluGateBackward(floats(gate), floats(up), floats(g), floats(dGate), floats(dUp));
    return [dGate, dUp];
  });
}

/**
 * Log-probabilities of chosen tokens: out[i] = log softmax(head · hidden[i])[targets[i]], in nats.
 *
 * The logits exist for a chunk of rows at a time, never as `[N, V]`; the backward pass makes them again.
 *
 * @param hidden `[N, d]`
 * @param head `[V, d]`
 * @param targets `[N]`, each in 0 … V−1
 * @returns `[N]`
 * @throws {RangeError} if a target is outside the vocabulary
 */
export function chosenLogProbs(hidden: Tensor, head: Tensor, targets: Int32Array): Tensor {
  const { rows, vocab, forward, backward } = logits(hidden, head);
  const bad = targets.findIndex((id) => id < 0 || id >= vocab);
  if (bad >= 0 || targets.length !== rows) {
    throw new RangeError(
      `Cannot take log-probabilities as each of ${rows} rows needs a target in 0 … ${vocab - 1}: ` +
        (bad < 0 ? `there are ${targets.length}` : `targets[${bad}] is ${targets[bad]}`),
    );
  }
  const k = kernels(hidden.dtype);
  const [out, lse] = [empty(hidden.dtype, [rows]), empty(hidden.dtype, [rows])];
  const part = (t: Tensor, start: number, end: number): Floats => floats(t).subarray(start, end);
  forward((z, start, end) => {
    k.logProbRows(z, targets.subarray(start, end), part(out, start, end), part(lse, start, end), vocab);
  });
  return derive(out, [hidden, head], (g) =>
    backward((z, start, end) => {
      k.logProbRowsBackward(z, targets.subarray(start, end), part(lse, start, end), part(g, start, end), vocab);
    }));
}

/**
 * Elements of a vector by index: out[i] = x[indices[i]].
 *
 * @param x `[N]`
 * @throws {RangeError} if an index is outside the vector
 */
export function take(x: Tensor, indices: Int32Array): Tensor {
  return reshape(gatherRows(reshape(x, [size(x.shape), 1]), indices), [indices.length]);
}
