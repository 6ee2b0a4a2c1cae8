/** Quasi-variances: one variance per item that answers for every difference. */

import { cholesky, choleskySolve } from "./cholesky.ts";
import type { AbilityCovariance } from "./contrasts.ts";
import { contrastVariance } from "./information.ts";

/**
 * Quasi-variances q with Var(λ_i − λ_j) ≈ q_i + q_j for all pairs, `[items]`: minimises Σ (log(q_i + q_j) − log v_ij)².
 *
 * With them one number per item answers for every contrast, whichever item was the reference. The minimum is climbed to
 * by Gauss–Newton from v, and by default left where R's `qvcalc` leaves it (some 1e-7 short), so that published figures
 * are met digit for digit.
 *
 * @param options.tolerance change of the sum of squares, relative to itself plus 0.1, at which to stop; 1e-8 by default
 * @throws {RangeError} for fewer than three items, or if some difference has no variance
 * @see Firth & de Menezes 2004, "Quasi-variances"
 */
export function quasiVariances(
  covariance: AbilityCovariance,
  { tolerance = 1e-8 }: { readonly tolerance?: number } = {},
): Float64Array {
  const n = covariance.size;
  if (n < 3) {
    throw new RangeError(`Cannot compute quasiVariances as there must be at least 3 items: current value is ${n}`);
  }
  const pairs = allPairs(covariance);
  let sums = pairs.variance; // q_i + q_j of each pair: at first the variances themselves
  let q = Float64Array.from({ length: n }, (_, i) => covariance.matrix[i * n + i]!);
  let before = Infinity;
  for (let step = 0; step < 200; step++) {
    const target = gaussNewton(pairs, sums, n);
    let next = target;
    while (pairs.i.some((i, p) => next[i]! + next[pairs.j[p]!]! <= 0)) next = next.map((x, i) => (x + q[i]!) / 2);
    q = next;
    sums = Float64Array.from(pairs.i, (i, p) => q[i]! + q[pairs.j[p]!]!);
    const now = sums.reduce((s, x, p) => s + Math.log(pairs.variance[p]! / x) ** 2, 0);
    if (Math.abs(now - before) <= tolerance * (now + 0.1)) break;
    before = now;
  }
  return q;
}

interface Pairs {
  readonly i: Int32Array;
  readonly j: Int32Array;
  readonly variance: Float64Array;
}

function allPairs(covariance: AbilityCovariance): Pairs {
  const i: number[] = [], j: number[] = [], variance: number[] = [];
  for (let a = 0; a < covariance.size; a++) {
    for (let b = 0; b < a; b++) {
      const v = contrastVariance(covariance, a, b);
      if (!(v > 0)) {
        throw new RangeError(`Cannot compute quasiVariances as items ${b} and ${a} differ without variance`);
      }
      i.push(a);
      j.push(b);
      variance.push(v);
    }
  }
  return { i: Int32Array.from(i), j: Int32Array.from(j), variance: Float64Array.from(variance) };
}

/** One step from pair sums s: least squares of s (1 + log(v / s)) on q_i + q_j with weights 1/s². */
function gaussNewton({ i, j, variance }: Pairs, sums: Float64Array, n: number): Float64Array<ArrayBuffer> {
  const normal = new Float64Array(n * n), rhs = new Float64Array(n);
  for (let p = 0; p < sums.length; p++) {
    const a = i[p]!, b = j[p]!, s = sums[p]!, weight = 1 / (s * s);
    const pull = (1 + Math.log(variance[p]! / s)) / s;
    normal[a * n + b]! += weight;
    normal[b * n + a]! += weight;
    normal[a * n + a]! += weight;
    normal[b * n + b]! += weight;
    rhs[a]! += pull;
    rhs[b]! += pull;
  }
  const factor = cholesky(normal, n);
  if (factor === undefined) throw new RangeError("Cannot compute quasiVariances as the pairs do not determine them");
  return choleskySolve(factor, rhs) as Float64Array<ArrayBuffer>;
}
