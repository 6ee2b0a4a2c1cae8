/** Matrices as the product of matrices sees them. */
import type { Strides } from "../kernels/kernels.ts";
import { type HalfTensor, showShape, type Tensor } from "../tensor/tensor.ts";

/** Strides of a matrix with so many columns. */
export const asStored = (columns: number): Strides => [columns, 1];

/** Strides of the transpose of a matrix with so many columns. */
export const transposed = (columns: number): Strides => [1, columns];

/**
 * Rows and columns of a matrix.
 *
 * @throws {TypeError} if the tensor is none
 */
export function matrix(x: Tensor | HalfTensor, name: string): readonly [rows: number, columns: number] {
  if (x.shape.length !== 2) {
    throw new TypeError(`Cannot use ${name} as it must be a matrix: its shape is ${showShape(x.shape)}`);
  }
  return x.shape as unknown as readonly [number, number];
}
