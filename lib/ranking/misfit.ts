/** Where one number per item is not enough: the pairs and the circles of three that a fit explains worst. */

import { designOfFit, type StrengthFit } from "./fit_strengths.ts";
import { predict, workspace } from "./likelihood.ts";
import { twoSidedTail } from "./distributions.ts";

/** Two items' results together against what the fit expects of them. */
export interface PairMisfit {
  /** Indices of the two items, the smaller first. */
  readonly items: readonly [number, number];
  /** Points of the first item seen, a tie half a point. */
  readonly observed: number;
  /** Points of the first item that the fit expects. */
  readonly expected: number;
  /** Variance of the points under the fit. */
  readonly variance: number;
  /** Number of comparisons. */
  readonly games: number;
  /** (observed − expected) / √variance. */
  readonly z: number;
}

type PairTotals = Omit<PairMisfit, "z">;

/** Three items that beat each other in a circle more than strengths allow. */
export interface TripleMisfit {
  /** a over b, b over c, c over a. */
  readonly items: readonly [number, number, number];
  /** Sum of the observed log-odds around the circle: 0 if one strength per item explains them. */
  readonly curl: number;
  /** Curl over its standard error. */
  readonly z: number;
  /** Two-sided, of this triple alone. */
  readonly pValue: number;
}

/** The totals of every pair that met. */
function pairTotals(fit: StrengthFit): readonly PairTotals[] {
  const design = designOfFit(fit), space = workspace(design), { data } = fit;
  predict(design, fit.theta, space);
  const totals = new Map<number, PairTotals>();
  for (let r = 0; r < data.first.length; r++) {
    const [win, loss, tie] = design.outcome.logProbabilities(space.eta[r]!, space.tie[r]!);
    const games = data.winsFirst[r]! + data.winsSecond[r]! + data.ties[r]!;
    if (games === 0) continue;
    const t = design.outcome.tieParameter ? Math.exp(tie) : 0;
    const swap = data.first[r]! > data.second[r]!;
    const p = Math.exp(swap ? loss : win) + t / 2;
    const i = Math.min(data.first[r]!, data.second[r]!), j = Math.max(data.first[r]!, data.second[r]!);
    const at = i * data.items.length + j, so = totals.get(at);
    totals.set(at, {
      items: [i, j],
      observed: (so?.observed ?? 0) + (swap ? data.winsSecond[r]! : data.winsFirst[r]!) + data.ties[r]! / 2,
      expected: (so?.expected ?? 0) + games * p,
      variance: (so?.variance ?? 0) + games * (p * (1 - p) - t / 4),
      games: (so?.games ?? 0) + games,
    });
  }
  return [...totals.values()];
}

/** The `count` pairs farthest from what the fit expects, worst first; `Infinity` for all that met. */
export function worstPairs(fit: StrengthFit, count = 10): readonly PairMisfit[] {
  return pairTotals(fit)
    .filter(({ variance }) => variance > 0)
    .map((pair) => ({ ...pair, z: (pair.observed - pair.expected) / Math.sqrt(pair.variance) }))
    .sort((a, b) => Math.abs(b.z) - Math.abs(a.z))
    .slice(0, count);
}

/**
 * The `count` least transitive triples, worst first: the curl log-odds(a,b) + log-odds(b,c) + log-odds(c,a) against its
 * standard error, with half a point added to each side (Haldane–Anscombe) so that clean sweeps stay finite.
 *
 * p-values are for each triple alone; with many triples expect some small ones.
 *
 * @throws {RangeError} above 400 items: the number of triples grows with the cube
 * @see Kendall & Babington Smith 1940; Jiang, Lim, Yao & Ye 2011, "Statistical ranking and combinatorial Hodge theory"
 */
export function worstTriples(fit: StrengthFit, count = 10): readonly TripleMisfit[] {
  const n = fit.data.items.length;
  if (n > 400) {
    throw new RangeError(`Cannot compute worstTriples as there may be at most 400 items: current value is ${n}`);
  }
  const odds = new Float64Array(n * n).fill(NaN), variance = new Float64Array(n * n);
  for (const { items: [i, j], observed, games } of pairTotals(fit)) {
    const lost = games - observed;
    odds[i * n + j] = Math.log((observed + 0.5) / (lost + 0.5));
    odds[j * n + i] = -odds[i * n + j]!;
    variance[i * n + j] = variance[j * n + i] = 1 / (observed + 0.5) + 1 / (lost + 0.5);
  }
  const triples: TripleMisfit[] = [];
  for (let a = 0; a < n; a++) {
    for (let b = a + 1; b < n; b++) {
      for (let c = b + 1; c < n; c++) {
        const curl = odds[a * n + b]! + odds[b * n + c]! + odds[c * n + a]!;
        if (Number.isNaN(curl)) continue;
        const se = Math.sqrt(variance[a * n + b]! + variance[b * n + c]! + variance[c * n + a]!);
        const z = Math.abs(curl) / se;
        if (triples.length >= 4 * count + 64) triples.sort((x, y) => y.z - x.z).length = count;
        triples.push({ items: curl >= 0 ? [a, b, c] : [a, c, b], curl: Math.abs(curl), z, pValue: twoSidedTail(z) });
      }
    }
  }
  return triples.sort((x, y) => y.z - x.z).slice(0, count);
}
