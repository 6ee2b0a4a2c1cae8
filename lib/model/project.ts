/** The one way in which a layer multiplies by its matrices. */
import { addRow, linear, linears } from "../grad/layers.ts";
import { type LowRank, lowRankLinear, scaleColumns } from "../grad/low_rank.ts";
import { kernels } from "../kernels/provider.ts";
import { build, cast, floats, type HalfTensor, isTensor, type Tensor } from "../tensor/tensor.ts";

/** What a layer multiplies by, `[out, in]`: a matrix, or one with an adapter. */
export type Weight = Tensor | HalfTensor | AdaptedWeight;

/** A matrix with what is added to it. */
export interface AdaptedWeight {
  /** The matrix, `[out, in]`. */
  readonly base: Tensor | HalfTensor;
  /** What is added to it. */
  readonly change: WeightChange;
}

/** A low-rank change, in DoRA with the length that every row gets. */
export interface WeightChange extends LowRank {
  /** Of DoRA: the norm of each row of the changed matrix, `[out]`. */
  readonly magnitude?: Tensor;
}

/** What a layer multiplies by, and what it adds, `[out]`, if anything. */
export type LayerProduct = readonly [weight: Weight, bias?: Tensor | undefined];

/**
 * y = x·Wᵀ + bias, by several W at once: every matrix product of a layer goes through here.
 *
 * @param x `[T, in]`
 * @returns `[T, out]` for each
 */
export function project<const P extends readonly LayerProduct[]>(
  x: Tensor,
  ...projections: P
): { readonly [I in keyof P]: Tensor } {
  const all = projections.every(([weight]) => isTensor(weight))
    ? linears(x, projections.map(([weight, bias]) => ({ weight: weight as Tensor | HalfTensor, bias })))
    : projections.map(([weight, bias]) => {
      if (isTensor(weight)) return linear(x, weight, bias);
      return bias === undefined ? adapted(x, weight) : addRow(adapted(x, weight), bias);
    });
  return all as { readonly [I in keyof P]: Tensor };
}

function adapted(x: Tensor, { base, change }: AdaptedWeight): Tensor {
  const y = lowRankLinear(x, base, change);
  return change.magnitude === undefined ? y : scaleColumns(y, change.magnitude, rowNorms(sumOf(base, change)));
}

/** W + scale·B·A as a matrix. */
function sumOf(base: Tensor | HalfTensor, { a, b, scale }: LowRank): Tensor {
  const [rank, inner] = a.shape as [number, number];
  const [outer] = b.shape as [number];
  const { gemm, axpy } = kernels(a.dtype);
  return build(a.dtype, base.shape, (w) => {
    gemm(outer, inner, rank, floats(b), [rank, 1], floats(a), [inner, 1], w, inner, 0);
    axpy(scale, w, floats(cast(base, a.dtype)), w);
  });
}

/** The Euclidean norm of every row. */
export function rowNorms(w: Tensor): Float64Array {
  const [rows, columns] = w.shape as [number, number];
  const { sumOfSquares } = kernels(w.dtype);
  const all = floats(w);
  return Float64Array.from({ length: rows }, (_, i) => {
    return Math.sqrt(sumOfSquares([all.subarray(i * columns, (i + 1) * columns)]));
  });
}

/**
 * The changed matrix as one: W + scale·B·A, in DoRA its rows at their magnitudes.
 *
 * @returns `[out, in]`; the base itself where nothing is added
 */
export function mergedWeight(weight: Weight): Tensor | HalfTensor {
  if (isTensor(weight)) return weight;
  const { base, change: { magnitude, ...lowRank } } = weight;
  const sum = sumOf(base, lowRank);
  if (magnitude === undefined) return sum;
  const [columns, norms, m] = [base.shape[1] as number, rowNorms(sum), floats(magnitude)];
  return build(sum.dtype, sum.shape, (w) => {
    const row = (i: number): number => Math.floor(i / columns);
    w.set(floats(sum).map((x, i) => x * (m[row(i)] as number) / (norms[row(i)] as number)));
  });
}
