/** Products by a matrix that a low-rank term changes: W + scale·B·A, which never exists as a matrix. */
import type { Floats } from "../kernels/kernels.ts";
import { kernels } from "../kernels/provider.ts";
import { build, floats, type HalfTensor, isHalf, scalar, showShape, size, type Tensor } from "../tensor/tensor.ts";
import { asStored, matrix, transposed } from "./matrix.ts";
import { derive } from "./primitive.ts";
import { productsBy } from "./products.ts";

/** A change of a matrix `[out, in]` of rank r: scale·B·A. */
export interface LowRank {
  /** A: `[r, in]`. */
  readonly a: Tensor;
  /** B: `[out, r]`. */
  readonly b: Tensor;
  /** What B·A is multiplied by: alpha / r, of rsLoRA alpha / √r. */
  readonly scale: number;
}

function checkShapes(x: Tensor, weight: Tensor | HalfTensor, { a, b }: LowRank): void {
  const [[outer, inner], [rank, into], [out, from]] = [matrix(weight, "weight"), matrix(a, "a"), matrix(b, "b")];
  const fits = matrix(x, "x")[1] === inner && into === inner && out === outer && from === rank;
  if (!fits || [weight, a, b].some((t) => !isHalf(t) && t.dtype !== x.dtype)) {
    const shown = Object.entries({ x, weight, a, b }).map(([name, t]) => `${name} ${t.dtype} ${showShape(t.shape)}`);
    throw new TypeError(`Cannot apply lowRankLinear as the sizes must agree: ${shown.join(", ")}`);
  }
}

/** Writes c·x over x. */
function scaleBy(c: number, x: Floats, dtype: Tensor["dtype"]): void {
  kernels(dtype).zip("mul", x, floats(scalar(c, dtype)), x);
}

/**
 * y = x·(W + scale·B·A)ᵀ, computed as x·Wᵀ + (scale·x·Aᵀ)·Bᵀ. A constant W costs no gradient of its size.
 *
 * @param x `[T, in]`
 * @param weight `[out, in]`
 * @returns `[T, out]`
 * @throws {TypeError} if the sizes differ
 * @see Hu et al. 2021, "LoRA: Low-rank adaptation of large language models", eq. 3
 */
export function lowRankLinear(x: Tensor, weight: Tensor | HalfTensor, lowRank: LowRank): Tensor {
  checkShapes(x, weight, lowRank);
  const { a, b, scale } = lowRank;
  const { dtype } = x;
  const [rows, inner] = matrix(x, "x");
  const [outer, rank] = matrix(b, "b");
  const { gemm } = kernels(dtype), products = productsBy(weight, dtype);
  const [xs, as, bs] = [x, a, b].map(floats) as [Floats, Floats, Floats];
  const reduced = build(dtype, [rows, rank], (h) => {
    gemm(rows, rank, inner, xs, asStored(inner), as, transposed(inner), h, rank, 0);
    scaleBy(scale, h, dtype);
  });
  const h = floats(reduced);
  const out = build(dtype, [rows, outer], (y) => {
    products.forward(rows, xs, y);
    gemm(rows, outer, rank, h, asStored(rank), bs, transposed(rank), y, outer, 1);
  });
  return derive(out, [x, weight as Tensor, a, b], (g, [needX, needWeight, needA, needB]) => {
    const gs = floats(g);
    const dh = floats(build(dtype, [rows, rank], (d) => {
      gemm(rows, rank, outer, gs, asStored(outer), bs, asStored(rank), d, rank, 0);
      scaleBy(scale, d, dtype);
    }));
    const gradient = (need: boolean | undefined, of: Tensor, fill: (d: Floats) => void): Tensor | undefined =>
      need ? build(dtype, of.shape, fill) : undefined;
    return [
      gradient(needX, x, (dx) => {
        products.backward(rows, gs, dx);
        gemm(rows, inner, rank, dh, asStored(rank), as, asStored(inner), dx, inner, 1);
      }),
      gradient(needWeight, weight as Tensor, (dw) => {
        gemm(outer, inner, rows, gs, transposed(outer), xs, asStored(inner), dw, inner, 0);
      }),
      gradient(needA, a, (da) => {
        gemm(rank, inner, rows, dh, transposed(rank), xs, asStored(inner), da, inner, 0);
      }),
      gradient(needB, b, (db) => {
        gemm(outer, rank, rows, gs, transposed(outer), h, asStored(rank), db, rank, 0);
      }),
    ];
  });
}

/**
 * Scales columns by magnitude over norm: y[t, j] = x[t, j] · magnitude[j] / norms[j]. The norms are constants.
 *
 * @param x `[T, n]`
 * @param magnitude `[n]`
 * @param norms `[n]`, > 0
 * @see Liu et al. 2024, "DoRA: Weight-decomposed low-rank adaptation", eq. 5 and section 4.3
 */
export function scaleColumns(x: Tensor, magnitude: Tensor, norms: ArrayLike<number>): Tensor {
  const [, columns] = matrix(x, "x");
  if (size(magnitude.shape) !== columns || norms.length !== columns) {
    throw new TypeError(
      `Cannot scale columns as there must be ${columns} magnitudes and norms: ` +
        `there are ${size(magnitude.shape)} and ${norms.length}`,
    );
  }
  const m = floats(magnitude);
  const scaled = (from: Floats) => (to: Floats): void => {
    for (let i = 0; i < to.length; i++) {
      const j = i % columns;
      to[i] = (from[i] as number) * (m[j] as number) / (norms[j] as number);
    }
  };
  return derive(build(x.dtype, x.shape, scaled(floats(x))), [x, magnitude], (g, [needX]) => {
    const [xs, gs] = [floats(x), floats(g)];
    const sums = new Float64Array(columns);
    for (let i = 0; i < gs.length; i++) sums[i % columns]! += (gs[i] as number) * (xs[i] as number);
    return [
      needX ? build(x.dtype, x.shape, scaled(gs)) : undefined,
      build(x.dtype, magnitude.shape, (d) => d.set(sums.map((s, j) => s / (norms[j] as number)))),
    ];
  });
}
