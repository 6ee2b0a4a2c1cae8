/** Adding up comparisons as they come, so that ten million rows need the memory of the distinct ones. */

import { type Comparisons, comparisons } from "./comparisons.ts";

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
  const items = new Map<string, number>(), clusters = new Map<string, number>();
  const first: number[] = [], second: number[] = [], order: number[] = [], cluster: number[] = [];
  const winsFirst: number[] = [], winsSecond: number[] = [], ties: number[] = [], covariates: number[] = [];
  const groups: Map<number, number>[][] = []; // by cluster and order, then first item: second item to row
  const slotOf = (i: number, j: number, z: number, c: number, apart: boolean): number => {
    const group = (groups[3 * c + z + 1] ??= [])[i] ??= new Map();
    const known = apart ? undefined : group.get(j);
    if (known !== undefined) return known;
    const slot = first.push(i) - 1;
    second.push(j);
    order.push(z);
    cluster.push(c);
    winsFirst.push(0);
    winsSecond.push(0);
    ties.push(0);
    if (!apart) group.set(j, slot);
    return slot;
  };
  return {
    add: ({ a, b, winsA, winsB, ties: tied, order: z, cluster: name, covariates: x }) => {
      const i = number(items, a), j = number(items, b), swap = x === undefined && i > j;
      const c = name === undefined ? 0 : number(clusters, name);
      const slot = swap ? slotOf(j, i, -z, c, false) : slotOf(i, j, z, c, x !== undefined);
      winsFirst[slot]! += swap ? winsB : winsA;
      winsSecond[slot]! += swap ? winsA : winsB;
      ties[slot]! += tied;
      if (x !== undefined) covariates.push(...x);
    },
    comparisons: (names) =>
      comparisons({
        items: [...items.keys()],
        first,
        second,
        winsFirst,
        winsSecond,
        ties,
        order,
        ...(clusters.size > 0 && { cluster }),
        ...(names && names.length > 0 && { covariates: { names, values: covariates } }),
      }),
    clusters: () => clusters.size,
  };
}

/** The number of a name, new ones numbered on. */
function number(names: Map<string, number>, name: string): number {
  const known = names.get(name);
  if (known !== undefined) return known;
  names.set(name, names.size);
  return names.size - 1;
}
