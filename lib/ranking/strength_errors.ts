/** Standard errors of many items at once, without a dense matrix: probing the inverse of a Laplacian. */

import { fold, type Key, uniform } from "../tensor/random.ts";
import type { StrengthFit } from "./fit_strengths.ts";
import { informationOfFit, standardErrors, strengthCovariance } from "./covariance.ts";
import { dot } from "./conjugate_gradients.ts";
import { centre } from "./design.ts";
import { differenceDirection } from "./profile.ts";
import { DENSE_LIMIT, type Information, informationSolver } from "./information.ts";

/** Standard errors and how far to trust them. */
export interface StrengthErrors {
  /** Of each log-ability in sum-zero coding, `[items]`. */
  readonly standardErrors: Float64Array;
  /** `exact`, or `probing` where the dense inverse would be too large. */
  readonly method: "exact" | "probing";
  /** Largest estimated relative error of a standard error (one standard deviation); 0 if exact. */
  readonly relativeError: number;
}

/**
 * Standard errors of all log-abilities (Fisher, sum-zero coding) for any number of items.
 *
 * Up to 1,024 parameters from the dense inverse. Beyond, the diagonal of H⁺ is split into the known diagonal of
 * M = P (D⁻¹ + D⁻¹ A D⁻¹ + D⁻¹ A D⁻¹ A D⁻¹) P, the first terms of the Neumann series of the Laplacian D − A seen in
 * sum-zero coding P, and that of H⁺ − M, estimated without bias by random signs: E[u ∘ (H⁺ − M) u]. Items met by many others leave it almost
 * nothing to estimate.
 *
 * @param key draws the signs
 * @param options.probes number of sign vectors, 16 by default; the error falls with its square root
 * @see Bekas, Kokiopoulou & Saad 2007, "An estimator for the diagonal of a matrix"
 */
export function strengthErrors(
  key: Key,
  fit: StrengthFit,
  { probes = 16 }: { readonly probes?: number } = {},
): StrengthErrors {
  const items = fit.data.items.length;
  if (fit.theta.length <= DENSE_LIMIT) {
    const errors = standardErrors(strengthCovariance(fit)).subarray(0, items);
    return { standardErrors: errors, method: "exact", relativeError: 0 };
  }
  const information = informationOfFit(fit);
  const solve = informationSolver(information, 1e-6);
  if (solve === undefined) throw new RangeError("Cannot compute strengthErrors as the information is singular");
  const mean = new Float64Array(items), square = new Float64Array(items);
  for (let p = 0; p < probes; p++) {
    const signs = uniform(fold(key, p), items).map((u) => u < 0.5 ? -1 : 1);
    const rhs = new Float64Array(fit.theta.length);
    rhs.set(signs);
    const answer = solve(rhs), known = level(information, neumann(information, level(information, signs)));
    for (let i = 0; i < items; i++) {
      const sample = signs[i]! * (answer[i]! - known[i]!);
      mean[i]! += sample / probes;
      square[i]! += sample * sample / probes;
    }
  }
  return probed(information, mean, square, probes);
}

/**
 * The standard error (Fisher) of λ_i − λ_j, or of λ_i in sum-zero coding without j, for any number of items: one sparse
 * solve, exact.
 */
export function differenceError(fit: StrengthFit, i: number, j?: number): number {
  const direction = differenceDirection(fit, i, j);
  const solve = informationSolver(informationOfFit(fit), 1e-12);
  if (solve === undefined) throw new RangeError("Cannot compute differenceError as the information is singular");
  return Math.sqrt(dot(direction, solve(direction)));
}

/** P u: centred on each island, unless a ridge fixes the level. */
function level({ design: { ridge, islands } }: Information, u: Float64Array): Float64Array {
  return ridge > 0 ? u : centre(u, islands);
}

/** The diagonal of M. */
function knownDiagonal(information: Information): Float64Array {
  const { design: { ridge, islands: { count, label } }, diagonal } = information;
  const squares = squaredNeighbours(information);
  const plain = diagonal.map((d, i) => (1 + squares[i]! / d) / d); // A itself has no diagonal
  if (ridge > 0) return plain;
  const rowSum = neumann(information, new Float64Array(diagonal.length).fill(1));
  const members = new Float64Array(count), total = new Float64Array(count);
  label.forEach((c, i) => {
    members[c]!++;
    total[c]! += rowSum[i]!;
  });
  return plain.map((d, i) => {
    const n = members[label[i]!]!;
    return d - 2 * rowSum[i]! / n + total[label[i]!]! / (n * n);
  });
}

/** Σ_j a_ij² / d_j for each i, where a_ij adds up all rows of the pair. */
function squaredNeighbours({ design: { data: { first, second } }, weight, diagonal }: Information): Float64Array {
  const n = diagonal.length, start = new Int32Array(n + 1), rows = new Int32Array(2 * weight.length);
  for (let r = 0; r < weight.length; r++) {
    start[first[r]! + 1]!++;
    start[second[r]! + 1]!++;
  }
  for (let i = 0; i < n; i++) start[i + 1]! += start[i]!;
  const next = start.slice(0, n);
  for (let r = 0; r < weight.length; r++) {
    rows[next[first[r]!]!++] = r;
    rows[next[second[r]!]!++] = r;
  }
  const sums = new Float64Array(n), met = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const mine = rows.subarray(start[i]!, start[i + 1]!);
    const other = (r: number): number => first[r]! === i ? second[r]! : first[r]!;
    for (const r of mine) met[other(r)]! += weight[r]!;
    for (const r of mine) {
      const j = other(r);
      sums[i]! += met[j]! * met[j]! / diagonal[j]!;
      met[j] = 0; // so that a pair of several rows counts once
    }
  }
  return sums;
}

/** (D⁻¹ + D⁻¹ A D⁻¹ + D⁻¹ A D⁻¹ A D⁻¹) u, from the inside out. */
function neumann(
  { design: { data: { first, second } }, weight, diagonal }: Information,
  u: Float64Array,
): Float64Array {
  let y = u.map((x, i) => x / diagonal[i]!);
  for (let term = 0; term < 2; term++) {
    const next = u.slice();
    for (let r = 0; r < weight.length; r++) {
      const i = first[r]!, j = second[r]!;
      next[i]! += weight[r]! * y[j]!;
      next[j]! += weight[r]! * y[i]!;
    }
    y = next.map((x, i) => x / diagonal[i]!);
  }
  return y;
}

function probed(information: Information, mean: Float64Array, square: Float64Array, probes: number): StrengthErrors {
  let relativeError = 0;
  const known = knownDiagonal(information);
  const errors = Float64Array.from(mean, (m, i) => {
    const variance = known[i]! + m;
    const spread = Math.sqrt(Math.max(0, square[i]! - m * m) / Math.max(1, probes - 1));
    relativeError = Math.max(relativeError, spread / (2 * variance));
    return Math.sqrt(Math.max(0, variance));
  });
  return { standardErrors: errors, method: "probing", relativeError };
}
