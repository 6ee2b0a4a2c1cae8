/** Plackett–Luce: strengths from rankings of any length, by the same Newton and conjugate gradients. */

import type { Result } from "../result.ts";
import { cholesky, choleskyInverse } from "./cholesky.ts";
import { type Components, FORWARD, graph, strongComponents, weakComponents } from "./components.ts";
import { conjugateGradients, dot } from "./conjugate_gradients.ts";
import { DENSE_LIMIT } from "./information.ts";

/** Rankings of items, best first. */
export interface Rankings {
  /** Names of the items. */
  readonly items: readonly string[];
  /**
   * Each ranking as groups of item indices, best group first. A group of several is a tie; the last group of several is
   * what was left unordered (top-k). Items not named took no part.
   */
  readonly rankings: readonly (readonly (readonly number[])[])[];
  /** How often each ranking was given; 1 by default. */
  readonly counts?: readonly number[];
}

/** A Plackett–Luce fit. */
export interface PlackettLuceFit {
  /** Names of the items. */
  readonly items: readonly string[];
  /** Log-worths, sum zero, natural-log units, `[items]`. */
  readonly logAbility: Float64Array;
  /** Σ log of the chance of each choice. */
  readonly logLikelihood: number;
  /** Number of free parameters. */
  readonly parameters: number;
  /** Newton steps taken. */
  readonly iterations: number;
  /** Largest entry of the score per choice. */
  readonly scorePerChoice: number;
  /** The data fitted. */
  readonly rankings: Rankings;
}

const LARGEST_MOVE = 5; // one Newton step may change the log-odds by this much

/** Why rankings have no finite, unique maximum. */
export interface NoRankingMaximum {
  /** Groups of items placed both above and below each other. */
  readonly strong: Components;
  /** One sentence that names items and remedies. */
  readonly message: string;
}

/**
 * Maximises Σ over rankings and places of log(w_k / Σ w of those still in), w = e^λ.
 *
 * Ties within a ranking follow Breslow: each tied item is chosen from the same set.
 *
 * @returns the fit, or why no maximum exists
 * @throws {RangeError} if a ranking names an item twice or an index outside `items`, or there are fewer than two items
 * @see Plackett 1975; Luce 1959; Hunter 2004; Breslow 1974 (ties)
 * @example
 * ```ts
 * import { fitPlackettLuce } from "@logratio/logratio";
 * const rankings = [[[0], [1], [2]], [[1], [0], [2]], [[2], [0], [1]]]; // a > b > c, b > a > c, c > a > b
 * const fit = fitPlackettLuce({ items: ["a", "b", "c"], rankings }); // Right: a first, then b, then c
 * ```
 */
export function fitPlackettLuce(data: Rankings): Result<NoRankingMaximum, PlackettLuceFit> {
  check(data);
  const n = data.items.length, strong = existenceOf(data);
  if (strong.count > 1) return { _tag: "Left", left: { strong, message: reason(data, strong) } };
  let lambda = new Float64Array(n), state = evaluate(data, lambda), iterations = 0;
  for (let size = 1; iterations < 100; iterations++) {
    const { gradient, diagonal } = state;
    const tolerance = Math.max(1e-10, Math.min(1e-3, size * size));
    const product = (x: Float64Array, out: Float64Array): void => curvature(data, state, x, out);
    const solution = conjugateGradients(product, diagonal, sumZero(gradient), { tolerance });
    if (solution === undefined) break;
    const step = sumZero(solution); // a common shift changes nothing, and rounding would feed it
    size = step.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
    const slope = dot(gradient, step);
    for (let scale = Math.min(1, LARGEST_MOVE / size);; scale /= 2) {
      const next = lambda.map((l, i) => l + scale * step[i]!);
      const there = evaluate(data, next);
      // near the top differences of log-likelihoods drown in rounding, and full steps are right
      if (size > 1e-6 && there.logLikelihood < state.logLikelihood + 1e-4 * scale * slope) continue;
      lambda = next;
      state = there;
      break;
    }
    if (size <= 1e-8) break;
  }
  return {
    _tag: "Right",
    right: {
      items: data.items,
      logAbility: sumZero(lambda),
      logLikelihood: state.logLikelihood,
      parameters: n - 1,
      iterations,
      scorePerChoice: state.gradient.reduce((m, g) => Math.max(m, Math.abs(g)), 0) / Math.max(1, state.choices),
      rankings: data,
    },
  };
}

/**
 * Covariance of the log-worths in sum-zero coding, row-major `[items, items]`, from the observed information.
 *
 * @throws {RangeError} above 1,024 items
 */
export function plackettLuceCovariance(fit: PlackettLuceFit): { readonly matrix: Float64Array; readonly size: number } {
  const n = fit.items.length;
  if (n > DENSE_LIMIT) {
    throw new RangeError(
      `Cannot compute plackettLuceCovariance as there may be at most ${DENSE_LIMIT} items: current value is ${n}`,
    );
  }
  const state = evaluate(fit.rankings, fit.logAbility), matrix = new Float64Array(n * n);
  const gauge = state.diagonal.reduce((a, b) => a + b, 0) / (n * n);
  for (let i = 0; i < n; i++) {
    const unit = new Float64Array(n);
    unit[i] = 1;
    curvature(fit.rankings, state, unit, matrix.subarray(i * n, (i + 1) * n));
    for (let j = 0; j < n; j++) matrix[i * n + j]! += gauge;
  }
  const factor = cholesky(matrix, n);
  if (factor === undefined) {
    throw new RangeError("Cannot compute plackettLuceCovariance as the information is singular");
  }
  return { matrix: choleskyInverse(factor).map((v) => v - 1 / (gauge * n * n)), size: n };
}

function sumZero(values: Float64Array): Float64Array<ArrayBuffer> {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.map((v) => v - mean) as Float64Array<ArrayBuffer>;
}

function check({ items, rankings, counts }: Rankings): void {
  if (items.length < 2) {
    throw new RangeError(`Cannot fit rankings as at least two items must be ranked: current value is ${items.length}`);
  }
  rankings.forEach((groups, r) => {
    const seen = new Set<number>();
    for (const i of groups.flat()) {
      if (!(Number.isInteger(i) && i >= 0 && i < items.length)) {
        throw new RangeError(`Cannot fit rankings as ranking ${r} must index items: current value is ${i}`);
      }
      if (seen.has(i)) {
        throw new RangeError(`Cannot fit rankings as ranking ${r} names an item twice: current value is ${items[i]}`);
      }
      seen.add(i);
    }
    const count = counts?.[r] ?? 1;
    if (!(count >= 0 && count < Infinity)) {
      throw new RangeError(
        `Cannot fit rankings as count ${r} must be finite and not negative: current value is ${count}`,
      );
    }
  });
}

/** Who was ever placed above whom; neighbouring groups suffice, the rest follows along them. */
function existenceOf({ items, rankings, counts }: Rankings): Components {
  const from: number[] = [], to: number[] = [];
  rankings.forEach((groups, r) => {
    if ((counts?.[r] ?? 1) === 0) return;
    groups.slice(0, -1).forEach((group, g) => {
      for (const above of group) {
        for (const below of [...groups[g + 1]!, ...group]) {
          from.push(above);
          to.push(below);
        }
      }
    });
  });
  const edges = {
    from: Int32Array.from(from),
    to: Int32Array.from(to),
    ways: new Uint8Array(from.length).fill(FORWARD),
  };
  const strong = strongComponents(graph(items.length, edges));
  const islands = weakComponents(items.length, edges);
  return strong.count > 1 ? strong : islands;
}

function reason({ items }: Rankings, { label, count }: Components): string {
  const sizes = new Int32Array(count);
  for (const c of label) sizes[c]!++;
  const main = sizes.indexOf(Math.max(...sizes));
  const outside = items.filter((_, i) => label[i] !== main);
  const names = outside.slice(0, 5).map((name) => name.slice(0, 40)).join(", ");
  const more = outside.length > 5 ? ` and ${outside.length - 5} more` : "";
  return `No maximum exists as ${names}${more} never placed both above and below the others: ` +
    "add rankings, or leave these items out";
}

interface State {
  readonly worth: Float64Array;
  readonly gradient: Float64Array;
  readonly diagonal: Float64Array;
  readonly logLikelihood: number;
  readonly choices: number;
}

/** The choices of one ranking: every group but the last, and the last if it is one item (which is no choice at all). */
const choices = (groups: readonly (readonly number[])[]): number => groups.length - 1;

/** Log-likelihood, score and the information's diagonal; sums over those still in run from the last place up. */
function evaluate({ items, rankings, counts }: Rankings, lambda: Float64Array): State {
  const worth = lambda.map(Math.exp),
    gradient = new Float64Array(items.length),
    diagonal = new Float64Array(items.length);
  let logLikelihood = 0, total = 0;
  rankings.forEach((groups, r) => {
    const count = counts?.[r] ?? 1, stays = remaining(groups, worth);
    let first = 0, second = 0; // Σ m / S and Σ m / S² over the choices so far
    for (let g = 0; g < groups.length; g++) {
      const group = groups[g]!, choice = g < choices(groups);
      if (choice) {
        first += group.length / stays[g]!;
        second += group.length / (stays[g]! * stays[g]!);
        logLikelihood -= count * group.length * Math.log(stays[g]!);
        total += count * group.length;
      }
      for (const i of group) {
        if (choice) {
          gradient[i]! += count;
          logLikelihood += count * lambda[i]!;
        }
        gradient[i]! -= count * worth[i]! * first;
        diagonal[i]! += count * (worth[i]! * first - worth[i]! * worth[i]! * second);
      }
    }
  });
  for (let i = 0; i < items.length; i++) diagonal[i] ||= 1;
  return { worth, gradient, diagonal, logLikelihood, choices: total };
}

/** Σ values over a group and all after it, for each group. */
function remaining(groups: readonly (readonly number[])[], values: Float64Array): Float64Array {
  const sums = new Float64Array(groups.length);
  for (let g = groups.length - 1, sum = 0; g >= 0; g--) {
    for (const i of groups[g]!) sum += values[i]!;
    sums[g] = sum;
  }
  return sums;
}

/** Information · x into `out`: per choice diag(p) − p pᵀ, in one pass per ranking. */
function curvature({ rankings, counts }: Rankings, { worth }: State, x: Float64Array, out: Float64Array): void {
  out.fill(0);
  const weighted = worth.map((w, i) => w * x[i]!);
  rankings.forEach((groups, r) => {
    const count = counts?.[r] ?? 1, stays = remaining(groups, worth), moved = remaining(groups, weighted);
    let first = 0, mean = 0;
    for (let g = 0; g < groups.length; g++) {
      if (g < choices(groups)) {
        first += groups[g]!.length / stays[g]!;
        mean += groups[g]!.length * moved[g]! / (stays[g]! * stays[g]!);
      }
      for (const i of groups[g]!) out[i]! += count * worth[i]! * (first * x[i]! - mean);
    }
  });
}
