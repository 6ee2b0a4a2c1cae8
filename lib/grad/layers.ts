/** Primitives of a language model, fused where it counts: each a forward with its vjp beside it. */
import type { AttentionShape, Floats } from "../kernels/kernels.ts";
import { SEGMENT } from "../kernels/kernels.ts";
import { kernels } from "../kernels/provider.ts";
import {
  build,
  empty,
  floats,
  halfBits,
  type HalfTensor,
  isHalf,
  showShape,
  size,
  type Tensor,
} from "../tensor/tensor.ts";
import { type LogitOptions, logits } from "./logits.ts";
import { asStored, matrix, transposed } from "./matrix.ts";
import { reshape } from "./ops.ts";
import { derive, nodeOf } from "./primitive.ts";
import { multiplyByAll, productsBy } from "./products.ts";

function like(x: Tensor, fill: (out: Floats) => void): Tensor {
  return build(x.dtype, x.shape, fill);
}

function emptyLike(x: Tensor): Tensor {
  return empty(x.dtype, x.shape);
}

const NO_ROWS = new Int32Array(0);

/** What a linear layer multiplies by, `[out, in]` as model files store it, and what it adds, `[out]`, if anything. */
export interface LinearParams {
  /** The matrix. */
  readonly weight: Tensor | HalfTensor;
  /** The bias. */
  readonly bias?: Tensor | undefined;
}

/** The outer size of a layer that x goes through. @throws {TypeError} if the others differ */
function outerOf(x: Tensor, { weight, bias }: LinearParams): number {
  const [, inner] = matrix(x, "x");
  const [outer, columns] = matrix(weight, "weight");
  if (
    inner !== columns || (!isHalf(weight) && x.dtype !== weight.dtype) ||
    (bias !== undefined && size(bias.shape) !== outer)
  ) {
    throw new TypeError(
      `Cannot apply linear as the inner sizes must agree: x ${x.dtype} ${showShape(x.shape)}, ` +
        `weight ${weight.dtype} ${showShape(weight.shape)}${
          bias === undefined ? "" : `, bias ${showShape(bias.shape)}`
        }`,
    );
  }
  return outer;
}

/**
 * y = x·Wᵀ + bias.
 *
 * @param x `[T, in]`
 * @param weight `[out, in]`, as model files store it
 * @param bias `[out]`, if there is one
 * @returns `[T, out]`
 * @throws {TypeError} if the sizes differ
 */
export function linear(x: Tensor, weight: Tensor | HalfTensor, bias?: Tensor): Tensor {
  return linears(x, [{ weight, bias }])[0]!;
}

/**
 * `linear` by several matrices at once: with few rows of x, as in generation, their products are shared among threads as
 * one.
 *
 * @param x `[T, in]`
 * @returns `[T, out]` for each
 * @throws {TypeError} if the sizes differ
 */
export function linears(x: Tensor, layers: readonly LinearParams[]): readonly Tensor[] {
  const k = kernels(x.dtype), [rows, inner] = matrix(x, "x");
  // A bias is the one row of a table, gathered for every row.
  const everyRow = layers.some(({ bias }) => bias !== undefined) ? new Int32Array(rows) : NO_ROWS;
  const outs = layers.map((layer) => {
    const outer = outerOf(x, layer), out = empty(x.dtype, [rows, outer]);
    if (layer.bias !== undefined) k.gatherRows(floats(layer.bias), everyRow, floats(out), outer);
    return out;
  });
  multiplyByAll(x, layers, outs);
  return outs.map((out, i) => {
    const { weight, bias } = layers[i] as LinearParams, outer = out.shape[1] as number;
    const parents = bias === undefined ? [x, weight as Tensor] : [x, weight as Tensor, bias]; // 16 bits are a constant
    return derive(out, parents, (g, [needX, needWeight, needBias]) => [
      needX ? like(x, (dx) => productsBy(weight, x.dtype).backward(rows, floats(g), dx)) : undefined,
      needWeight && !isHalf(weight)
        ? like(weight, (dw) => {
          k.gemm(outer, inner, rows, floats(g), transposed(outer), floats(x), asStored(inner), dw, inner, 0);
        })
        : undefined,
      needBias && bias !== undefined
        ? like(bias, (db) => {
          db.fill(0);
          k.scatterAddRows(floats(g), everyRow, db, outer);
        })
        : undefined,
    ]);
  });
}

/**
 * The same row added to every row: y[t] = x[t] + row.
 *
 * @param x `[T, n]`
 * @param row `[n]`
 * @throws {TypeError} if the sizes differ
 */
export function addRow(x: Tensor, row: Tensor): Tensor {
  const [rows, width] = matrix(x, "x");
  if (size(row.shape) !== width) {
    throw new TypeError(
      `Cannot add a row as the sizes must agree: x is ${showShape(x.shape)}, row ${showShape(row.shape)}`,
    );
  }
  const k = kernels(x.dtype);
  const everyRow = new Int32Array(rows); // the one row of a table
  const out = like(x, (y) => {
    k.gatherRows(floats(row), everyRow, y, width);
    k.axpy(1, floats(x), y, y);
  });
  return derive(out, [x, row], (g) => [
    g,
    like(row, (dRow) => {
      dRow.fill(0);
      k.scatterAddRows(floats(g), everyRow, dRow, width);
    }),
  ]);
}

/** Rows of a table that is held in 16 bits, as floats of 32. */
function widenedRows(table: HalfTensor, ids: Int32Array, dim: number): Tensor {
  const { widen } = kernels("f32"), bits = halfBits(table);
  return build("f32", [ids.length, dim], (out) => {
    ids.forEach((id, i) =>
      widen(table.dtype, bits.subarray(id * dim, (id + 1) * dim), out.subarray(i * dim, (i + 1) * dim))
    );
  });
}

/**
 * Rows of a table by index: out[i] = table[ids[i]].
 *
 * @param table `[V, d]`
 * @param ids `[T]`, each in 0 … V−1
 * @returns `[T, d]`
 * @throws {RangeError} if an index is outside the table
 */
export function gatherRows(table: Tensor | HalfTensor, ids: Int32Array): Tensor {
  const [rows, dim] = matrix(table, "table");
  const bad = ids.findIndex((id) => id < 0 || id >= rows);
  if (bad >= 0) {
    throw new RangeError(`Cannot gather rows as ids must be in 0 … ${rows - 1}: ids[${bad}] is ${ids[bad]}`);
  }
  if (isHalf(table)) return widenedRows(table, ids, dim);
  const k = kernels(table.dtype);
  const out = build(table.dtype, [ids.length, dim], (o) => k.gatherRows(floats(table), ids, o, dim));
  return derive(out, [table], (g) => [{ rows: g, ids }]);
}

/**
 * Causal grouped-query attention over ragged segments: out = softmax(scale · q·kᵀ)·v, over the last `window` keys of each
 * query and with capped scores where the shape says so.
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
 * Log-probabilities of chosen tokens: out[i] = log softmax(z)[targets[i]] with z = head · hidden[i], or capped
 * z = softcap · tanh(head · hidden[i] / softcap), in nats.
 *
 * The logits exist for a chunk of rows at a time, never as `[N, V]`; the backward pass makes those again that were too
 * many to keep.
 *
 * @param hidden `[N, d]`
 * @param head `[V, d]`
 * @param targets `[N]`, each in 0 … V−1
 * @returns `[N]`
 * @throws {RangeError} if a target is outside the vocabulary
 */
export function chosenLogProbs(
  hidden: Tensor,
  head: Tensor | HalfTensor,
  targets: Int32Array,
  options: LogitOptions = {},
): Tensor {
  const keep = [hidden, head as Tensor].some((t) => nodeOf(t) !== undefined);
  const { rows, vocab, forward, backward } = logits(hidden, head, { ...options, keep });
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
  return derive(out, [hidden, head as Tensor], (g, [, needHead]) =>
    backward((z, start, end) => {
      k.logProbRowsBackward(z, targets.subarray(start, end), part(lse, start, end), part(g, start, end), vocab);
    }, needHead === true));
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
