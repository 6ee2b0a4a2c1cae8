/** Norms by rows: each a forward with its vjp beside it. */
import { kernels } from "../kernels/provider.ts";
import { build, empty, floats, showShape, size, type Tensor } from "../tensor/tensor.ts";
import { derive } from "./primitive.ts";

/** The size of the rows of `x`. @throws {TypeError} if it is not that of the weights */
function widthOf(name: string, x: Tensor, weights: readonly Tensor[]): number {
  const width = x.shape.at(-1) ?? 0;
  const other = weights.find((w) => size(w.shape) !== width);
  if (other !== undefined) {
    throw new TypeError(
      `Cannot apply ${name} as the rows of x must have the size of weight: ` +
        `x is ${showShape(x.shape)}, weight ${showShape(other.shape)}`,
    );
  }
  return width;
}

const emptyLike = (x: Tensor): Tensor => empty(x.dtype, x.shape);

/**
 * RMS norm by rows: y = x / √(mean x² + eps) · weight.
 *
 * @param x `[T, d]`
 * @param weight `[d]`
 * @see Zhang & Sennrich 2019, "Root mean square layer normalization", eq. 4
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  const dim = widthOf("rmsNorm", x, [weight]);
  const k = kernels(x.dtype);
  const out = build(x.dtype, x.shape, (y) => k.rmsNorm(floats(x), floats(weight), y, dim, eps));
  return derive(out, [x, weight], (g) => {
    const [dx, dWeight] = [emptyLike(x), emptyLike(weight)];
    k.rmsNormBackward(floats(x), floats(weight), floats(g), floats(dx), floats(dWeight), dim, eps);
    return [dx, dWeight];
  });
}

/**
 * Layer norm by rows: y = (x − mean x) / √(var x + eps) · weight + bias, var x = mean (x − mean x)².
 *
 * @param x `[T, d]`
 * @param parameters weight and bias, `[d]` each
 * @see Ba, Kiros & Hinton 2016, "Layer normalization", eq. 3
 */
export function layerNorm(x: Tensor, [weight, bias]: readonly [Tensor, Tensor], eps: number): Tensor {
  const dim = widthOf("layerNorm", x, [weight, bias]);
  const k = kernels(x.dtype);
  const out = build(x.dtype, x.shape, (y) => k.layerNorm(floats(x), floats(weight), floats(bias), y, dim, eps));
  return derive(out, [x, weight, bias], (g) => {
    const [dx, dWeight, dBias] = [emptyLike(x), emptyLike(weight), emptyLike(bias)];
    k.layerNormBackward(floats(x), floats(weight), floats(g), floats(dx), floats(dWeight), floats(dBias), dim, eps);
    return [dx, dWeight, dBias];
  });
}
