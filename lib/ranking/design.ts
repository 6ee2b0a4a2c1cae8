/** What a strength model is, and how it reads the rows: which parameters enter each comparison, and where. */

import { type Comparisons, type Covariates, totalComparisons } from "./comparisons.ts";
import { type OutcomeModel, outcomeModel, type TieModel } from "./outcome_model.ts";
import type { Components } from "./components.ts";
import { winGraph } from "./existence.ts";

/** A model of strengths; everything is optional, and left out it is plain Bradley–Terry. */
export interface StrengthModel {
  /** How ties enter; `half` (a win's half for each side) by default. */
  readonly ties?: TieModel;
  /** Whether being at home or shown first counts. */
  readonly order?: boolean;
  /** Log-abilities as a linear function of these; an item with a missing (`NaN`) value keeps a free ability. */
  readonly itemCovariates?: Covariates;
  /** Whether the comparisons' own covariates enter (style control). */
  readonly contestCovariates?: boolean;
  /** Strength κ of the penalty κ/2 · Σ λ², natural-log units; 0 by default. */
  readonly ridge?: number;
  /** Firth's bias-reducing penalty ½ log det I, finite on any data; only with ties as half wins and without a ridge. */
  readonly firth?: boolean;
}

/** A parameter besides the abilities: what it is called and how strongly it moves η and τ in each row. */
export interface BorderColumn {
  readonly name: string;
  readonly onEta?: Float64Array;
  readonly onTie?: Float64Array;
}

/** The rows as a fit reads them: parameters are the abilities (if free), then the border. */
export interface Design {
  readonly data: Comparisons;
  readonly outcome: OutcomeModel;
  /** Number of free abilities: all items, or 0 where item covariates stand for them. */
  readonly abilities: number;
  readonly border: readonly BorderColumn[];
  readonly ridge: number;
  /** Islands of compared items: abilities are only determined up to a shift in each. */
  readonly islands: Components;
  readonly total: number;
}

/** The border's names for the order effect and for the tie parameter; the brackets keep them apart from covariates. */
export const ORDER_EFFECT = "(order)";
export const TIE_PARAMETER = "(tie)";

/**
 * The design of a model on a data set.
 *
 * @param islands the data's weak components, where they are known already
 * @throws {RangeError} if covariates do not fit the data, or the ridge is negative
 */
export function designOf(data: Comparisons, model: StrengthModel, islands: Components = winGraph(data).weak): Design {
  const { ties = "half", order = false, itemCovariates, contestCovariates = false, ridge = 0, firth = false } = model;
  if (!(ridge >= 0 && ridge < Infinity)) {
    throw new RangeError(`Cannot fit strengths as ridge must be >= 0: current value is ${ridge}`);
  }
  if (ridge > 0 && firth) throw new RangeError("Cannot fit strengths as ridge and firth exclude each other");
  const outcome = outcomeModel(ties);
  const border: BorderColumn[] = [];
  if (order) border.push(orderColumn(data, ties));
  if (contestCovariates) border.push(...contestColumns(data));
  if (itemCovariates) border.push(...itemColumns(data, itemCovariates));
  if (outcome.tieParameter) border.push({ name: TIE_PARAMETER, onTie: new Float64Array(data.first.length).fill(1) });
  return {
    data,
    outcome,
    abilities: itemCovariates ? 0 : data.items.length,
    border,
    ridge,
    islands,
    total: totalComparisons(data),
  };
}

/** Davidson and Beaver's home advantage multiplies the home win only: against it, a tie loses half the advantage. */
function orderColumn({ order }: Comparisons, ties: TieModel): BorderColumn {
  const onEta = Float64Array.from(order);
  return ties === "davidson-beaver"
    ? { name: ORDER_EFFECT, onEta, onTie: onEta.map((z) => -Math.abs(z) / 2) }
    : { name: ORDER_EFFECT, onEta };
}

function contestColumns({ covariates, first }: Comparisons): BorderColumn[] {
  if (covariates === undefined) {
    throw new RangeError("Cannot fit contest covariates as the comparisons carry none");
  }
  const { names, values } = covariates;
  return names.map((name, k) => ({
    name,
    onEta: Float64Array.from(first, (_, r) => values[r * names.length + k]!),
  }));
}

function itemColumns({ items, first, second }: Comparisons, { names, values }: Covariates): BorderColumn[] {
  const width = names.length;
  if (values.length !== items.length * width) {
    throw new RangeError(
      `Cannot fit item covariates as they must hold ${items.length} x ${width} values: current length is ${values.length}`,
    );
  }
  const missing = items.map((_, i) => values.subarray(i * width, (i + 1) * width).some(Number.isNaN));
  const valueOf = (i: number, k: number): number => missing[i] ? 0 : values[i * width + k]!;
  const difference = (of: (i: number) => number): Float64Array =>
    Float64Array.from(first, (a, r) => of(a) - of(second[r]!));
  const free = items.flatMap((name, item) =>
    missing[item] ? [{ name, onEta: difference((i) => i === item ? 1 : 0) }] : []
  );
  return [...free, ...names.map((name, k) => ({ name, onEta: difference((i) => valueOf(i, k)) }))];
}

/** Log-abilities `[items]` of a parameter vector, before any centring. */
export function abilitiesOf(design: Design, theta: Float64Array, itemCovariates?: Covariates): Float64Array {
  if (itemCovariates === undefined) return theta.slice(0, design.abilities);
  const { names, values } = itemCovariates;
  const coefficient = new Map(design.border.map(({ name }, k) => [name, theta[design.abilities + k]!]));
  return Float64Array.from(design.data.items, (item, i) => {
    const row = values.subarray(i * names.length, (i + 1) * names.length);
    if (row.some(Number.isNaN)) return coefficient.get(item)!;
    return row.reduce((sum, v, k) => sum + v * coefficient.get(names[k]!)!, 0);
  });
}

/** Subtracts from each island's values their mean. */
export function centre(values: Float64Array, { count, label }: Components): Float64Array {
  const sum = new Float64Array(count), size = new Float64Array(count);
  for (let i = 0; i < label.length; i++) {
    sum[label[i]!]! += values[i]!;
    size[label[i]!]!++;
  }
  return values.map((v, i) => i < label.length ? v - sum[label[i]!]! / size[label[i]!]! : v);
}
