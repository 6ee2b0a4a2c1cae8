/** Strengths as the stationary distribution of a random walk from losers to winners: fast, close, and not the maximum. */

import type { Comparisons } from "./comparisons.ts";
import { winGraph } from "./existence.ts";

/** Options of the spectral methods. */
export interface SpectralOptions {
  /** Added to the rate of every ordered pair, so that the walk reaches everyone; 0 by default. */
  readonly alpha?: number;
  /** Current log-strengths to weigh comparisons by ({@link lsr} only): iterated, the walk ends at the maximum. */
  readonly start?: Float64Array;
}

/**
 * Luce spectral ranking: rates loser → winner of 1 / (π_winner + π_loser) per win; log-strengths, sum zero.
 *
 * Ties count half for each side. Iterated from its own answer it converges to the maximum likelihood.
 *
 * @throws {RangeError} if the walk does not reach everyone and alpha is 0
 * @see Maystre & Grossglauser 2015, "Fast and accurate inference of Plackett–Luce models"
 */
export function lsr(data: Comparisons, { alpha = 0, start }: SpectralOptions = {}): Float64Array {
  const weight = start?.map(Math.exp) ?? new Float64Array(data.items.length).fill(1);
  return stationary(data, alpha, (wins, _games, loser, winner) => wins / (weight[loser]! + weight[winner]!));
}

/**
 * Rank centrality: rates loser → winner of the share of games won; log-strengths, sum zero.
 *
 * @param options.alpha added to the number of wins of every ordered pair
 * @throws {RangeError} if the walk does not reach everyone and alpha is 0
 * @see Negahban, Oh & Shah 2012, "Rank centrality: ranking from pairwise comparisons"
 */
export function rankCentrality(data: Comparisons, { alpha = 0 }: Pick<SpectralOptions, "alpha"> = {}): Float64Array {
  return stationary(data, 0, (wins, games) => (wins + alpha) / (games + 2 * alpha), alpha > 0);
}

type Rate = (wins: number, games: number, loser: number, winner: number) => number;

function stationary(data: Comparisons, alpha: number, rate: Rate, everyPair = false): Float64Array {
  const n = data.items.length;
  if (alpha === 0 && !everyPair && winGraph(data).strong.count > 1) {
    throw new RangeError("Cannot rank by a random walk as it does not reach every item: set alpha > 0");
  }
  if (n > 2048) {
    throw new RangeError(`Cannot rank by a random walk as there may be at most 2048 items: current value is ${n}`);
  }
  const wins = new Float64Array(n * n); // wins[loser · n + winner]
  for (let r = 0; r < data.first.length; r++) {
    const i = data.first[r]!, j = data.second[r]!;
    wins[j * n + i]! += data.winsFirst[r]! + data.ties[r]! / 2;
    wins[i * n + j]! += data.winsSecond[r]! + data.ties[r]! / 2;
  }
  const rates = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const w = wins[i * n + j]!, games = w + wins[j * n + i]!;
      if (i !== j && (games > 0 || everyPair)) rates[i * n + j] = rate(w, games, i, j);
      if (i !== j) rates[i * n + j]! += alpha;
    }
  }
  const log = gth(rates, n).map(Math.log);
  const mean = log.reduce((a, b) => a + b, 0) / n;
  return log.map((x) => x - mean);
}

/**
 * The stationary distribution of a chain with the given rates, by elimination without a single subtraction.
 *
 * @see Grassmann, Taksar & Heyman 1985
 */
function gth(rates: Float64Array, n: number): Float64Array {
  for (let k = n - 1; k > 0; k--) {
    let out = 0;
    for (let j = 0; j < k; j++) out += rates[k * n + j]!;
    for (let i = 0; i < k; i++) {
      const share = rates[i * n + k]! /= out;
      if (share === 0) continue;
      for (let j = 0; j < k; j++) rates[i * n + j]! += share * rates[k * n + j]!;
    }
  }
  const pi = new Float64Array(n);
  pi[0] = 1;
  for (let k = 1; k < n; k++) {
    for (let i = 0; i < k; i++) pi[k]! += pi[i]! * rates[i * n + k]!;
  }
  return pi;
}
