/**
 * The information matrix, minus the Hessian of the log-likelihood, and systems in it.
 *
 * Its ability block is a weighted graph Laplacian, never stored beyond the rows' weights; the few other parameters are a
 * dense border. Small systems are solved by Cholesky, large ones by conjugate gradients on the Laplacian and a Schur
 * complement for the border.
 */

import { type Cholesky, cholesky, choleskyInverse, choleskySolve } from "./cholesky.ts";
import { centre, type Design } from "./design.ts";
import { conjugateGradients, dot } from "./conjugate_gradients.ts";
import type { RowDerivatives } from "./outcome_model.ts";

/** The information at one parameter vector: Laplacian weights by row, border columns, border corner. */
export interface Information {
  readonly design: Design;
  /** Laplacian weight of each row, `[rows]`. */
  readonly weight: Float64Array;
  /** Diagonal of the ability block with the ridge, `[abilities]`. */
  readonly diagonal: Float64Array;
  /** One column per border parameter, each `[abilities]`. */
  readonly columns: readonly Float64Array[];
  /** Row-major `[border, border]`. */
  readonly corner: Float64Array;
}

/** A square matrix, row-major `[size, size]`. */
export interface SquareMatrix {
  readonly matrix: Float64Array;
  readonly size: number;
}

/** Solves information · x = rhs, in the sum-zero gauge on each island where nothing else fixes the level. */
export type InformationSolver = (rhs: Float64Array) => Float64Array;

/** Largest number of parameters for which a dense matrix is built. */
export const DENSE_LIMIT = 1024;
const DENSE_STEP = 96; // up to here one dense factor costs less than a few dozen sparse products

/** The information from the rows' derivatives. */
export function informationOf(design: Design, rows: RowDerivatives): Information {
  const { data: { first, second }, abilities, border, ridge } = design;
  const { infoEta, infoEtaTie, infoTie } = rows;
  const diagonal = new Float64Array(abilities).fill(ridge);
  if (abilities > 0) {
    for (let r = 0; r < first.length; r++) {
      diagonal[first[r]!]! += infoEta[r]!;
      diagonal[second[r]!]! += infoEta[r]!;
    }
    for (let i = 0; i < abilities; i++) diagonal[i] ||= 1; // an item nobody met: any positive number, its score is 0
  }
  const corner = new Float64Array(border.length * border.length);
  const onEta = new Float64Array(first.length), onTie = new Float64Array(first.length);
  const columns = border.map((column, k) => {
    const x = column.onEta, y = column.onTie;
    for (let r = 0; r < first.length; r++) {
      const xr = x ? x[r]! : 0, yr = y ? y[r]! : 0;
      onEta[r] = infoEta[r]! * xr + infoEtaTie[r]! * yr;
      onTie[r] = infoEtaTie[r]! * xr + infoTie[r]! * yr;
    }
    for (let m = 0; m <= k; m++) {
      const { onEta: u, onTie: v } = border[m]!;
      let sum = 0;
      if (u) { for (let r = 0; r < first.length; r++) sum += onEta[r]! * u[r]!; }
      if (v) { for (let r = 0; r < first.length; r++) sum += onTie[r]! * v[r]!; }
      corner[k * border.length + m] = corner[m * border.length + k] = sum;
    }
    const projected = new Float64Array(abilities);
    if (abilities > 0) {
      for (let r = 0; r < first.length; r++) {
        projected[first[r]!]! += onEta[r]!;
        projected[second[r]!]! -= onEta[r]!;
      }
    }
    return projected;
  });
  return { design, weight: infoEta, diagonal, columns, corner };
}

/** The matrix itself, row-major `[parameters, parameters]`; singular along the islands' shifts unless there is a ridge. */
export function denseInformation({ design, weight, diagonal, columns, corner }: Information): Float64Array {
  const { data: { first, second }, abilities, border } = design;
  const size = abilities + border.length;
  const matrix = new Float64Array(size * size);
  if (abilities > 0) {
    for (let r = 0; r < first.length; r++) {
      const i = first[r]!, j = second[r]!;
      matrix[i * size + j]! -= weight[r]!;
      matrix[j * size + i]! -= weight[r]!;
    }
  }
  for (let i = 0; i < abilities; i++) matrix[i * size + i] = diagonal[i]!;
  columns.forEach((column, k) => {
    const row = abilities + k;
    for (let i = 0; i < abilities; i++) matrix[row * size + i] = matrix[i * size + row] = column[i]!;
    for (let m = 0; m < columns.length; m++) matrix[row * size + abilities + m] = corner[k * columns.length + m]!;
  });
  return matrix;
}

/**
 * The Cholesky factor of the information with each island's shift given the weight of a typical diagonal entry, and that
 * weight: then inverse = pseudo-inverse + Σ_islands 1 1ᵀ / (weight · size²).
 */
export function gaugedFactor(information: Information): { factor: Cholesky | undefined; gauge: number } {
  const { design, diagonal } = information;
  const size = design.abilities + design.border.length;
  const matrix = denseInformation(information);
  if (design.ridge > 0 || design.abilities === 0) return { factor: cholesky(matrix, size), gauge: Infinity };
  const { label } = design.islands;
  const gauge = diagonal.reduce((a, b) => a + b, 0) / (diagonal.length * diagonal.length);
  for (let i = 0; i < design.abilities; i++) {
    for (let j = 0; j < design.abilities; j++) if (label[i] === label[j]) matrix[i * size + j]! += gauge;
  }
  return { factor: cholesky(matrix, size), gauge };
}

/** H⁺ in the sum-zero gauge, row-major. */
export function pseudoInverse(information: Information): Float64Array {
  const { design } = information;
  const size = design.abilities + design.border.length;
  const { factor, gauge } = gaugedFactor(information);
  if (factor === undefined) throw new RangeError("Cannot invert the information as it is singular");
  const inverse = choleskyInverse(factor);
  if (gauge === Infinity) return inverse;
  const { label, count } = design.islands;
  const members = new Float64Array(count);
  for (const c of label) members[c]!++;
  for (let i = 0; i < design.abilities; i++) {
    for (let j = 0; j < design.abilities; j++) {
      if (label[i] === label[j]) inverse[i * size + j]! -= 1 / (gauge * members[label[i]!]! ** 2);
    }
  }
  return inverse;
}

/** Var(λ_i − λ_j) from a covariance. */
export function contrastVariance({ matrix, size }: SquareMatrix, i: number, j: number): number {
  return Math.max(0, matrix[i * size + i]! + matrix[j * size + j]! - 2 * matrix[i * size + j]!);
}

/**
 * A solver for one information matrix.
 *
 * @param tolerance relative residual at which conjugate gradients stop
 * @returns nothing where the matrix is singular beyond the islands' shifts
 */
export function informationSolver(information: Information, tolerance: number): InformationSolver | undefined {
  const { abilities, border } = information.design;
  const size = abilities + border.length;
  if (size <= DENSE_STEP) return denseSolver(information);
  return sparseSolver(information, tolerance) ?? (size <= DENSE_LIMIT ? denseSolver(information) : undefined);
}

function denseSolver(information: Information): InformationSolver | undefined {
  const { factor } = gaugedFactor(information);
  return factor && ((rhs) => ungauged(information.design, choleskySolve(factor, rhs)));
}

function ungauged({ ridge, abilities, islands }: Design, x: Float64Array): Float64Array {
  return ridge > 0 || abilities === 0 ? x : centre(x, islands);
}

function sparseSolver(information: Information, tolerance: number): InformationSolver | undefined {
  const { design, columns, corner } = information;
  const { abilities } = design;
  const k = columns.length;
  const solveAbilities = (rhs: Float64Array): Float64Array | undefined => laplacianSolve(information, rhs, tolerance);
  const responses: Float64Array[] = [];
  for (const column of columns) {
    const response = solveAbilities(column);
    if (response === undefined) return undefined;
    responses.push(response);
  }
  const schur = corner.map((s, at) => s - dot(columns[Math.floor(at / k)]!, responses[at % k]!));
  const factor = cholesky(schur, k);
  const lost = columns.some((_, m) => schur[m * k + m]! <= 1e-11 * corner[m * k + m]!); // a column the abilities explain
  if (factor === undefined || lost) return undefined;
  return (rhs) => {
    const x = new Float64Array(rhs.length);
    const level = ungauged(design, rhs); // a right-hand side with a part along a shift has no exact solution
    const plain = solveAbilities(level.subarray(0, abilities)) ?? new Float64Array(abilities).fill(NaN);
    const rest = Float64Array.from(columns, (column, m) => rhs[abilities + m]! - dot(column, plain));
    const b = choleskySolve(factor, rest);
    x.set(plain);
    x.set(b, abilities);
    responses.forEach((response, m) => {
      for (let i = 0; i < abilities; i++) x[i]! -= b[m]! * response[i]!;
    });
    return ungauged(design, x);
  };
}

/** Laplacian · x + ridge · x into `out`. */
export function laplacianProduct({ design, weight }: Information, x: Float64Array, out: Float64Array): void {
  const { data: { first, second }, ridge } = design;
  for (let i = 0; i < x.length; i++) out[i] = ridge * x[i]!;
  for (let r = 0; r < weight.length; r++) {
    const i = first[r]!, j = second[r]!;
    const flow = weight[r]! * (x[i]! - x[j]!);
    out[i]! += flow;
    out[j]! -= flow;
  }
}

/** Solves the ability block; nothing if conjugate gradients do not converge. */
export function laplacianSolve(
  information: Information,
  rhs: Float64Array,
  tolerance: number,
): Float64Array | undefined {
  const product = (x: Float64Array, out: Float64Array): void => laplacianProduct(information, x, out);
  return conjugateGradients(product, information.diagonal, rhs, { tolerance });
}
