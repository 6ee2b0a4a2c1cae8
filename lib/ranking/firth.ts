/** Firth's penalty: strengths that are finite on any data, with the leading bias removed. */

import { centre, type Design } from "./design.ts";
import { contrastVariance, DENSE_LIMIT, informationOf, informationSolver, pseudoInverse } from "./information.ts";
import { score, scoreOfRows, type Workspace } from "./likelihood.ts";
import type { Maximum, NewtonOptions } from "./newton.ts";
import { halfTie } from "./outcome_model.ts";

/**
 * Maximises ℓ(θ) + ½ log det I(θ), climbing by the adjusted score: each row gains its leverage h_r, the share of one
 * parameter it determines, as h_r (½ − p_r), half a win for either side.
 *
 * @throws {RangeError} for tie models other than half wins, or above 1,024 parameters
 * @see Firth 1993, "Bias reduction of maximum likelihood estimates"; Heinze & Schemper 2002 (separation)
 */
export function maximiseFirth(
  design: Design,
  start: Float64Array,
  { space, tolerance = 1e-12, steps = 2000 }: NewtonOptions & { readonly space: Workspace },
): Maximum {
  if (design.outcome !== halfTie) {
    throw new RangeError("Cannot fit with Firth's penalty as ties must count as half a win");
  }
  if (start.length > DENSE_LIMIT) {
    throw new RangeError(
      `Cannot fit with Firth's penalty as there may be at most ${DENSE_LIMIT} parameters: current value is ${start.length}`,
    );
  }
  let theta = start;
  for (let iterations = 1;; iterations++) {
    score(design, design.data, theta, space);
    const inverse = pseudoInverse(informationOf(design, space.rows));
    addLeverage(design, inverse, space);
    const gradient = scoreOfRows(design, space.rows);
    const solve = informationSolver(informationOf(design, space.rows), 1e-12);
    if (solve === undefined) throw new RangeError("Cannot fit with Firth's penalty as the information is singular");
    const lastStep = solve(gradient) as Float64Array<ArrayBuffer>;
    const size = lastStep.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
    theta = theta.map((t, i) => t + lastStep[i]! * Math.min(1, 2 / size));
    const scorePerGame = gradient.reduce((m, g) => Math.max(m, Math.abs(g)), 0) / design.total;
    const converged = size <= 1e-12 && scorePerGame <= tolerance;
    if (!converged && iterations < steps) continue;
    const ended = design.abilities > 0 ? centre(theta, design.islands) : theta;
    return { theta: ended, iterations, scorePerGame, lastStep, converged };
  }
}

/**
 * Adds h_r games drawn half and half to each row, h_r = w_r · x_rᵀ H⁺ x_r: to the score h_r (½ − p_r), to the information
 * h_r p_r (1 − p_r). Without the latter, rows that alone determine a parameter (h_r = 1) would make the steps overshoot.
 */
function addLeverage(design: Design, inverse: Float64Array, { eta, rows }: Workspace): void {
  const { data: { first, second }, abilities, border } = design;
  const size = abilities + border.length;
  for (let r = 0; r < eta.length; r++) {
    const i = first[r]!, j = second[r]!;
    let spread = abilities > 0 ? contrastVariance({ matrix: inverse, size }, i, j) : 0;
    for (let k = 0; k < border.length; k++) {
      const x = border[k]!.onEta?.[r] ?? 0, row = (abilities + k) * size;
      if (abilities > 0) spread += 2 * x * (inverse[row + i]! - inverse[row + j]!);
      for (let m = 0; m < border.length; m++) {
        spread += x * (border[m]!.onEta?.[r] ?? 0) * inverse[row + abilities + m]!;
      }
    }
    const leverage = rows.infoEta[r]! * spread, t = Math.tanh(eta[r]! / 2); // ½ − σ(η) = −t / 2, p (1 − p) = (1 − t²) / 4
    rows.scoreEta[r]! -= leverage * t / 2;
    rows.infoEta[r]! += leverage * (1 - t * t) / 4;
  }
}
