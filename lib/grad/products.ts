/**
 * Products by a matrix W `[out, in]`, held in floats or in 16 bits a number. Of the latter some rows at a time are widened
 * into scratch memory: W never exists in floats.
 */
import type { Floats, LinearLayer } from "../kernels/kernels.ts";
import { withScratch } from "../kernels/memory.ts";
import { kernels } from "../kernels/provider.ts";
import { type Dtype, empty, floats, halfBits, type HalfTensor, isHalf, type Tensor } from "../tensor/tensor.ts";
import { asStored, matrix, transposed } from "./matrix.ts";
import { panelsOf } from "./panels.ts";

/** A matrix as products see it. */
export interface Products {
  /** y ← x·Wᵀ, or y + x·Wᵀ where beta is 1; x `[rows, in]`, y `[rows, out]`. */
  readonly forward: (rows: number, x: Floats, y: Floats, beta?: 0 | 1) => void;
  /** dx ← g·W; g `[rows, out]`, dx `[rows, in]`. */
  readonly backward: (rows: number, g: Floats, dx: Floats) => void;
}

/** Numbers that are widened at once, about. */
const PIECE = 1 << 20;

/** Rows of W are the inner dimension of g·W, whose sums are taken in blocks of 256: whole blocks give the same bits. */
const BLOCK = 256;

/** The products by a matrix; computed in `dtype` where it is held in 16 bits. */
export function productsBy(weight: Tensor | HalfTensor, dtype: Dtype): Products {
  const [outer, inner] = matrix(weight, "weight");
  const { gemm, widen } = kernels(dtype);
  if (!isHalf(weight)) {
    const w = floats(weight);
    return {
      forward: (rows, x, y, beta = 0) =>
        gemm(rows, outer, inner, x, asStored(inner), w, transposed(inner), y, outer, beta),
      backward: (rows, g, dx) => gemm(rows, inner, outer, g, asStored(outer), w, asStored(inner), dx, inner, 0),
    };
  }
  const bits = halfBits(weight);
  const height = Math.min(outer, BLOCK * Math.max(1, Math.floor(PIECE / (BLOCK * inner))));
  /** Calls `use` with the rows of W, some at a time. */
  const eachPiece = (use: (w: Floats, first: number, count: number) => void): void =>
    withScratch(() => {
      const room = floats(empty(dtype, [height, inner]));
      for (let first = 0; first < outer; first += height) {
        const count = Math.min(height, outer - first), w = room.subarray(0, count * inner);
        widen(weight.dtype, bits.subarray(first * inner, (first + count) * inner), w);
        use(w, first, count);
      }
    });
  return {
    forward: (rows, x, y, beta = 0) =>
      eachPiece((w, first, count) => {
        gemm(rows, count, inner, x, asStored(inner), w, transposed(inner), y.subarray(first), outer, beta);
      }),
    backward: (rows, g, dx) =>
      eachPiece((w, first, count) => {
        const beta = first === 0 ? 0 : 1;
        gemm(rows, inner, count, g.subarray(first), asStored(outer), w, asStored(inner), dx, inner, beta);
      }),
  };
}

/**
 * y ← x·Wᵀ, or y + x·Wᵀ where there is a bias, which y holds: for several W, at once unless one is held in 16 bits.
 *
 * @param x `[rows, in]`
 * @param ys `[rows, out]` each
 */
export function multiplyByAll(
  x: Tensor,
  layers: readonly { readonly weight: Tensor | HalfTensor; readonly bias?: Tensor | undefined }[],
  ys: readonly Tensor[],
): void {
  const [rows, inner] = matrix(x, "x");
  const inFloats: LinearLayer<Floats>[] = [];
  layers.forEach(({ weight, bias }, i) => {
    const y = floats(ys[i] as Tensor), beta = bias === undefined ? 0 : 1;
    if (isHalf(weight)) productsBy(weight, x.dtype).forward(rows, floats(x), y, beta);
    else inFloats.push({ weight: floats(weight), panels: panelsOf(weight), outer: weight.shape[0] as number, y, beta });
  });
  if (inFloats.length > 0) kernels(x.dtype).linears(rows, inner, floats(x), inFloats);
}
