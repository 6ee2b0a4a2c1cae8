/** Published counts and their 17-digit answers, as comparisons; and simulated ones with a known truth. */

import { fold, type Key, normal, uniform } from "../../lib/tensor/random.ts";
import { type Comparisons, comparisons } from "../../lib/ranking/comparisons.ts";
import type { StrengthModel } from "../../lib/ranking/design.ts";
import { fitStrengths, type StrengthFit } from "../../lib/ranking/fit_strengths.ts";
import type { FitOptions } from "../../lib/ranking/fit_strengths.ts";
import type { TieModel } from "../../lib/ranking/outcome_model.ts";

/** Rows `i, j, wins_i, wins_j, ties` and, where the columns say so, `z`. */
export interface Counted {
  readonly items: readonly string[];
  readonly columns: readonly string[];
  readonly comparisons: readonly (readonly (number | string)[])[];
}

/** Comparisons of a published data set, rows as listed. */
export function published({ items, columns, comparisons: rows }: Counted): Comparisons {
  const column = (k: number): number[] => rows.map((row) => row[k] as number);
  const order = columns.indexOf("z");
  return comparisons({
    items,
    first: column(0),
    second: column(1),
    winsFirst: column(2),
    winsSecond: column(3),
    ties: column(4),
    ...(order >= 0 && { order: column(order) }),
  });
}

/** The tie models under the names the reference files give them. */
export const TIES: Readonly<Record<string, TieModel>> = {
  bt: "half",
  davidson: "davidson",
  davidson_beaver: "davidson-beaver",
  rao_kupper: "rao-kupper",
};

/** The fit, which the test knows to exist. */
export function fit(data: Comparisons, model: StrengthModel = {}, options: FitOptions = {}): StrengthFit {
  const result = fitStrengths(data, model, options);
  if (result._tag === "Left") throw new Error(result.left.message);
  return result.right;
}

/** The sentence of a fit that the test knows not to exist. */
export function refusal(data: Comparisons, model: StrengthModel = {}): string {
  const result = fitStrengths(data, model);
  if (result._tag === "Right") throw new Error("a maximum was found");
  return result.left.message;
}

/** max |a − b| over the entries of `b`. */
export function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(b).reduce((m, x, i) => Math.max(m, Math.abs(a[i]! - x)), 0);
}

/** max |a / b − 1| over the entries of `b` that are not 0. */
export function farthestRelative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(b).reduce((m, x, i) => x === 0 ? m : Math.max(m, Math.abs(a[i]! / x - 1)), 0);
}

/** Davidson comparisons drawn from known parameters; ν = 0 gives Bradley–Terry. */
export function simulated(key: Key, { strengths, perPair, order = 0, nu = 0, clusters = 0 }: {
  readonly strengths: readonly number[];
  readonly perPair: number;
  readonly order?: number;
  readonly nu?: number;
  readonly clusters?: number;
}): Comparisons {
  const first: number[] = [],
    second: number[] = [],
    outcome: number[] = [],
    side: number[] = [],
    cluster: number[] = [];
  strengths.forEach((a, i) =>
    strengths.slice(0, i).forEach((b, j) => {
      const u = uniform(fold(fold(key, i), j), 2 * perPair);
      for (let k = 0; k < perPair; k++) {
        const z = order === 0 ? 0 : u[2 * k + 1]! < 0.5 ? 1 : -1;
        const eta = a - b + order * z, win = Math.exp(eta / 2), loss = Math.exp(-eta / 2);
        const x = u[2 * k]! * (win + loss + nu);
        first.push(i);
        second.push(j);
        side.push(z);
        outcome.push(x < win ? 1 : x < win + loss ? 0 : 0.5);
        cluster.push(clusters > 0 ? first.length % clusters : 0);
      }
    })
  );
  return comparisons({
    items: strengths.map((_, i) => `item ${i}`),
    first,
    second,
    winsFirst: outcome.map((o) => o === 1 ? 1 : 0),
    winsSecond: outcome.map((o) => o === 0 ? 1 : 0),
    ties: outcome.map((o) => o === 0.5 ? 1 : 0),
    order: side,
    ...(clusters > 0 && { cluster }),
  });
}

/** Normal strengths with the given standard deviation, sum zero. */
export function drawnStrengths(key: Key, count: number, sd = 1): number[] {
  const draws = [...normal(key, count)].map((x) => sd * x);
  const mean = draws.reduce((a, b) => a + b, 0) / count;
  return draws.map((x) => x - mean);
}
