/**
 * Comparisons as counts: who met whom, how often each won, and under which circumstances.
 *
 * Everything a fit needs is a sum over comparisons, so they are kept as rows of counts in typed arrays. A row may be one
 * vote or a million; rows that agree in everything but their counts can be merged by {@link mergeComparisons}.
 */

/** Named columns of numbers, one row of `names.length` values per item or per comparison row. */
export interface Covariates {
  /** Names of the columns. */
  readonly names: readonly string[];
  /** Row-major `[rows, names.length]`; for items `NaN` means missing. */
  readonly values: Float64Array;
}

/** Counts of outcomes between two items, one entry of each array per row. */
export interface Comparisons {
  /** Names of the items; everything else refers to them by index. */
  readonly items: readonly string[];
  /** Index into `items` of the first-listed item. */
  readonly first: Int32Array;
  /** Index into `items` of the second-listed item. */
  readonly second: Int32Array;
  /** How often the first-listed item won. */
  readonly winsFirst: Float64Array;
  /** How often the second-listed item won. */
  readonly winsSecond: Float64Array;
  /** How often neither did. */
  readonly ties: Float64Array;
  /** Who was at home or shown first: +1 the first-listed item, −1 the second-listed, 0 nobody. */
  readonly order: Int8Array;
  /** Which judge, prompt or session a row belongs to, for clustered errors. */
  readonly cluster?: Int32Array;
  /** What differed about this contest, as first-listed minus second-listed. */
  readonly covariates?: Covariates;
}

/** What {@link comparisons} accepts: any lists of numbers; ties and order default to zero. */
export interface ComparisonRows {
  /** Names of the items. */
  readonly items: readonly string[];
  /** Index of the first-listed item, one entry per row. */
  readonly first: ArrayLike<number>;
  /** Index of the second-listed item. */
  readonly second: ArrayLike<number>;
  /** Wins of the first-listed item. */
  readonly winsFirst: ArrayLike<number>;
  /** Wins of the second-listed item. */
  readonly winsSecond: ArrayLike<number>;
  /** Ties; zero if left out. */
  readonly ties?: ArrayLike<number>;
  /** +1, −1 or 0: who was at home or shown first; zero if left out. */
  readonly order?: ArrayLike<number>;
  /** Cluster numbers. */
  readonly cluster?: ArrayLike<number>;
  /** Contest covariates, row-major, first-listed minus second-listed. */
  readonly covariates?: { readonly names: readonly string[]; readonly values: ArrayLike<number> };
}

/**
 * Checked comparisons from lists of numbers.
 *
 * @throws {RangeError} if lengths differ, an index is outside `items`, an item meets itself, a count is negative or not
 * finite, or an order is not −1, 0 or 1; the sentence names the row (counted from 0)
 * @example
 * ```ts
 * import { comparisons } from "@logratio/logratio";
 * comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [7], winsSecond: [3] });
 * ```
 */
export function comparisons(rows: ComparisonRows): Comparisons {
  const count = rows.first.length;
  const zeros = new Float64Array(count);
  const { items, ties = zeros, order = zeros, cluster, covariates } = rows;
  const lengths = { second: rows.second, winsFirst: rows.winsFirst, winsSecond: rows.winsSecond, ties, order };
  for (const [name, list] of Object.entries(cluster === undefined ? lengths : { ...lengths, cluster })) {
    if (list.length !== count) fault(`${name} must be as long as first (${count})`, list.length);
  }
  if (covariates !== undefined && covariates.values.length !== count * covariates.names.length) {
    fault(`covariates must hold ${count} x ${covariates.names.length} values`, covariates.values.length);
  }
  for (let r = 0; r < count; r++) checkRow(rows, r);
  for (let r = 0; r < count; r++) {
    if (!(ties[r]! >= 0 && ties[r]! < Infinity)) fault(`ties of row ${r} must be finite and not negative`, ties[r]);
    if (Math.abs(order[r]!) !== 1 && order[r] !== 0) fault(`order of row ${r} must be -1, 0 or 1`, order[r]);
  }
  return {
    items,
    first: Int32Array.from(rows.first),
    second: Int32Array.from(rows.second),
    winsFirst: Float64Array.from(rows.winsFirst),
    winsSecond: Float64Array.from(rows.winsSecond),
    ties: Float64Array.from(ties),
    order: Int8Array.from(order),
    ...(cluster && { cluster: Int32Array.from(cluster) }),
    ...(covariates && { covariates: { names: covariates.names, values: finiteValues(covariates.values) } }),
  };
}

function checkRow({ items, first, second, winsFirst, winsSecond }: ComparisonRows, r: number): void {
  const a = first[r]!, b = second[r]!;
  if (!(Number.isInteger(a) && a >= 0 && a < items.length)) fault(`first of row ${r} must index an item`, a);
  if (!(Number.isInteger(b) && b >= 0 && b < items.length)) fault(`second of row ${r} must index an item`, b);
  if (a === b) fault(`row ${r} must name two different items`, items[a]);
  for (const wins of [winsFirst[r]!, winsSecond[r]!]) {
    if (!(wins >= 0 && wins < Infinity)) fault(`wins of row ${r} must be finite and not negative`, wins);
  }
}

function finiteValues(values: ArrayLike<number>): Float64Array {
  const copy = Float64Array.from(values);
  const bad = copy.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) fault("contest covariates must be finite", copy[bad]);
  return copy;
}

function fault(rule: string, value: unknown): never {
  throw new RangeError(`Cannot make comparisons as ${rule}: current value is ${value}`);
}

/** How many single comparisons the rows hold: the sum of all counts. */
export function totalComparisons({ winsFirst, winsSecond, ties }: Comparisons): number {
  let total = 0;
  for (let r = 0; r < ties.length; r++) total += winsFirst[r]! + winsSecond[r]! + ties[r]!;
  return total;
}

/** How many single comparisons each item took part in, `[items]`. */
export function comparisonsPerItem(data: Comparisons): Float64Array {
  const counts = new Float64Array(data.items.length);
  for (let r = 0; r < data.first.length; r++) {
    const games = data.winsFirst[r]! + data.winsSecond[r]! + data.ties[r]!;
    counts[data.first[r]!]! += games;
    counts[data.second[r]!]! += games;
  }
  return counts;
}

/** The rows for which `keep` holds, in order; items stay. */
export function selectComparisons(data: Comparisons, keep: (row: number) => boolean): Comparisons {
  const rows: number[] = [];
  for (let r = 0; r < data.first.length; r++) if (keep(r)) rows.push(r);
  const { names = [], values } = data.covariates ?? {};
  return {
    items: data.items,
    first: Int32Array.from(rows, (r) => data.first[r]!),
    second: Int32Array.from(rows, (r) => data.second[r]!),
    winsFirst: Float64Array.from(rows, (r) => data.winsFirst[r]!),
    winsSecond: Float64Array.from(rows, (r) => data.winsSecond[r]!),
    ties: Float64Array.from(rows, (r) => data.ties[r]!),
    order: Int8Array.from(rows, (r) => data.order[r]!),
    ...(data.cluster && { cluster: Int32Array.from(rows, (r) => data.cluster![r]!) }),
    ...(values && {
      covariates: {
        names,
        values: Float64Array.from(
          rows.flatMap((r) => [...values.subarray(r * names.length, (r + 1) * names.length)]),
        ),
      },
    }),
  };
}

/**
 * Rows merged where items, order and cluster agree, the smaller item index listed first.
 *
 * The likelihood is unchanged: a Bradley–Terry fit sees only the sums. Contest covariates differ row by row, so rows
 * that carry them are returned as they are.
 */
export function mergeComparisons(data: Comparisons): Comparisons {
  if (data.covariates !== undefined) return data;
  const n = data.items.length;
  const slots = new Map<number, Map<number, number>>(); // cluster and order, then the pair, to the merged row
  const sums: number[][] = [];
  for (let r = 0; r < data.first.length; r++) {
    const swap = data.first[r]! > data.second[r]!;
    const [a, b] = swap ? [data.second[r]!, data.first[r]!] : [data.first[r]!, data.second[r]!];
    const order = swap ? -data.order[r]! : data.order[r]!;
    const cluster = data.cluster?.[r] ?? 0;
    const group = 3 * cluster + order + 1;
    const pairs = slots.get(group) ?? slots.set(group, new Map()).get(group)!;
    const slot = pairs.get(a * n + b) ?? sums.push([a, b, 0, 0, 0, order, cluster]) - 1;
    pairs.set(a * n + b, slot);
    const sum = sums[slot]!;
    sum[2]! += swap ? data.winsSecond[r]! : data.winsFirst[r]!;
    sum[3]! += swap ? data.winsFirst[r]! : data.winsSecond[r]!;
    sum[4]! += data.ties[r]!;
  }
  return {
    items: data.items,
    first: Int32Array.from(sums, (s) => s[0]!),
    second: Int32Array.from(sums, (s) => s[1]!),
    winsFirst: Float64Array.from(sums, (s) => s[2]!),
    winsSecond: Float64Array.from(sums, (s) => s[3]!),
    ties: Float64Array.from(sums, (s) => s[4]!),
    order: Int8Array.from(sums, (s) => s[5]!),
    ...(data.cluster && { cluster: Int32Array.from(sums, (s) => s[6]!) }),
  };
}
