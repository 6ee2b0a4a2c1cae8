/** From a file's text to comparisons or rankings: every bad line named, the rest added up. */

import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { headerFault, type Layout, layoutOf, orderOf, verdictOf } from "./columns.ts";
import type { Comparisons } from "./comparisons.ts";
import type { Rankings } from "./plackett_luce.ts";
import { type Row, rowReader } from "./rows.ts";
import { tally } from "./tally.ts";

/** How to read. */
export interface ReadComparisonsOptions {
  /** The column whose values cluster the errors: `judge`, `prompt`, or any other by its name. */
  readonly cluster?: string;
  /** Columns that hold covariates of a comparison, or, as `<name>_a` and `<name>_b`, their two sides. */
  readonly covariates?: readonly string[];
  /** Without an order column: item_a was at home or shown first. */
  readonly listedFirst?: boolean;
}

/** What a file held. */
export interface ReadComparisons {
  /** What the rows were. */
  readonly data:
    | { readonly type: "comparisons"; readonly comparisons: Comparisons }
    | { readonly type: "rankings"; readonly rankings: Rankings };
  /** Rows read. */
  readonly rows: number;
  /** Ties that were called "both bad". */
  readonly bothBad: number;
  /** Whether there was an order column. */
  readonly hasOrder: boolean;
  /** Number of clusters. */
  readonly clusters: number;
}

/** A reader that takes the text piece by piece, so that a long file need not be in memory. */
export interface ComparisonReader {
  /** Takes the next piece. */
  readonly push: (piece: string) => void;
  /** What was read, or what is wrong with it; once, after the last piece. */
  readonly end: () => Result<Failure, ReadComparisons>;
}

const SHOWN = 20;
const LONGEST_NAME = 300;

/**
 * Reads comparisons or rankings from CSV, TSV, JSON lines or a JSON array.
 *
 * - one row a comparison: `item_a, item_b, winner`, the winner being `a`, `b`, `tie`, `both_bad` or a name; optional
 *   `judge`, `prompt`, `order` (who was at home or shown first), `weight`, covariates;
 * - counts: `item_a, item_b, wins_a, wins_b, ties`;
 * - rankings: `ranking` = `x>y=z`.
 *
 * The column names of LMSYS arena data (`model_a`, …) and of llmfao (`left`, `right`, `worker`) are understood.
 *
 * @returns the data, or a sentence for each of the first twenty bad lines and how many there are
 * @example
 * ```ts
 * import { readComparisons } from "@logratio/logratio";
 * const read = readComparisons("item_a,item_b,winner\nx,y,a\ny,x,x\n");
 * ```
 */
export function readComparisons(text: string, options: ReadComparisonsOptions = {}): Result<Failure, ReadComparisons> {
  const reader = comparisonReader(options);
  reader.push(text);
  return reader.end();
}

/** {@link readComparisons} for text in pieces. */
export function comparisonReader(options: ReadComparisonsOptions = {}): ComparisonReader {
  const faults: string[] = [];
  let faulty = 0, rows = 0, take: Taker | undefined;
  const fault = (line: number, rule: string): void => {
    if (++faulty <= SHOWN) faults.push(`Cannot read line ${line} as ${rule}`);
  };
  const reader = rowReader({
    header: (columns) => {
      const layout = layoutOf(columns), wrong = headerFault(columns, layout) ?? optionFault(columns, layout, options);
      if (wrong !== undefined) return fault(1, wrong);
      take = layout.ranking === undefined ? takeComparisons(columns, layout, options) : takeRankings(layout);
    },
    row: (row) => {
      if (take === undefined) return;
      rows++;
      const wrong = take.row(row);
      if (wrong !== undefined) fault(row.line, wrong);
    },
    fault,
  });
  return {
    push: reader.push,
    end: () => {
      reader.end();
      if (faulty > SHOWN) faults.push(`… and ${faulty - SHOWN} more lines that cannot be read`);
      if (faulty > 0) return inputFailure(...faults);
      if (take === undefined || rows === 0) {
        return inputFailure(
          "Cannot rank as the file holds no comparisons: it needs a header and a row for each comparison",
        );
      }
      return right({ ...take.end(), rows });
    },
  };
}

/** Takes rows, says what is wrong with one, and hands over the sum. */
interface Taker {
  readonly row: (row: Row) => string | undefined;
  readonly end: () => Omit<ReadComparisons, "rows">;
}

/** The column of an option's name, by part or by itself. */
function clusterColumn(columns: readonly string[], layout: Layout, name: string): number {
  const part = name === "judge" || name === "prompt" ? layout[name] : undefined;
  return part ?? columns.indexOf(name.toLowerCase());
}

function optionFault(
  columns: readonly string[],
  layout: Layout,
  { cluster, covariates = [] }: ReadComparisonsOptions,
): string | undefined {
  const listed = columns.slice(0, 12).join(", ").slice(0, 200);
  if (cluster !== undefined && clusterColumn(columns, layout, cluster) < 0) {
    return `there must be a column "${cluster}" to cluster by: there are ${listed}`;
  }
  const missing = covariates.find((name) => sides(columns, name) === undefined);
  return missing === undefined
    ? undefined
    : `there must be a column "${missing}" (or "${missing}_a" and "${missing}_b") for the covariate: there are ${listed}`;
}

/** Where a covariate stands: one column of differences, or one for each side. */
function sides(columns: readonly string[], name: string): readonly number[] | undefined {
  const plain = name.toLowerCase(), at = columns.indexOf(plain);
  if (at >= 0) return [at];
  const pair = [columns.indexOf(`${plain}_a`), columns.indexOf(`${plain}_b`)];
  return pair.every((k) => k >= 0) ? pair : undefined;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") return value === null || value === undefined ? "" : String(value).trim();
  const inner = value.charCodeAt(0) > 32 && value.charCodeAt(value.length - 1) > 32; // most have nothing to trim
  return inner ? value : value.trim();
}

const quote = (value: unknown): string => `"${textOf(value).slice(0, 60)}"`;

function nameFault(name: string, part: string): string | undefined {
  if (name === "") return `${part} must not be empty`;
  if (name.length <= LONGEST_NAME) return undefined;
  return `${part} must be at most ${LONGEST_NAME} characters long: it has ${name.length}; is the text in the wrong column?`;
}

/** A finite number that is not negative. */
function amount(value: unknown): number | undefined {
  const x = typeof value === "number" ? value : textOf(value) === "" ? NaN : Number(textOf(value));
  return x >= 0 && x < Infinity ? x : undefined;
}

function takeComparisons(columns: readonly string[], layout: Layout, options: ReadComparisonsOptions): Taker {
  const sum = tally();
  const { cluster, covariates = [], listedFirst = false } = options;
  const clusterAt = cluster === undefined ? -1 : clusterColumn(columns, layout, cluster);
  const covariatesAt = covariates.map((name) => sides(columns, name)!);
  let bothBad = 0;
  const row = ({ values }: Row): string | undefined => {
    const a = textOf(values[layout.itemA!]), b = textOf(values[layout.itemB!]);
    const wrong = nameFault(a, "item_a") ?? nameFault(b, "item_b");
    if (wrong !== undefined) return wrong;
    if (a === b) return `an item cannot be compared with itself: both are ${quote(a)}; remove the line`;
    const order = layout.order === undefined ? (listedFirst ? 1 : 0) : orderOf(textOf(values[layout.order]), a, b);
    if (order === undefined) return `order must be a, b or empty: current value is ${quote(values[layout.order!])}`;
    const counts = layout.winsA === undefined ? single(values, layout, a, b) : counted(values, layout);
    if (typeof counts === "string") return counts;
    const x = covariatesAt.length === 0
      ? undefined
      : covariatesAt.map((at) => at.map((k) => Number(textOf(values[k]) || NaN)).reduce((p, q) => p - q));
    const unknown = x === undefined ? -1 : x.findIndex((v) => !Number.isFinite(v));
    if (unknown >= 0) return `${covariates[unknown]} must be a number: fill it in, or remove the line`;
    const name = clusterAt < 0 ? undefined : textOf(values[clusterAt]);
    if (name === "") return `${cluster} must not be empty as errors are clustered by it`;
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
    }),
  };
}

type Outcome = { readonly winsA: number; readonly winsB: number; readonly ties: number; readonly bothBad?: boolean };

function single(values: readonly unknown[], layout: Layout, a: string, b: string): Outcome | string {
  const word = textOf(values[layout.winner!]), verdict = verdictOf(word, a, b);
  if (verdict === undefined) {
    return `winner must be a, b, tie, both_bad or one of the two names: current value is ${quote(word)}`;
  }
  const weight = layout.weight === undefined ? 1 : amount(values[layout.weight]);
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
  const [winsA, winsB, ties] = parts.map(([, at]) => at === undefined ? 0 : amount(values[at]));
  for (const [k, count] of [winsA, winsB, ties].entries()) {
    if (count !== undefined && Number.isInteger(count)) continue;
    return `${parts[k]![0]} must be a whole number of at least 0: current value is ${quote(values[parts[k]![1]!])}; ` +
      "weighted votes belong one a row, with a weight column";
  }
  return { winsA: winsA!, winsB: winsB!, ties: ties! };
}

function takeRankings(layout: Layout): Taker {
  const items = new Map<string, number>();
  const rankings: number[][][] = [], counts: number[] = [];
  const row = ({ values }: Row): string | undefined => {
    const groups = groupsOf(values[layout.ranking!]);
    const names = groups.flat(), twice = names.find((name, i) => names.indexOf(name) !== i);
    if (names.length < 2) {
      return `ranking must name at least two items as x>y=z: current value is ${quote(values[layout.ranking!])}`;
    }
    if (twice !== undefined) return `a ranking must name each item once: ${quote(twice)} stands there twice`;
    const wrong = names.map((name) => nameFault(name, "each name in a ranking")).find((f) => f !== undefined);
    if (wrong !== undefined) return wrong;
    const weight = layout.weight === undefined ? 1 : amount(values[layout.weight]);
    if (weight === undefined) {
      return `weight must be a number of at least 0: current value is ${quote(values[layout.weight!])}`;
    }
    for (const name of names) if (!items.has(name)) items.set(name, items.size);
    rankings.push(groups.map((group) => group.map((name) => items.get(name)!)));
    counts.push(weight);
    return undefined;
  };
  return {
    row,
    end: () => ({
      data: { type: "rankings", rankings: { items: [...items.keys()], rankings, counts } },
      bothBad: 0,
      hasOrder: false,
      clusters: 0,
    }),
  };
}

/** `x>y=z`, or a JSON list of names and of lists of tied names. */
function groupsOf(value: unknown): string[][] {
  const lists = Array.isArray(value) ? value.map((g) => [g].flat()) : textOf(value).split(">").map((g) => g.split("="));
  return lists.map((group) => group.map(textOf));
}
