/** Norms by rows as plain loops: sums are taken in double precision and in order. */

import type { Floats } from "./kernels.ts";

/** 1 / √(mean x² + eps) of the row that starts at `row`. */
function inverseRms(x: Floats, row: number, dim: number, eps: number): number {
  let sum = 0;
  for (let j = 0; j < dim; j++) sum += x[row + j]! ** 2;
  return 1 / Math.sqrt(sum / dim + eps);
}

/** `Kernels.rmsNorm` as plain loops. */
export function rmsNorm(x: Floats, weight: Floats, out: Floats, dim: number, eps: number): void {
  for (let row = 0; row < x.length; row += dim) {
    const scale = inverseRms(x, row, dim, eps);
    for (let j = 0; j < dim; j++) out[row + j] = x[row + j]! * scale * weight[j]!;
  }
}

/** `Kernels.rmsNormBackward` as plain loops. */
export function rmsNormBackward(
  x: Floats,
  weight: Floats,
  g: Floats,
  dx: Floats,
  dWeight: Floats,
  dim: number,
  eps: number,
): void {
  const sums = new Float64Array(dim);
  for (let row = 0; row < x.length; row += dim) {
    const scale = inverseRms(x, row, dim, eps);
    let along = 0; // Σ g·w·x: the part of the gradient that lies along x, which the norm removes
    for (let j = 0; j < dim; j++) {
      const gx = g[row + j]! * x[row + j]!;
      sums[j] = sums[j]! + gx * scale;
      along += gx * weight[j]!;
    }
    const remove = along * scale ** 3 / dim;
    for (let j = 0; j < dim; j++) dx[row + j] = g[row + j]! * weight[j]! * scale - x[row + j]! * remove;
  }
  dWeight.set(sums);
}

/** Mean, and 1 / √(var + eps), of the row that starts at `row`. */
function moments(x: Floats, row: number, dim: number, eps: number): readonly [mean: number, scale: number] {
  let [sum, squares] = [0, 0];
  for (let j = 0; j < dim; j++) sum += x[row + j]!;
  const mean = sum / dim;
  for (let j = 0; j < dim; j++) squares += (x[row + j]! - mean) ** 2;
  return [mean, 1 / Math.sqrt(squares / dim + eps)];
}

/** `Kernels.layerNorm` as plain loops. */
export function layerNorm(x: Floats, weight: Floats, bias: Floats, out: Floats, dim: number, eps: number): void {
  for (let row = 0; row < x.length; row += dim) {
    const [mean, scale] = moments(x, row, dim, eps);
    for (let j = 0; j < dim; j++) out[row + j] = (x[row + j]! - mean) * scale * weight[j]! + bias[j]!;
  }
}

/** `Kernels.layerNormBackward` as plain loops. */
export function layerNormBackward(
  x: Floats,
  weight: Floats,
  g: Floats,
  dx: Floats,
  dWeight: Floats,
  dBias: Floats,
  dim: number,
  eps: number,
): void {
  const [weightSums, biasSums] = [new Float64Array(dim), new Float64Array(dim)];
  for (let row = 0; row < x.length; row += dim) {
    const [mean, scale] = moments(x, row, dim, eps);
    let [total, along] = [0, 0]; // Σ g·w and Σ g·w·(x − mean): what the norm removes of the gradient
    for (let j = 0; j < dim; j++) {
      const centred = x[row + j]! - mean;
      weightSums[j] = weightSums[j]! + g[row + j]! * centred * scale;
      biasSums[j] = biasSums[j]! + g[row + j]!;
      total += g[row + j]! * weight[j]!;
      along += g[row + j]! * weight[j]! * centred;
    }
    const [level, slope] = [total * scale / dim, along * scale ** 3 / dim];
    for (let j = 0; j < dim; j++) {
      dx[row + j] = g[row + j]! * weight[j]! * scale - level - (x[row + j]! - mean) * slope;
    }
  }
  dWeight.set(weightSums);
  dBias.set(biasSums);
}
