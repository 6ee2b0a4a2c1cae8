/** The log-likelihood of a design, its score and its information, as sums over rows. */

import type { Design } from "./design.ts";
import { type Counts, type RowDerivatives, rowDerivatives } from "./outcome_model.ts";

/** Space for one evaluation, reused from step to step. */
export interface Workspace {
  readonly eta: Float64Array;
  readonly tie: Float64Array;
  readonly rows: RowDerivatives;
}

/** Space for evaluations of a design. */
export function workspace({ data }: Design): Workspace {
  const rows = data.first.length;
  return { eta: new Float64Array(rows), tie: new Float64Array(rows), rows: rowDerivatives(rows) };
}

/** Fills η and τ of each row from the parameters: η_r = λ_i − λ_j + Σ_k x_rk b_k. */
export function predict(design: Design, theta: Float64Array, { eta, tie }: Workspace): void {
  const { first, second } = design.data;
  if (design.abilities > 0) {
    for (let r = 0; r < eta.length; r++) eta[r] = theta[first[r]!]! - theta[second[r]!]!;
  } else eta.fill(0);
  tie.fill(0);
  design.border.forEach(({ onEta, onTie }, k) => {
    const b = theta[design.abilities + k]!;
    if (onEta) { for (let r = 0; r < eta.length; r++) eta[r]! += b * onEta[r]!; }
    if (onTie) { for (let r = 0; r < eta.length; r++) tie[r]! += b * onTie[r]!; }
  });
}

/**
 * The gradient of the (penalised) log-likelihood at `theta`, `[parameters]`; leaves the rows' derivatives in `space`.
 *
 * @param counts the outcomes; the design's own, or resampled ones of the same rows
 */
export function score(design: Design, counts: Counts, theta: Float64Array, space: Workspace): Float64Array {
  predict(design, theta, space);
  design.outcome.derivatives(counts, space.eta, space.tie, space.rows);
  const gradient = scoreOfRows(design, space.rows);
  for (let i = 0; i < design.abilities; i++) gradient[i]! -= design.ridge * theta[i]!;
  return gradient;
}

/** Σ_r (∂ℓ_r/∂η x_r + ∂ℓ_r/∂τ y_r), `[parameters]`. */
export function scoreOfRows(design: Design, { scoreEta, scoreTie }: RowDerivatives): Float64Array {
  const { first, second } = design.data;
  const gradient = new Float64Array(design.abilities + design.border.length);
  if (design.abilities > 0) {
    for (let r = 0; r < first.length; r++) {
      gradient[first[r]!]! += scoreEta[r]!;
      gradient[second[r]!]! -= scoreEta[r]!;
    }
  }
  design.border.forEach(({ onEta, onTie }, k) => {
    let sum = 0;
    if (onEta) { for (let r = 0; r < first.length; r++) sum += scoreEta[r]! * onEta[r]!; }
    if (onTie) { for (let r = 0; r < first.length; r++) sum += scoreTie[r]! * onTie[r]!; }
    gradient[design.abilities + k] = sum;
  });
  return gradient;
}

/** Σ counts · log P(outcome), without combinatorial constants and without the penalty. */
export function logLikelihood(design: Design, counts: Counts, theta: Float64Array, space: Workspace): number {
  predict(design, theta, space);
  return design.outcome.logLikelihood(counts, space.eta, space.tie);
}
