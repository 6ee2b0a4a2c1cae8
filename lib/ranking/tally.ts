/** Adding up comparisons as they come, so that ten million rows need the memory of the distinct ones. */

import { type Comparisons, comparisons } from "./comparisons.ts";
import { pairIndex } from "./pair_index.ts";

/** One comparison, or several of the same kind. */
export interface Entry {
  readonly a: string;
  readonly b: string;
  readonly winsA: number;
  readonly winsB: number;
  readonly ties: number;
  readonly order: number;
  /** Name of the cluster, if errors are to be clustered. */
  readonly cluster: string | undefined;
  /** Covariates, first-listed minus second; entries that carry them are kept apart. */
  readonly covariates: readonly number[] | undefined;
}

/** A sum under way. */
export interface Tally {
  readonly add: (entry: Entry) => void;
  /** All so far; items are numbered in order of appearance. */
  readonly comparisons: (covariateNames?: readonly string[]) => Comparisons;
  readonly clusters: () => number;
}

/** An empty tally. */
export function tally(): Tally {
  const items = new Map<string, number>(), clusters = new Map<string, number>(), covariates: number[] = [];
  const pairs = pairIndex(); // of first item, second item, and 3 · cluster + order + 1
  let counts = new Float64Array(3 * 1024); // wins of the first, of the second, ties
  return {
    add: ({ a, b, winsA, winsB, ties, order: z, cluster: name, covariates: x }) => {
      const i = number(items, a), j = number(items, b), swap = x === undefined && i > j;
      const c = name === undefined ? 0 : number(clusters, name);
      const at = 3 * (swap ? pairs.slotOf(j, i, 3 * c - z + 1) : pairs.slotOf(i, j, 3 * c + z + 1, x !== undefined));
      if (at === counts.length) counts = doubled(counts);
      counts[at]! += swap ? winsB : winsA;
      counts[at + 1]! += swap ? winsA : winsB;
      counts[at + 2]! += ties;
      if (x !== undefined) covariates.push(...x);
    },
    comparisons: (names) => {
      const triples = pairs.triples(), rows = pairs.size();
      const column = <T>(of: ArrayLike<T>, k: number): T[] => Array.from({ length: rows }, (_, r) => of[3 * r + k]!);
      const kind = column(triples, 2);
      return comparisons({
        items: [...items.keys()],
        first: column(triples, 0),
        second: column(triples, 1),
        winsFirst: column(counts, 0),
        winsSecond: column(counts, 1),
        ties: column(counts, 2),
        order: kind.map((k) => k % 3 - 1),
        ...(clusters.size > 0 && { cluster: kind.map((k) => Math.floor(k / 3)) }),
        ...(names && names.length > 0 && { covariates: { names, values: covariates } }),
      });
    },
    clusters: () => clusters.size,
  };
}

function doubled(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * values.length);
  larger.set(values);
  return larger;
}

/** The number of a name, new ones numbered on. */
function number(names: Map<string, number>, name: string): number {
  const known = names.get(name);
  if (known !== undefined) return known;
  names.set(` ${name}`.slice(1), names.size); // a copy: a slice of the text would keep all of its piece in memory
  return names.size - 1;
}
