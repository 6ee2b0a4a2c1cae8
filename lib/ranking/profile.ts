/** Profile-likelihood intervals: where the log-likelihood, maximised over all else, has fallen by half a chi-squared. */

import { dot } from "./conjugate_gradients.ts";
import { normalQuantile } from "./distributions.ts";
import { designOfFit, type StrengthFit } from "./fit_strengths.ts";
import { informationOf, type InformationSolver, informationSolver } from "./information.ts";
import { logLikelihood, score, workspace } from "./likelihood.ts";

/** An interval of values not rejected by the likelihood-ratio test. */
export interface ProfileInterval {
  /** The lower end. */
  readonly low: number;
  /** The upper end. */
  readonly high: number;
}

/**
 * The profile-likelihood interval of a linear function aᵀθ of the parameters, such as a difference of two items.
 *
 * @param direction a, `[parameters]` in the order of {@link parameterNames}; its ability part sums to zero
 * @throws {RangeError} if the direction has the wrong length or the fit has a ridge or Firth penalty
 * @see Venzon & Moolgavkar 1988, "A method for computing profile-likelihood-based confidence intervals"
 */
export function profileInterval(
  fit: StrengthFit,
  direction: Float64Array,
  { level = 0.95 }: { readonly level?: number } = {},
): ProfileInterval {
  if (direction.length !== fit.theta.length) {
    throw new RangeError(
      `Cannot profile as the direction must have ${fit.theta.length} entries: current value is ${direction.length}`,
    );
  }
  if ((fit.model.ridge ?? 0) > 0 || fit.model.firth) throw new RangeError("Cannot profile as the fit is penalised");
  const z = normalQuantile(1 - level);
  return { low: end(fit, direction, -z), high: end(fit, direction, z) };
}

/** The direction of λ_i − λ_j (or of λ_i against the mean of all, without j) for {@link profileInterval}. */
export function differenceDirection(fit: StrengthFit, i: number, j?: number): Float64Array {
  const direction = new Float64Array(fit.theta.length), items = fit.data.items.length;
  if (j === undefined) direction.fill(-1 / items, 0, items);
  else direction[j] = -1;
  direction[i]! += 1;
  return direction;
}

/** Newton on the signed root of the deviance as a function of aᵀθ; the multiplier of the constraint is its slope. */
function end(fit: StrengthFit, direction: Float64Array, goal: number): number {
  const design = designOfFit(fit), space = workspace(design);
  score(design, fit.data, fit.theta, space);
  const solveAtTop = solverOf({ design, space });
  const spread = solveAtTop(direction), variance = dot(direction, spread);
  let value = dot(direction, fit.theta) + goal * Math.sqrt(variance);
  let theta: Float64Array = fit.theta.map((t, i) => t + goal * spread[i]! / Math.sqrt(variance));
  for (let outer = 0; outer < 30; outer++) {
    const constrained = maximiseAlong(fit, { design, space, direction, value, theta });
    theta = constrained.theta;
    const root = Math.sign(goal) * Math.sqrt(Math.max(0, 2 * (fit.logLikelihood - constrained.logLikelihood)));
    // d root / d value = −multiplier / root, with the multiplier d ℓ / d value
    const move = (goal - root) * root / -constrained.multiplier;
    value += move;
    theta = theta.map((t, i) => t + spread[i]! * move / variance);
    if (Math.abs(move) <= 1e-12 * Math.max(1, Math.abs(value))) break;
  }
  return value;
}

type Setting = { readonly design: ReturnType<typeof designOfFit>; readonly space: ReturnType<typeof workspace> };

function solverOf({ design, space }: Setting): InformationSolver {
  const solve = informationSolver(informationOf(design, space.rows), 1e-11);
  if (solve === undefined) throw new RangeError("Cannot profile as the information is singular");
  return solve;
}

/** The maximum under aᵀθ = value, by Newton steps on the Lagrange system. */
function maximiseAlong(
  fit: StrengthFit,
  { design, space, direction, value, theta }: Setting & {
    readonly direction: Float64Array;
    readonly value: number;
    readonly theta: Float64Array;
  },
): { readonly theta: Float64Array; readonly logLikelihood: number; readonly multiplier: number } {
  let at = theta, multiplier = 0;
  for (let step = 0; step < 50; step++) {
    const gradient = score(design, fit.data, at, space);
    const solve = solverOf({ design, space });
    const free = solve(gradient), along = solve(direction);
    multiplier = (dot(direction, free) - (value - dot(direction, at))) / dot(direction, along);
    const move = free.map((f, i) => f - multiplier * along[i]!);
    const size = move.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
    at = at.map((t, i) => t + move[i]! * Math.min(1, 2 / size));
    if (size <= 1e-10) break;
  }
  return { theta: at, logLikelihood: logLikelihood(design, fit.data, at, space), multiplier };
}
