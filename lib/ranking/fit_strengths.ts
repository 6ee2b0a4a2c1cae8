/** Strengths of items from comparisons by maximum likelihood: the front door of this room. */

import type { Result } from "../result.ts";
import type { Components } from "./components.ts";
import { type Comparisons, selectComparisons } from "./comparisons.ts";
import {
  abilitiesOf,
  centre,
  type Design,
  designOf,
  ORDER_EFFECT,
  type StrengthModel,
  TIE_PARAMETER,
} from "./design.ts";
import { type Existence, existence, type NoMaximumReason, winGraph } from "./existence.ts";
import { maximiseFirth } from "./firth.ts";
import { logLikelihood, workspace } from "./likelihood.ts";
import { maximise, type NewtonOptions, roughStart } from "./newton.ts";
import { separation } from "./separation.ts";

/** A maximum-likelihood fit. Everything in it is data; other functions of this room take it whole. */
export interface StrengthFit {
  /** The data fitted. */
  readonly data: Comparisons;
  /** The model as asked for. */
  readonly model: StrengthModel;
  /** Log-abilities in natural-log units, sum zero within each island, `[items]`. */
  readonly logAbility: Float64Array;
  /** Logit advantage of being at home or shown first, if the model has one. */
  readonly orderEffect?: number;
  /** Davidson's log ν or Rao–Kupper's log θ; absent if ties are half wins, or if no tie was seen (ν = 0, θ = 1). */
  readonly tieParameter?: number;
  /** Coefficients of covariates, by name; items with a missing covariate appear by their own name. */
  readonly coefficients: Readonly<Record<string, number>>;
  /** All parameters as one vector: abilities (none with item covariates), then {@link parameterNames}' border. */
  readonly theta: Float64Array;
  /** Σ counts · log P, natural logs, without combinatorial constants and without the penalty. */
  readonly logLikelihood: number;
  /** Number of free parameters. */
  readonly parameters: number;
  /** Islands of items that were compared with each other: strengths are comparable within one only. */
  readonly islands: Components;
  /** Newton steps taken. */
  readonly iterations: number;
  /** Largest entry of the score at the end, per comparison. */
  readonly scorePerGame: number;
}

/** Why there is nothing to fit, in one sentence, and the graph behind it. */
export interface NoMaximum {
  /** The kind of trouble. */
  readonly reason: NoMaximumReason;
  /** One sentence that names items and remedies. */
  readonly message: string;
  /** The graph of wins. */
  readonly existence: Existence;
}

/** Options of {@link fitStrengths} beside the model. */
export interface FitOptions extends NewtonOptions {
  /** Fit each group of items that beat each other by itself, leaving out comparisons between groups. */
  readonly perComponent?: boolean;
}

/**
 * Item strengths from comparisons: maximises ℓ(λ, …) = Σ counts · log P(outcome), with P(i beats j) = σ(λ_i − λ_j + δ z)
 * for plain Bradley–Terry and the order effect δ.
 *
 * Existence is decided before the fit, so no infinite estimate is ever returned as a number.
 *
 * @param data counts of outcomes; see {@link comparisons}
 * @param model ties, order effect, covariates, ridge penalty
 * @returns the fit, or why no maximum exists
 * @throws {RangeError} if covariates do not fit the data, or nothing was compared
 * @see Bradley & Terry 1952; Hunter 2004, "MM algorithms for generalized Bradley–Terry models"
 * @example
 * ```ts
 * import { comparisons, fitStrengths } from "@logratio/logratio";
 * const games = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [7], winsSecond: [3] });
 * const fit = fitStrengths(games); // Right: log-abilities ± ln(7/3) / 2
 * ```
 */
export function fitStrengths(
  data: Comparisons,
  model: StrengthModel = {},
  options: FitOptions = {},
): Result<NoMaximum, StrengthFit> {
  if (data.items.length < 2) {
    throw new RangeError(
      `Cannot fit strengths as at least two items must be compared: current value is ${data.items.length}`,
    );
  }
  const penalised = (model.ridge ?? 0) > 0;
  const graph = existence(data, model);
  if (options.perComponent && !graph.exists) {
    const { label } = graph.strong;
    const within = selectComparisons(data, (r) => label[data.first[r]!] === label[data.second[r]!]);
    return fitted(within, model, winGraph(within).weak, options);
  }
  const mended = model.firth || (penalised && ABILITIES.includes(graph.reason));
  const itemsMatter = model.itemCovariates === undefined && !mended;
  if (!graph.exists && itemsMatter) {
    return { _tag: "Left", left: { reason: graph.reason!, message: graph.message, existence: graph } };
  }
  return fitted(data, model, graph.weak, options);
}

const ABILITIES: readonly (NoMaximumReason | undefined)[] = ["islands", "separated"]; // what a ridge on abilities mends

function fitted(
  data: Comparisons,
  model: StrengthModel,
  islands: Components,
  options: FitOptions,
): Result<NoMaximum, StrengthFit> {
  // no tie at all: the maximum is at ν = 0 (θ = 1), where every tie model is Bradley–Terry
  const tied = data.ties.some((t) => t > 0);
  const design = designOf(data, tied ? model : { ...model, ties: "half" }, islands);
  const space = workspace(design);
  const maximum = model.firth
    ? maximiseFirth(design, new Float64Array(design.abilities + design.border.length), { ...options, space })
    : maximise(design, data, roughStart(design, data), { ...options, space });
  const diverging = separation(design, maximum);
  if (diverging !== undefined) {
    return { _tag: "Left", left: { ...diverging, existence: existence(data, model) } };
  }
  return { _tag: "Right", right: describe(design, model, maximum.theta, { ...maximum, space }) };
}

/** The fit of a parameter vector on a design. */
function describe(
  design: Design,
  model: StrengthModel,
  theta: Float64Array,
  end: { readonly iterations: number; readonly scorePerGame: number; readonly space: ReturnType<typeof workspace> },
): StrengthFit {
  const { data, border, abilities, islands } = design;
  const value = (name: string): number | undefined => {
    const at = border.findIndex((c) => c.name === name);
    return at < 0 ? undefined : theta[abilities + at];
  };
  const orderEffect = model.order ? value(ORDER_EFFECT) : undefined;
  const tieParameter = design.outcome.tieParameter ? value(TIE_PARAMETER) : undefined;
  const covariates = border.filter(({ name, onEta }) => name !== ORDER_EFFECT && onEta !== undefined);
  return {
    data,
    model,
    logAbility: centre(abilitiesOf(design, theta, model.itemCovariates), islands),
    ...(orderEffect !== undefined && { orderEffect }),
    ...(tieParameter !== undefined && { tieParameter }),
    coefficients: Object.fromEntries(covariates.map(({ name }) => [name, value(name)!])),
    theta,
    logLikelihood: logLikelihood(design, data, theta, end.space),
    parameters: (abilities > 0 ? abilities - islands.count : 0) + border.length,
    islands,
    iterations: end.iterations,
    scorePerGame: end.scorePerGame,
  };
}

/** The design a fit was made on. */
export function designOfFit({ data, model, islands }: StrengthFit): Design {
  return designOf(data, data.ties.some((t) => t > 0) ? model : { ...model, ties: "half" }, islands);
}

/** Names of all parameters in order: the items (unless covariates stand for them), then order, covariates, tie. */
export function parameterNames(fit: StrengthFit): readonly string[] {
  const { abilities, border, data } = designOfFit(fit);
  return [...data.items.slice(0, abilities), ...border.map((c) => c.name)];
}
