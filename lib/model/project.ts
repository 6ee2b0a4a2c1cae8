/** The one way in which a layer multiplies by its matrices. */
import { linear } from "../grad/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a layer multiplies by, `[out, in]`. */
export type Weight = Tensor;

/**
 * y = x·Wᵀ + bias: every matrix product of a layer goes through here.
 *
 * @param x `[T, in]`
 * @param weight `[out, in]`
 * @param bias `[out]`, if there is one
 * @returns `[T, out]`
 */
export function project(x: Tensor, weight: Weight, bias?: Tensor): Tensor {
  if (bias !== undefined) throw new TypeError("Cannot project as a bias is not computed yet");
  return linear(x, weight);
}
