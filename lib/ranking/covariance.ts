/** Covariance of the estimates: Fisher, robust and clustered, and what is read off it. */

import { type Design, ORDER_EFFECT } from "./design.ts";
import { designOfFit, parameterNames, type StrengthFit } from "./fit_strengths.ts";
import { contrastVariance, DENSE_LIMIT, type Information, informationOf, pseudoInverse } from "./information.ts";
import { predict, score, workspace } from "./likelihood.ts";
import { type RowDerivatives, rowDerivatives } from "./outcome_model.ts";

/** Where the errors come from: the model, the single comparisons, or whole clusters of them. */
export type ErrorKind = "fisher" | "robust" | "cluster";

/** A covariance matrix of all parameters in sum-zero coding. */
export interface Covariance {
  /** Names of the parameters. */
  readonly names: readonly string[];
  /** Row-major `[size, size]`, order of {@link parameterNames}. */
  readonly matrix: Float64Array;
  /** Number of parameters. */
  readonly size: number;
  /** Where the errors come from. */
  readonly kind: ErrorKind;
}

/** The information at a fit's maximum. */
export function informationOfFit(fit: StrengthFit): Information {
  const design = designOfFit(fit);
  const space = workspace(design);
  score(design, fit.data, fit.theta, space);
  return informationOf(design, space.rows);
}

/**
 * The covariance of all estimates.
 *
 * - `fisher`: the inverse of the observed information H under Σ λ = 0 within each island, H⁺ (with a ridge, the Laplace
 *   posterior (H + κ I)⁻¹).
 * - `robust`: the sandwich H⁺ (Σ s sᵀ) H⁺ with one score s per single comparison, no small-sample factor.
 * - `cluster`: the same with scores summed over each of `data.cluster` first.
 *
 * @throws {RangeError} above 1,024 parameters (see {@link strengthErrors}), or for `cluster` without clusters
 * @see Huber 1967; White 1982, "Maximum likelihood estimation of misspecified models"; Liang & Zeger 1986
 */
export function strengthCovariance(fit: StrengthFit, kind: ErrorKind = "fisher"): Covariance {
  const information = informationOfFit(fit);
  const { design } = information;
  const size = design.abilities + design.border.length;
  if (size > DENSE_LIMIT) {
    throw new RangeError(
      `Cannot compute strengthCovariance as there may be at most ${DENSE_LIMIT} parameters: current value is ${size}`,
    );
  }
  const inverse = pseudoInverse(information);
  const names = parameterNames(fit);
  if (kind === "fisher") return { names, matrix: inverse, size, kind };
  const scores = kind === "robust" ? comparisonScores(design, fit.theta) : clusterScores(design, fit.theta);
  return { names, matrix: sandwich(inverse, scores, size), size, kind };
}

/** Sparse score vectors: indices and values, with how often each occurs. */
interface WeightedScore {
  readonly count: number;
  readonly at: readonly number[];
  readonly value: readonly number[];
}

/** The rows' derivatives if each row were a single comparison of the given outcome. */
function unitDerivatives(
  design: Design,
  theta: Float64Array,
  outcome: "winsFirst" | "winsSecond" | "ties",
): RowDerivatives {
  const { eta, tie } = workspace(design);
  const rows = eta.length, none = new Float64Array(rows), one = new Float64Array(rows).fill(1);
  const out = rowDerivatives(rows);
  predict(design, theta, { eta, tie, rows: out });
  const counts = { winsFirst: none, winsSecond: none, ties: none, [outcome]: one };
  design.outcome.derivatives(counts, eta, tie, out);
  return out;
}

/** The score of one comparison in row r as a sparse vector. */
function scoreAt(design: Design, { scoreEta, scoreTie }: RowDerivatives, r: number): Omit<WeightedScore, "count"> {
  const { data: { first, second }, abilities, border } = design;
  const at = abilities > 0 ? [first[r]!, second[r]!] : [];
  const value = abilities > 0 ? [scoreEta[r]!, -scoreEta[r]!] : [];
  border.forEach(({ onEta, onTie }, k) => {
    at.push(abilities + k);
    value.push((onEta ? scoreEta[r]! * onEta[r]! : 0) + (onTie ? scoreTie[r]! * onTie[r]! : 0));
  });
  return { at, value };
}

const OUTCOMES = ["winsFirst", "winsSecond", "ties"] as const;

function comparisonScores(design: Design, theta: Float64Array): WeightedScore[] {
  return OUTCOMES.flatMap((outcome) => {
    const units = unitDerivatives(design, theta, outcome);
    const counts = design.data[outcome];
    return Array.from(counts, (count, r) => ({ count, ...scoreAt(design, units, r) })).filter((s) => s.count > 0);
  });
}

function clusterScores(design: Design, theta: Float64Array): WeightedScore[] {
  const { cluster } = design.data;
  if (cluster === undefined) {
    throw new RangeError("Cannot compute clustered errors as the comparisons name no cluster");
  }
  const sums = new Map<number, Map<number, number>>();
  const space = workspace(design);
  score(design, design.data, theta, space);
  cluster.forEach((c, r) => {
    const sum = sums.get(c) ?? sums.set(c, new Map()).get(c)!;
    const { at, value } = scoreAt(design, space.rows, r);
    at.forEach((i, k) => sum.set(i, (sum.get(i) ?? 0) + value[k]!));
  });
  return [...sums.values()].map((sum) => ({ count: 1, at: [...sum.keys()], value: [...sum.values()] }));
}

/** H⁺ (Σ count · s sᵀ) H⁺. */
function sandwich(inverse: Float64Array, scores: readonly WeightedScore[], size: number): Float64Array {
  const meat = new Float64Array(size * size);
  for (const { count, at, value } of scores) {
    for (let a = 0; a < at.length; a++) {
      for (let b = 0; b < at.length; b++) meat[at[a]! * size + at[b]!]! += count * value[a]! * value[b]!;
    }
  }
  return product(product(inverse, meat, size), inverse, size);
}

/** The product of two square row-major matrices. */
export function product(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const c = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const scale = a[i * size + k]!;
      if (scale === 0) continue;
      for (let j = 0; j < size; j++) c[i * size + j]! += scale * b[k * size + j]!;
    }
  }
  return c;
}

/** Standard errors of all parameters by position: abilities in sum-zero coding, then the border. */
export function standardErrors({ matrix, size }: Covariance): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => Math.sqrt(Math.max(0, matrix[i * size + i]!)));
}

/** Standard errors of λ_i − λ_reference, `[items]`; 0 for the reference itself. */
export function referenceErrors({ matrix, size }: Covariance, reference: number, items: number): Float64Array {
  return Float64Array.from({ length: items }, (_, i) => Math.sqrt(contrastVariance({ matrix, size }, i, reference)));
}

/** The standard error of the order effect, if the model has one. */
export function orderEffectError({ names, matrix, size }: Covariance): number | undefined {
  const at = names.lastIndexOf(ORDER_EFFECT);
  return at < 0 ? undefined : Math.sqrt(matrix[at * size + at]!);
}
