/** Which pairs to compare next, so that the ranking becomes sure soonest. */

import type { AbilityCovariance, Strengths } from "./contrasts.ts";
import { product } from "./covariance.ts";
import { contrastVariance } from "./information.ts";

/** A pair worth comparing. */
export interface NextComparison {
  /** Indices of the two items. */
  readonly items: readonly [number, number];
  /** Expected outcome for the first item. */
  readonly winProbability: number;
  /** How much one more comparison is expected to settle, relative to the best pair of the first choice. */
  readonly gain: number;
}

/**
 * The `count` pairs whose comparison settles most, chosen one after the other as if the earlier ones had been made.
 *
 * One comparison of i and j adds w = p (1 − p) to the information, so Var(λ_a − λ_b) falls by
 * w (Cov(a − b, i − j))² / (1 + w v_ij). The gain sums these falls, as shares of the variances, over all pairs (a, b),
 * each weighted by φ(d_ab / s_ab): how undecided their order is. Sure orders count for nothing.
 *
 * @param covariance of the abilities, sum-zero coding
 * @see Chernoff 1959, "Sequential design of experiments"; Chen, Bennett, Collins-Thompson & Horvitz 2013
 */
export function nextComparisons(
  fit: Strengths,
  covariance: AbilityCovariance,
  count = 10,
): readonly NextComparison[] {
  const n = covariance.size, { logAbility } = fit;
  const undecided = undecidedness(fit, covariance);
  let v = covariance.matrix;
  const chosen: NextComparison[] = [];
  let unit = 0;
  for (let k = 0; k < count; k++) {
    const worth = product(product(v, undecided, n), v, n); // uᵀ M u for u = V (e_i − e_j) is a contrast of V M V
    let best = { gain: -1, i: 0, j: 0, weight: 0 };
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        if (fit.islands.label[i] !== fit.islands.label[j]) continue;
        const weight = 1 / (4 * Math.cosh((logAbility[i]! - logAbility[j]!) / 2) ** 2);
        const pair = { matrix: v, size: n };
        const gain = weight * contrastVariance({ matrix: worth, size: n }, i, j) /
          (1 + weight * contrastVariance(pair, i, j));
        if (gain > best.gain) best = { gain, i: j, j: i, weight };
      }
    }
    if (best.gain <= 0) break;
    unit ||= best.gain;
    const lead = logAbility[best.i]! - logAbility[best.j]!;
    chosen.push({ items: [best.i, best.j], winProbability: 1 / (1 + Math.exp(-lead)), gain: best.gain / unit });
    v = afterComparison(v, n, best);
  }
  return chosen;
}

/** The Laplacian M with weight φ(d / s) / v between every two comparable items. */
function undecidedness(fit: Strengths, covariance: AbilityCovariance): Float64Array {
  const n = covariance.size, m = new Float64Array(n * n);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < a; b++) {
      const variance = contrastVariance(covariance, a, b);
      if (!(variance > 0) || fit.islands.label[a] !== fit.islands.label[b]) continue;
      const weight = Math.exp(-((fit.logAbility[a]! - fit.logAbility[b]!) ** 2) / (2 * variance)) / variance;
      m[a * n + b] = m[b * n + a] = -weight;
      m[a * n + a]! += weight;
      m[b * n + b]! += weight;
    }
  }
  return m;
}

/** V − w u uᵀ / (1 + w v_ij), u = V (e_i − e_j): the covariance with one more comparison of i and j. */
function afterComparison(
  v: Float64Array,
  n: number,
  { i, j, weight }: { readonly i: number; readonly j: number; readonly weight: number },
): Float64Array {
  const scale = weight / (1 + weight * contrastVariance({ matrix: v, size: n }, i, j));
  const u = Float64Array.from({ length: n }, (_, a) => v[a * n + i]! - v[a * n + j]!);
  return v.map((x, at) => x - scale * u[Math.floor(at / n)]! * u[at % n]!);
}
