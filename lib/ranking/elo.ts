/** Sequential Elo, for comparison: the rating everyone knows, which depends on the order of games. */

import type { Comparisons } from "./comparisons.ts";

/** Elo's constants; the defaults are those of the arena scripts. */
export interface EloOptions {
  /** How far one game moves a rating; 4 by default. */
  readonly k?: number;
  /** Rating of everyone at the start; 1000 by default. */
  readonly initial?: number;
  /** Points that make odds of `base` to one; 400 by default. */
  readonly scale?: number;
  /** 10 by default. */
  readonly base?: number;
}

/**
 * Ratings after playing the rows in order: R_i ← R_i + k (s − 1 / (1 + base^((R_j − R_i) / scale))), a tie is s = ½.
 *
 * @param games one game a row
 * @throws {RangeError} if a row holds other than one game: sums have no order
 * @see Elo 1978, "The rating of chessplayers, past and present"
 */
export function elo(
  games: Comparisons,
  { k = 4, initial = 1000, scale = 400, base = 10 }: EloOptions = {},
): Float64Array {
  const rating = new Float64Array(games.items.length).fill(initial);
  for (let r = 0; r < games.first.length; r++) {
    const i = games.first[r]!, j = games.second[r]!;
    const total = games.winsFirst[r]! + games.winsSecond[r]! + games.ties[r]!;
    if (total !== 1) {
      throw new RangeError(`Cannot compute elo as every row must hold one game: current value is ${total} in row ${r}`);
    }
    const expected = 1 / (1 + base ** ((rating[j]! - rating[i]!) / scale));
    const move = k * (games.winsFirst[r]! + games.ties[r]! / 2 - expected);
    rating[i]! += move;
    rating[j]! -= move;
  }
  return rating;
}

/** Points per game (a tie half a point), `[items]`; NaN for an item without games. */
export function winRates({ items, first, second, winsFirst, winsSecond, ties }: Comparisons): Float64Array {
  const points = new Float64Array(items.length), games = new Float64Array(items.length);
  for (let r = 0; r < first.length; r++) {
    const total = winsFirst[r]! + winsSecond[r]! + ties[r]!;
    points[first[r]!]! += winsFirst[r]! + ties[r]! / 2;
    points[second[r]!]! += winsSecond[r]! + ties[r]! / 2;
    games[first[r]!]! += total;
    games[second[r]!]! += total;
  }
  return points.map((p, i) => p / games[i]!);
}

/** Log-abilities as ratings: 400 points for a tenfold chance, the anchor item (or the mean) at a given value. */
export function eloScale(
  logAbility: Float64Array,
  { anchor, at = 1000 }: { readonly anchor?: number; readonly at?: number } = {},
): Float64Array {
  const zero = anchor === undefined ? 0 : logAbility[anchor]!;
  return logAbility.map((x) => at + ELO_PER_NAT * (x - zero));
}

/** Rating points per unit of log-ability: 400 / ln 10. */
export const ELO_PER_NAT: number = 400 / Math.LN10;
