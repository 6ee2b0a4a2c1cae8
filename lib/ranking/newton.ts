/** Newton's method for a concave log-likelihood, on the design's sparse information. */

import { dot } from "./conjugate_gradients.ts";
import type { Comparisons } from "./comparisons.ts";
import { centre, type Design, ORDER_EFFECT, TIE_PARAMETER } from "./design.ts";
import { informationOf, informationSolver } from "./information.ts";
import { predict, score, type Workspace } from "./likelihood.ts";
import { type Counts, raoKupper } from "./outcome_model.ts";

/** Where the climb ended. */
export interface Maximum {
  readonly theta: Float64Array;
  readonly iterations: number;
  /** Largest entry of the score divided by the number of comparisons. */
  readonly scorePerGame: number;
  /** The last Newton step, `[parameters]`: how far the maximum still was before it. */
  readonly lastStep: Float64Array;
  readonly converged: boolean;
}

/** When to stop. */
export interface NewtonOptions {
  /** Largest score per game at the end; 1e-12 by default. */
  readonly tolerance?: number;
  /** Most Newton steps; 60 by default. */
  readonly steps?: number;
}

const LARGEST_MOVE = 5; // in η: beyond, the curvature at the step's start says nothing about its end
const SMALL_STEP = 1e-6; // Newton doubles the digits: after a step of 1e-6 the error is of the order 1e-12

/**
 * Climbs to the maximum of the (penalised) log-likelihood from `start`.
 *
 * A step is halved while it overshoots, judged by the slope along it at its end: of a concave function that is certain,
 * and unlike a difference of log-likelihoods it does not drown in rounding near the top.
 */
export function maximise(
  design: Design,
  counts: Counts,
  start: Float64Array,
  { space, tolerance = 1e-12, steps = 60 }: NewtonOptions & { readonly space: Workspace },
): Maximum {
  let theta = start, gradient = score(design, counts, theta, space);
  let lastStep = new Float64Array(theta.length), size = 1, iterations = 0;
  const games = Math.max(1, design.total);
  const end = (converged: boolean): Maximum => ({
    theta: design.ridge > 0 || design.abilities === 0 ? theta : centre(theta, design.islands),
    iterations,
    scorePerGame: largest(gradient) / games,
    lastStep,
    converged,
  });
  while (iterations < steps) {
    const precision = Math.max(1e-9, Math.min(1e-2, size * size)); // no more digits than the step itself will have
    const solve = informationSolver(informationOf(design, space.rows), precision);
    if (solve === undefined) return end(false);
    lastStep = withinThreshold(design, theta, solve(gradient)) as Float64Array<ArrayBuffer>;
    iterations++;
    const slope = dot(gradient, lastStep), step = largest(lastStep);
    const longest = Math.min(1, LARGEST_MOVE / largestMove(design, lastStep, space));
    for (let scale = longest;; scale /= 2) {
      const next = theta.map((t, i) => t + scale * lastStep[i]!);
      gradient = score(design, counts, next, space);
      if (dot(gradient, lastStep) < -0.9 * slope && scale > 1e-6 && step > 1e-6) continue;
      theta = next;
      size = scale === 1 ? step : 1;
      break;
    }
    if (!Number.isFinite(size)) return end(false);
    if (size <= SMALL_STEP && largest(gradient) / games <= tolerance) return end(true);
    if (size <= 1e-12) return end(true); // at the rounding floor of the score
  }
  return end(false);
}

/** The largest change of any row's η along a step: strengths may differ by hundreds, but not one comparison's log-odds. */
function largestMove(design: Design, step: Float64Array, space: Workspace): number {
  predict(design, step, space);
  let most = 0;
  for (let r = 0; r < space.eta.length; r++) most = Math.max(most, Math.abs(space.eta[r]!));
  return most;
}

/** Rao–Kupper's log θ must stay positive: a step takes away three quarters of it at most. */
function withinThreshold(
  { outcome, border, abilities }: Design,
  theta: Float64Array,
  step: Float64Array,
): Float64Array {
  if (outcome !== raoKupper) return step;
  const tau = abilities + border.findIndex((c) => c.name === TIE_PARAMETER);
  const most = 0.75 * theta[tau]!;
  return step[tau]! < -most ? step.map((s) => s * (most / -step[tau]!)) : step;
}

/**
 * A start near the maximum: each item's smoothed log-odds of winning, stretched, as they forget that the strong meet the
 * weak; and the tie share as the tie parameter.
 */
export function roughStart({ data, abilities, border, outcome, total }: Design, counts: Counts): Float64Array {
  const theta = new Float64Array(abilities + border.length);
  const { winsFirst, winsSecond, ties } = counts;
  if (abilities > 0) {
    const won = new Float64Array(abilities).fill(0.5), lost = new Float64Array(abilities).fill(0.5);
    for (let r = 0; r < ties.length; r++) {
      const i = data.first[r]!, j = data.second[r]!;
      won[i]! += winsFirst[r]! + ties[r]! / 2;
      won[j]! += winsSecond[r]! + ties[r]! / 2;
      lost[i]! += winsSecond[r]! + ties[r]! / 2;
      lost[j]! += winsFirst[r]! + ties[r]! / 2;
    }
    for (let i = 0; i < abilities; i++) theta[i] = Math.log(won[i]! / lost[i]!);
    const factor = stretch(data, counts, theta);
    for (let i = 0; i < abilities; i++) theta[i]! *= factor;
  }
  const at = border.findIndex((c) => c.name === TIE_PARAMETER);
  if (at >= 0) {
    const tied = ties.reduce((a, b) => a + b, 0);
    const odds = 2 * (tied + 0.5) / (total - tied + 0.5); // both models at equal strengths
    theta[abilities + at] = outcome === raoKupper ? Math.log1p(odds) : Math.log(odds);
  }
  return theta;
}

const SAMPLE = 2048; // rows that the stretch is judged by
const MOST_STRETCH = 2;

/** The factor in [1, 2] by which strengths explain a sample of the rows best, by Newton's method on the line. */
function stretch({ first, second }: Comparisons, { winsFirst, winsSecond, ties }: Counts, theta: Float64Array): number {
  const stride = Math.max(1, Math.floor(first.length / SAMPLE));
  let factor = 1;
  for (let step = 0; step < 3; step++) {
    let slope = 0, curvature = 0;
    for (let r = 0; r < first.length; r += stride) {
      const x = theta[first[r]!]! - theta[second[r]!]!, p = 1 / (1 + Math.exp(-factor * x));
      const games = winsFirst[r]! + winsSecond[r]! + ties[r]!;
      slope += (winsFirst[r]! + ties[r]! / 2 - games * p) * x;
      curvature += games * p * (1 - p) * x * x;
    }
    if (!(curvature > 0)) return factor;
    factor = Math.min(MOST_STRETCH, Math.max(1, factor + slope / curvature));
  }
  return factor;
}

/** The place of the order effect among the parameters, or −1. */
export function orderIndex({ border, abilities }: Design): number {
  const at = border.findIndex((c) => c.name === ORDER_EFFECT);
  return at < 0 ? -1 : abilities + at;
}

const largest = (a: Float64Array): number => a.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
