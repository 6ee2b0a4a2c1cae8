/** Rows of rankings, best first. */

import { amountOf, nameFault, quote, textOf } from "./cells.ts";
import type { Layout } from "./columns.ts";
import type { Taker } from "./comparison_rows.ts";
import type { Row } from "./rows.ts";

/** Takes rows of rankings. */
export function takeRankings(layout: Layout): Taker {
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
    const weight = layout.weight === undefined ? 1 : amountOf(values[layout.weight]);
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
