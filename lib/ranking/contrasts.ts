/** Differences between items: contrasts, and ranks as intervals. */

import type { Covariance } from "./covariance.ts";
import { contrastVariance } from "./information.ts";
import { designOfFit, type StrengthFit } from "./fit_strengths.ts";
import { normalQuantile, twoSidedTail } from "./distributions.ts";

/** The covariance of log-abilities in sum-zero coding, row-major `[items, items]`, also where covariates stand for them. */
export interface AbilityCovariance {
  /** Row-major `[size, size]`. */
  readonly matrix: Float64Array;
  /** Number of items. */
  readonly size: number;
}

/** The ability part of a covariance: its corner, or G C Gᵀ for abilities λ = G b made of covariates. */
export function abilityCovariance(fit: StrengthFit, covariance: Covariance): AbilityCovariance {
  const { abilities, border } = designOfFit(fit);
  const size = fit.data.items.length;
  const matrix = new Float64Array(size * size);
  if (abilities > 0) {
    for (let i = 0; i < size; i++) {
      matrix.set(covariance.matrix.subarray(i * covariance.size, i * covariance.size + size), i * size);
    }
    return { matrix, size };
  }
  const { names, values } = fit.model.itemCovariates!;
  const loadings = fit.data.items.map((item, i) => {
    const row = values.subarray(i * names.length, (i + 1) * names.length);
    const missing = row.some(Number.isNaN);
    return border.map(({ name }) => missing ? (name === item ? 1 : 0) : row[names.indexOf(name)] ?? 0);
  });
  const mean = border.map((_, k) => loadings.reduce((s, row) => s + row[k]!, 0) / size);
  const centred = loadings.map((row) => row.map((v, k) => v - mean[k]!));
  const half = centred.map((row) =>
    border.map((_, k) => row.reduce((s, v, m) => s + v * covariance.matrix[m * covariance.size + k]!, 0))
  );
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      matrix[i * size + j] = half[i]!.reduce((s, v, k) => s + v * centred[j]![k]!, 0);
    }
  }
  return { matrix, size };
}

/** Strengths as the functions here need them; every fit has these fields. */
export type Strengths = Pick<StrengthFit, "logAbility" | "islands">;

/** A difference of log-abilities with its standard error and two-sided p-value. */
export interface Contrast {
  /** Difference of log-abilities, natural-log units. */
  readonly estimate: number;
  /** Its standard error. */
  readonly se: number;
  /** Two-sided, against no difference. */
  readonly pValue: number;
  /** Whether the two items lie on different islands: then the difference means nothing. */
  readonly comparable: boolean;
}

/** λ_i − λ_j with its standard error. */
export function contrast(fit: Strengths, covariance: AbilityCovariance, [i, j]: readonly [number, number]): Contrast {
  const estimate = fit.logAbility[i]! - fit.logAbility[j]!;
  const se = Math.sqrt(contrastVariance(covariance, i, j));
  const comparable = fit.islands.label[i] === fit.islands.label[j];
  return { estimate, se, pValue: se > 0 ? twoSidedTail(estimate / se) : 1, comparable };
}

/** How multiplicity is paid for: not at all, by Holm's steps, or by Bonferroni. */
export type Adjustment = "none" | "holm" | "bonferroni";

/** Ranks as intervals; 1 is best. */
export interface RankIntervals {
  /** Rank by point estimate, `[items]`; equal estimates share the better rank. */
  readonly rank: Int32Array;
  /** The best rank not ruled out, `[items]`. */
  readonly rankLow: Int32Array;
  /** The worst rank not ruled out, `[items]`. */
  readonly rankHigh: Int32Array;
  /** A confidence set for the best: the items that no other is surely better than, best first. */
  readonly best: readonly number[];
}

/**
 * Rank intervals from all pairwise contrasts: an item's best rank is one more than the number of items surely better,
 * its worst is the number of items not surely worse.
 *
 * Ranks count within an island of compared items. With `holm` (default) all intervals hold together with probability
 * `level`. The confidence set for the best needs less: only the rivals of the one best item can drive it out wrongly, so
 * it pays for n − 1 one-sided tests (Bonferroni) and holds the best with probability `level` by itself.
 *
 * @see Holm 1979; Hsu 1981, "Simultaneous confidence intervals for all distances from the best";
 *    Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for ranks"
 * @example
 * ```ts
 * import { abilityCovariance, rankIntervals, type StrengthFit, strengthCovariance } from "@logratio/logratio";
 * // the items that may be the best, by name
 * function contenders(fit: StrengthFit): readonly (string | undefined)[] {
 *   const { best } = rankIntervals(fit, abilityCovariance(fit, strengthCovariance(fit)));
 *   return best.map((item) => fit.data.items[item]);
 * }
 * ```
 */
export function rankIntervals(
  fit: Strengths,
  covariance: AbilityCovariance,
  { level = 0.95, adjust = "holm" }: { readonly level?: number; readonly adjust?: Adjustment } = {},
): RankIntervals {
  const n = covariance.size, { logAbility } = fit;
  const limit = contrastLimit(fit, covariance, { level, adjust });
  const rivals = adjust === "none" ? 1 : Math.max(1, n - 1);
  const bestLimit = normalQuantile(Math.min(1, 2 * (1 - level) / rivals)); // one-sided
  const best: number[] = [];
  const rank = new Int32Array(n), rankLow = new Int32Array(n), rankHigh = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    let better = 0, surelyBetter = 0, surelyWorse = 0, comparable = 1, beaten = false;
    for (let j = 0; j < n; j++) {
      if (i === j || fit.islands.label[i] !== fit.islands.label[j]) continue;
      comparable++;
      const lead = logAbility[j]! - logAbility[i]!, se = Math.sqrt(contrastVariance(covariance, i, j));
      if (lead > ROUNDING) better++;
      if (lead > limit * se + ROUNDING) surelyBetter++;
      if (-lead > limit * se + ROUNDING) surelyWorse++;
      beaten ||= lead > bestLimit * se + ROUNDING;
    }
    rank[i] = better + 1;
    rankLow[i] = surelyBetter + 1;
    rankHigh[i] = comparable - surelyWorse;
    if (!beaten) best.push(i);
  }
  return { rank, rankLow, rankHigh, best: best.sort((a, b) => logAbility[b]! - logAbility[a]!) };
}

const ROUNDING = 1e-11; // log-abilities closer than this are equal

/** The |z| beyond which a contrast counts as sure. */
function contrastLimit(
  fit: Strengths,
  covariance: AbilityCovariance,
  { level, adjust }: { readonly level: number; readonly adjust: Adjustment },
): number {
  const alpha = 1 - level, n = covariance.size;
  if (adjust === "none") return normalQuantile(alpha);
  const { label } = fit.islands;
  const zs: number[] = [];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const se = Math.sqrt(contrastVariance(covariance, i, j));
      if (label[i] === label[j] && se > 0) zs.push(Math.abs(fit.logAbility[i]! - fit.logAbility[j]!) / se);
    }
  }
  if (adjust === "bonferroni") return normalQuantile(alpha / Math.max(1, zs.length));
  zs.sort((a, b) => b - a);
  const end = zs.findIndex((z, k) => twoSidedTail(z) * (zs.length - k) > alpha); // Holm: the first that is not sure
  return end < 0 ? normalQuantile(alpha) : zs[end]!;
}
