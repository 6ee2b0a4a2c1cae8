/** Dense Cholesky factorisation in float64, for matrices small enough to be held. */

/** The lower factor L of A = L Lᵀ, row-major `[size, size]`; what lies above the diagonal is unused. */
export interface Cholesky {
  readonly size: number;
  readonly factor: Float64Array;
}

const SINGULAR = 1e-13; // a pivot this small a part of its diagonal entry is what cancellation left

/**
 * Factors a symmetric positive definite matrix, row-major `[size, size]`, of which the lower half is read.
 *
 * @returns nothing if the matrix is not positive definite, or so nearly singular that its solutions would be rounding
 */
export function cholesky(matrix: Float64Array, size: number): Cholesky | undefined {
  const factor = matrix.slice();
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j < i; j++) {
      const other = j * size;
      let sum = factor[row + j]!;
      for (let k = 0; k < j; k++) sum -= factor[row + k]! * factor[other + k]!;
      factor[row + j] = sum / factor[other + j]!;
    }
    let pivot = factor[row + i]!;
    for (let k = 0; k < i; k++) pivot -= factor[row + k]! * factor[row + k]!;
    if (!(pivot > SINGULAR * factor[row + i]!)) return undefined;
    factor[row + i] = Math.sqrt(pivot);
  }
  return { size, factor };
}

/** Solves A x = b. */
export function choleskySolve({ size, factor }: Cholesky, b: Float64Array): Float64Array {
  const x = b.slice();
  for (let i = 0; i < size; i++) {
    let sum = x[i]!;
    for (let k = 0; k < i; k++) sum -= factor[i * size + k]! * x[k]!;
    x[i] = sum / factor[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    const value = x[i]! / factor[i * size + i]!;
    x[i] = value;
    for (let k = 0; k < i; k++) x[k]! -= factor[i * size + k]! * value; // along the row: contiguous
  }
  return x;
}

/** The inverse A⁻¹, row-major and exactly symmetric. */
export function choleskyInverse({ size, factor }: Cholesky): Float64Array {
  const inverseFactor = new Float64Array(size * size); // row j holds column j of L⁻¹, so that inner loops are contiguous
  for (let j = 0; j < size; j++) {
    const column = j * size;
    inverseFactor[column + j] = 1 / factor[j * size + j]!;
    for (let i = j + 1; i < size; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= factor[i * size + k]! * inverseFactor[column + k]!;
      inverseFactor[column + i] = sum / factor[i * size + i]!;
    }
  }
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < size; k++) sum += inverseFactor[i * size + k]! * inverseFactor[j * size + k]!;
      inverse[i * size + j] = inverse[j * size + i] = sum;
    }
  }
  return inverse;
}
