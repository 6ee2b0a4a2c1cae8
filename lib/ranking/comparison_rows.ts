/** Rows of comparisons, one or several a row, added up as they come. */

import { amountOf, nameFault, numberOf, quote, textOf } from "./cells.ts";
import { type Layout, orderOf, verdictOf } from "./columns.ts";
import { gameSequence } from "./game_sequence.ts";
import type { ReadComparisons, ReadComparisonsOptions } from "./read_comparisons.ts";
import type { Row } from "./rows.ts";
import type { RowTaker } from "./table_reader.ts";
import { tally } from "./tally.ts";

/** Takes rows of a table of comparisons or rankings. */
export type Taker = RowTaker<Omit<ReadComparisons, "rows">>;

/** What is wrong with the options for these columns, or nothing. */
export function optionFault(
  columns: readonly string[],
  layout: Layout,
  { cluster, covariates = [], sequence }: ReadComparisonsOptions,
): string | undefined {
  const listed = columns.slice(0, 12).join(", ").slice(0, 200);
  if (cluster !== undefined && clusterColumn(columns, layout, cluster) < 0) {
    return `there must be a column "${cluster}" to cluster by: there are ${listed}`;
  }
  if (sequence && layout.ranking !== undefined) {
    return "games in sequence must be comparisons of two: these are rankings";
  }
  const missing = covariates.find((name) => sides(columns, name) === undefined);
  return missing === undefined
    ? undefined
    : `there must be a column "${missing}" (or "${missing}_a" and "${missing}_b") for the covariate: there are ${listed}`;
}

/** The column of an option's name, by part or by itself. */
function clusterColumn(columns: readonly string[], layout: Layout, name: string): number {
  const part = name === "judge" || name === "prompt" ? layout[name] : undefined;
  return part ?? columns.indexOf(name.toLowerCase());
}

/** Where a covariate stands: one column of differences, or one for each side. */
function sides(columns: readonly string[], name: string): readonly number[] | undefined {
  const plain = name.toLowerCase(), at = columns.indexOf(plain);
  if (at >= 0) return [at];
  const pair = [columns.indexOf(`${plain}_a`), columns.indexOf(`${plain}_b`)];
  return pair.every((k) => k >= 0) ? pair : undefined;
}

/** Takes rows of comparisons; the columns must hold what the options ask for. */
export function takeComparisons(columns: readonly string[], layout: Layout, options: ReadComparisonsOptions): Taker {
  const sum = tally(), games = options.sequence ? gameSequence(layout.time) : undefined;
  const { cluster, covariates = [], listedFirst = false } = options;
  const clusterAt = cluster === undefined ? -1 : clusterColumn(columns, layout, cluster);
  const covariatesAt = covariates.map((name) => sides(columns, name)!);
  let bothBad = 0;
  const row = ({ values }: Row): string | undefined => {
    const a = textOf(values[layout.itemA!]), b = textOf(values[layout.itemB!]);
    const wrong = nameFault(a, "item_a") ?? nameFault(b, "item_b");
    if (wrong !== undefined) return wrong;
    if (a === b) return `an item cannot be compared with itself: both are ${quote(a)}; leave the row out`;
    const order = layout.order === undefined ? (listedFirst ? 1 : 0) : orderOf(textOf(values[layout.order]), a, b);
    if (order === undefined) return `order must be a, b or empty: current value is ${quote(values[layout.order!])}`;
    const counts = layout.winsA === undefined ? single(values, layout, a, b) : counted(values, layout);
    if (typeof counts === "string") return counts;
    const x = covariatesAt.length === 0
      ? undefined
      : covariatesAt.map((at) => at.map((k) => numberOf(values[k]) ?? NaN).reduce((p, q) => p - q));
    const unknown = x === undefined ? -1 : x.findIndex((v) => !Number.isFinite(v));
    if (unknown >= 0) return `${covariates[unknown]} must be a number: fill it in, or leave the row out`;
    const name = clusterAt < 0 ? undefined : textOf(values[clusterAt]);
    if (name === "") return `${cluster} must not be empty as errors are clustered by it`;
    const unplayed = games?.add({ a, b, ...counts }, values);
    if (unplayed !== undefined) return unplayed;
    if (counts.bothBad) bothBad++;
    sum.add({ a, b, winsA: counts.winsA, winsB: counts.winsB, ties: counts.ties, order, cluster: name, covariates: x });
    return undefined;
  };
  return {
    row,
    end: () => ({
      data: { type: "comparisons", comparisons: sum.comparisons(covariates) },
      bothBad,
      hasOrder: layout.order !== undefined,
      clusters: sum.clusters(),
      ...(games && { games: games.comparisons() }),
    }),
  };
}

type Outcome = { readonly winsA: number; readonly winsB: number; readonly ties: number; readonly bothBad?: boolean };

function single(values: readonly unknown[], layout: Layout, a: string, b: string): Outcome | string {
  const word = textOf(values[layout.winner!]), verdict = verdictOf(word, a, b);
  if (verdict === undefined) {
    return `winner must be a, b, tie, both_bad or one of the two names: current value is ${quote(word)}`;
  }
  const weight = layout.weight === undefined ? 1 : amountOf(values[layout.weight]);
  if (weight === undefined) {
    return `weight must be a number of at least 0: current value is ${quote(values[layout.weight!])}`;
  }
  return {
    winsA: verdict === "first" ? weight : 0,
    winsB: verdict === "second" ? weight : 0,
    ties: verdict === "tie" || verdict === "both bad" ? weight : 0,
    bothBad: verdict === "both bad",
  };
}

function counted(values: readonly unknown[], layout: Layout): Outcome | string {
  const parts = [["wins_a", layout.winsA], ["wins_b", layout.winsB], ["ties", layout.ties]] as const;
  const [winsA, winsB, ties] = parts.map(([, at]) => at === undefined ? 0 : amountOf(values[at]));
  for (const [k, count] of [winsA, winsB, ties].entries()) {
    if (count !== undefined && Number.isInteger(count)) continue;
    return `${parts[k]![0]} must be a whole number of at least 0: current value is ${quote(values[parts[k]![1]!])}; ` +
      "weighted votes belong one a row, with a weight column";
  }
  return { winsA: winsA!, winsB: winsB!, ties: ties! };
}
