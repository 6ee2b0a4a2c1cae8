/** The bootstrap: the fit repeated on resampled comparisons. */

import { fold, type Key, uniform } from "../tensor/random.ts";
import { totalComparisons } from "./comparisons.ts";
import type { Design } from "./design.ts";
import { existence } from "./existence.ts";
import { designOfFit, type StrengthFit } from "./fit_strengths.ts";
import { type Workspace, workspace } from "./likelihood.ts";
import { maximise } from "./newton.ts";
import type { Counts } from "./outcome_model.ts";

/** Bootstrap options. */
export interface BootstrapOptions {
  /** Number of resamples. */
  readonly rounds: number;
  /** Draw whole clusters with replacement instead of single comparisons. */
  readonly byCluster?: boolean;
}

/** What the rounds gave. A round without a maximum is marked, not averaged: its row holds NaN. */
export interface Bootstrap {
  /** Number of resamples drawn. */
  readonly rounds: number;
  /** Number of parameters per round. */
  readonly parameters: number;
  /** Row-major `[rounds, parameters]`, order of {@link parameterNames}, abilities in sum-zero coding. */
  readonly estimates: Float64Array;
  /** Rounds in which no maximum existed. */
  readonly degenerate: readonly number[];
}

/**
 * Refits on resampled data: single comparisons drawn multinomially from the observed counts, or whole clusters.
 *
 * Round r depends on `key` and r alone. Each refit starts from the fit's maximum and ends at 1e-10 per game.
 *
 * @throws {RangeError} if counts are fractional, clusters are missing, or abilities come from covariates with infinite fits
 * @see Efron 1979; Field & Welsh 2007 (clusters)
 */
export function bootstrap(key: Key, fit: StrengthFit, { rounds, byCluster = false }: BootstrapOptions): Bootstrap {
  const design = designOfFit(fit), space = workspace(design);
  const draw = byCluster ? clusterDraws(fit) : multinomialDraws(fit);
  const parameters = fit.theta.length;
  const estimates = new Float64Array(rounds * parameters);
  const degenerate: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const theta = refit(fit, design, draw(fold(key, round)), space);
    if (theta === undefined) degenerate.push(round);
    estimates.subarray(round * parameters, (round + 1) * parameters).set(
      theta ?? new Float64Array(parameters).fill(NaN),
    );
  }
  return { rounds, parameters, estimates, degenerate };
}

function refit(fit: StrengthFit, design: Design, counts: Counts, space: Workspace): Float64Array | undefined {
  const data = { ...fit.data, ...counts };
  const needed = (fit.model.ridge ?? 0) === 0 && design.abilities > 0;
  const ties = design.outcome.tieParameter ? fit.model.ties! : "half";
  if (design.outcome.tieParameter && !counts.ties.some((t) => t > 0)) return undefined; // ν = 0: log ν is infinite
  // a fit on several islands, or per component, resamples within them: exact existence is about one island only
  if (needed && fit.islands.count === 1 && !existence(data, { ...fit.model, ties }).exists) return undefined;
  const maximum = maximise(design, counts, fit.theta, { space, tolerance: 1e-10, steps: 40 });
  return maximum.converged ? maximum.theta : undefined;
}

const OUTCOMES = ["winsFirst", "winsSecond", "ties"] as const;

/** Draws as many comparisons as were observed, each any of the observed ones with equal chance. */
function multinomialDraws({ data }: StrengthFit): (key: Key) => Counts {
  const rows = data.first.length, total = totalComparisons(data);
  const cell = new Int32Array(total); // the cell of each single comparison: outcome · rows + row
  let filled = 0;
  OUTCOMES.forEach((outcome, k) =>
    data[outcome].forEach((count, r) => {
      if (!Number.isInteger(count)) {
        throw new RangeError(`Cannot bootstrap as counts must be whole: current value is ${count} in row ${r}`);
      }
      cell.fill(k * rows + r, filled, filled += count);
    })
  );
  return (key) => {
    const drawn = new Float64Array(3 * rows);
    for (const u of uniform(key, total)) drawn[cell[Math.floor(u * total)]!]!++;
    return {
      winsFirst: drawn.subarray(0, rows),
      winsSecond: drawn.subarray(rows, 2 * rows),
      ties: drawn.subarray(2 * rows),
    };
  };
}

/** Draws as many clusters as there are, with replacement; a cluster drawn twice counts twice. */
function clusterDraws({ data }: StrengthFit): (key: Key) => Counts {
  const { cluster } = data;
  if (cluster === undefined) throw new RangeError("Cannot bootstrap by cluster as the comparisons name no cluster");
  const names = [...new Set(cluster)];
  const position = new Map(names.map((name, at) => [name, at]));
  const of = Int32Array.from(cluster, (c) => position.get(c)!);
  return (key) => {
    const times = new Float64Array(names.length);
    for (const u of uniform(key, names.length)) times[Math.floor(u * names.length)]!++;
    const scaled = (counts: Float64Array): Float64Array => counts.map((count, r) => count * times[of[r]!]!);
    return { winsFirst: scaled(data.winsFirst), winsSecond: scaled(data.winsSecond), ties: scaled(data.ties) };
  };
}

/** An interval with how many rounds it rests on. */
export interface BootstrapInterval {
  /** The lower quantile. */
  readonly low: number;
  /** The upper quantile. */
  readonly high: number;
  /** Standard deviation over the usable rounds. */
  readonly standardError: number;
  /** Number of rounds with a maximum. */
  readonly usable: number;
}

/**
 * The percentile interval of one parameter, or of any function of a round's parameters, over the usable rounds.
 *
 * @param of the parameter's position, or a function of the round's parameter vector
 */
export function bootstrapInterval(
  { estimates, parameters, rounds }: Bootstrap,
  of: number | ((theta: Float64Array) => number),
  { level = 0.95 }: { readonly level?: number } = {},
): BootstrapInterval {
  const values: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const theta = estimates.subarray(round * parameters, (round + 1) * parameters);
    const value = typeof of === "number" ? theta[of]! : of(theta);
    if (!Number.isNaN(value)) values.push(value);
  }
  const sorted = Float64Array.from(values).sort();
  const mean = sorted.reduce((s, v) => s + v, 0) / sorted.length;
  const variance = sorted.reduce((s, v) => s + (v - mean) ** 2, 0) / (sorted.length - 1);
  return {
    low: quantile(sorted, (1 - level) / 2),
    high: quantile(sorted, (1 + level) / 2),
    standardError: Math.sqrt(variance),
    usable: sorted.length,
  };
}

/** The quantile of sorted values, linear between order statistics. */
function quantile(sorted: Float64Array, p: number): number {
  if (sorted.length === 0) return NaN;
  const at = p * (sorted.length - 1), below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}
