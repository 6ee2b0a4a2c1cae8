/** Strengths explained by item covariates, with what they leave unexplained as a normal random effect per item. */

import { choleskyInverse } from "./cholesky.ts";
import type { Comparisons, Covariates } from "./comparisons.ts";
import { type Design, designOf } from "./design.ts";
import { gaugedFactor, informationOf } from "./information.ts";
import { workspace } from "./likelihood.ts";
import { maximise } from "./newton.ts";

/** A fit of λ_i = x_i b + u_i, u_i normal with standard deviation `sd`. */
export interface RandomEffectsFit {
  /** b by name of the covariate, natural-log units. */
  readonly coefficients: Readonly<Record<string, number>>;
  /** Standard errors of b, by name. */
  readonly standardErrors: Readonly<Record<string, number>>;
  /** σ, the standard deviation of the random effects. */
  readonly sd: number;
  /** Predicted u, `[items]`. */
  readonly effects: Float64Array;
}

/**
 * Penalised quasi-likelihood: b and u maximise ℓ − Σ u² / (2 σ²), and σ² solves the REML equation Σ u² + tr T = n σ² of the
 * linearised model, T the covariance of u − û.
 *
 * Approximate for few comparisons per item, as all penalised quasi-likelihood.
 *
 * @throws {RangeError} if the coefficients are not determined (separated or collinear): leave such items or columns out
 * @see Breslow & Clayton 1993, "Approximate inference in generalized linear mixed models"; BradleyTerry2's `BTm`
 */
export function fitRandomEffects(data: Comparisons, itemCovariates: Covariates): RandomEffectsFit {
  const items = data.items.length;
  const base: Design = { ...designOf(data, { itemCovariates }), abilities: items };
  let theta: Float64Array = new Float64Array(items + base.border.length);
  const at = (logVariance: number): { excess: number; inverse: Float64Array } => {
    const design: Design = { ...base, ridge: Math.exp(-logVariance) };
    const space = workspace(design);
    const maximum = maximise(design, data, theta, { space });
    const { factor } = gaugedFactor(informationOf(design, space.rows));
    if (!maximum.converged || factor === undefined) {
      throw new RangeError(
        "Cannot fit random effects as some coefficients are not determined: leave items or columns out",
      );
    }
    theta = maximum.theta;
    const inverse = choleskyInverse(factor);
    let sum = 0;
    for (let i = 0; i < items; i++) sum += theta[i]! ** 2 + inverse[i * theta.length + i]!;
    return { excess: sum / Math.exp(logVariance) - items, inverse };
  };
  let low = -12, high = 6; // of log σ²; the REML score is positive below its root
  if (at(low).excess <= 0) high = low;
  while (high - low > 1e-12) {
    const middle = (low + high) / 2;
    if (at(middle).excess > 0) low = middle;
    else high = middle;
  }
  const { inverse } = at(high), size = theta.length, sd = high <= -12 ? 0 : Math.exp(high / 2);
  // an item with a missing covariate has a coefficient to itself: its random effect only adds its own variance
  const own = new Set(data.items), surplus = (k: number): number => own.has(base.border[k - items]!.name) ? sd * sd : 0;
  const named = (value: (k: number) => number): Record<string, number> =>
    Object.fromEntries(base.border.map(({ name }, k) => [name, value(items + k)]));
  return {
    coefficients: named((k) => theta[k]!),
    standardErrors: named((k) => Math.sqrt(inverse[k * size + k]! - surplus(k))),
    sd,
    effects: theta.slice(0, items),
  };
}
