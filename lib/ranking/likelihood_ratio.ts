/** Likelihood-ratio tests between nested strength models, and how well a fit explains the data. */

import { mergeComparisons } from "./comparisons.ts";
import { chiSquareTail } from "./distributions.ts";
import { designOfFit, type FitOptions, fitStrengths, type StrengthFit } from "./fit_strengths.ts";
import { predict, workspace } from "./likelihood.ts";

/** A chi-squared test. */
export interface ChiSquareTest {
  /** The statistic. */
  readonly statistic: number;
  /** Degrees of freedom. */
  readonly df: number;
  /** Chance of a statistic at least as large. */
  readonly pValue: number;
}

/**
 * 2 (ℓ_larger − ℓ_smaller), chi-squared with as many degrees of freedom as there are more parameters.
 *
 * @throws {RangeError} if the models are not nested by parameter count, or were fitted with a ridge
 * @see Wilks 1938
 */
export function likelihoodRatioTest(smaller: StrengthFit, larger: StrengthFit): ChiSquareTest {
  const df = larger.parameters - smaller.parameters;
  if (!(df > 0)) {
    throw new RangeError(`Cannot compare fits as the larger must have more parameters: current value is ${df}`);
  }
  if (smaller.model.ridge || larger.model.ridge) {
    throw new RangeError("Cannot compare fits as one was made with a ridge");
  }
  const statistic = Math.max(0, 2 * (larger.logLikelihood - smaller.logLikelihood));
  return { statistic, df, pValue: chiSquareTail(statistic, df) };
}

/**
 * The tests a fit suggests: that all items are equal, and that the order effect, the contest covariates are zero. Each
 * compares with the model that lacks only this term. With item covariates one more: that strengths of their own would
 * explain no more.
 */
export function termTests(fit: StrengthFit, options: FitOptions = {}): Readonly<Record<string, ChiSquareTest>> {
  const { data, model } = fit;
  if ((model.ridge ?? 0) > 0) return {};
  const without = {
    ...(model.order && { orderEffect: { ...model, order: false } }),
    ...(model.contestCovariates && { contestCovariates: { ...model, contestCovariates: false } }),
    equalStrengths: { ...model, itemCovariates: { names: [], values: new Float64Array(0) } },
    ...(model.itemCovariates && { strengthsBeyondCovariates: { ...model, itemCovariates: undefined } }),
  };
  const tests: Record<string, ChiSquareTest> = {};
  for (const [term, other] of Object.entries(without)) {
    const refit = fitStrengths(data, other, options);
    if (refit._tag === "Left" || refit.right.parameters === fit.parameters) continue;
    const [smaller, larger] = [refit.right, fit].sort((a, b) => a.parameters - b.parameters);
    tests[term] = likelihoodRatioTest(smaller!, larger!);
  }
  return tests;
}

/** How well a fit explains its rows. */
export interface GoodnessOfFit {
  /** 2 Σ (ℓ_saturated − ℓ) over rows as they are. */
  readonly deviance: ChiSquareTest;
  /** Σ (observed − expected)² / expected over rows and outcomes. */
  readonly pearson: ChiSquareTest;
}

/**
 * Deviance and Pearson's chi-squared over the rows. With rows of few comparisons each (one vote a row) the chi-squared
 * approximation is poor: merge rows first.
 *
 * @param options.merge add up rows of the same two items and order before comparing; false by default
 */
export function goodnessOfFit(fit: StrengthFit, { merge = false }: { readonly merge?: boolean } = {}): GoodnessOfFit {
  const { cluster: _, ...unclustered } = fit.data;
  const seen = merge ? { ...fit, data: mergeComparisons(unclustered) } : fit;
  const design = designOfFit(seen), space = workspace(design);
  predict(design, fit.theta, space);
  const { winsFirst, winsSecond, ties } = seen.data, three = design.outcome.tieParameter;
  let deviance = 0, pearson = 0, rows = 0;
  const cell = (observed: number, logP: number, total: number): void => {
    if (observed > 0) deviance += 2 * observed * (Math.log(observed / total) - logP);
    pearson += (observed - total * Math.exp(logP)) ** 2 / (total * Math.exp(logP));
  };
  for (let r = 0; r < ties.length; r++) {
    const total = winsFirst[r]! + winsSecond[r]! + ties[r]!;
    if (total === 0) continue;
    const [win, loss, tie] = design.outcome.logProbabilities(space.eta[r]!, space.tie[r]!);
    const half = three ? 0 : ties[r]! / 2;
    cell(winsFirst[r]! + half, win, total);
    cell(winsSecond[r]! + half, loss, total);
    if (three) cell(ties[r]!, tie, total);
    rows++;
  }
  const df = (three ? 2 : 1) * rows - fit.parameters;
  const test = (statistic: number): ChiSquareTest => ({
    statistic,
    df,
    pValue: df > 0 ? chiSquareTail(statistic, df) : NaN,
  });
  return { deviance: test(deviance), pearson: test(pearson) };
}
