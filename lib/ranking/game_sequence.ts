/** Single games in the order they were played, for ratings that depend on it. */

import { quote, timeOf } from "./cells.ts";
import { type Comparisons, comparisons } from "./comparisons.ts";

/** One row of a file: who met whom, and what came of it. */
export interface Game {
  readonly a: string;
  readonly b: string;
  readonly winsA: number;
  readonly winsB: number;
  readonly ties: number;
}

/** A sequence under way. */
export interface GameSequence {
  /** Adds a game, or says why it is none. */
  readonly add: (game: Game, values: readonly unknown[]) => string | undefined;
  /** All games, one a row: by time where there is one, else as they came. */
  readonly comparisons: () => Comparisons;
}

/** An empty sequence. @param timeAt the column that tells when a game was played, if there is one */
export function gameSequence(timeAt: number | undefined): GameSequence {
  const items = new Map<string, number>();
  const games: { readonly i: number; readonly j: number; readonly time: number; readonly points: number }[] = [];
  const numberOf = (name: string): number => items.get(name) ?? items.set(name, items.size).size - 1;
  return {
    add: ({ a, b, winsA, winsB, ties }, values) => {
      const total = winsA + winsB + ties;
      if (total !== 1) return `a row must hold one game for ratings in sequence: it holds ${total}`;
      const time = timeAt === undefined ? games.length : timeOf(values[timeAt]);
      if (time === undefined) return `time must be a number or a date: current value is ${quote(values[timeAt!])}`;
      games.push({ i: numberOf(a), j: numberOf(b), time, points: winsA + ties / 2 });
      return undefined;
    },
    comparisons: () => {
      const sorted = games.toSorted((x, y) => x.time - y.time); // games of one moment stay as they came
      return comparisons({
        items: [...items.keys()],
        first: sorted.map(({ i }) => i),
        second: sorted.map(({ j }) => j),
        winsFirst: sorted.map(({ points }) => points === 1 ? 1 : 0),
        winsSecond: sorted.map(({ points }) => points === 0 ? 1 : 0),
        ties: sorted.map(({ points }) => points === 0.5 ? 1 : 0),
      });
    },
  };
}
