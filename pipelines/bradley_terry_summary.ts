/** The ranking as one JSON document and as the page of text at the end of a run. */
import {
  type Bootstrap,
  bootstrapInterval,
  contrast,
  ELO_PER_NAT,
  fixed,
  normalQuantile,
  quasiVariances,
  shorten,
  table,
  totalComparisons,
} from "../mod.ts";
import { anchorOf } from "./bradley_terry_flags.ts";
import type { LoadedComparisons } from "./bradley_terry_load.ts";
import type { Explained, FittedItems, RankedItems } from "./bradley_terry_stages.ts";
import { coefficientsOf, ORDER, TIE } from "./bradley_terry_remarks.ts";

/** The state at the end of the ranking pipeline. */
export type Ranked =
  & LoadedComparisons
  & FittedItems
  & RankedItems
  & { readonly resamples: Bootstrap | null }
  & Explained;

/** One item as it is printed; an item compared with nobody (in its group) has no numbers. */
export interface Line {
  readonly name: string;
  /** Which group of comparable items it belongs to, from 1. */
  readonly component: number;
  readonly logAbility: number | null;
  readonly se: number | null;
  /** √ of the quasi-variance: √(q_i² + q_j²) is the error of any difference; null where there is none. */
  readonly quasiSe: number | null;
  readonly rank: number;
  readonly rankLow: number | null;
  readonly rankHigh: number | null;
  readonly rating: number | null;
  readonly ratingLow: number | null;
  readonly ratingHigh: number | null;
  readonly comparisons: number;
  readonly winRate: number | null;
  /** Sequential Elo, if it was asked for. */
  readonly elo: number | null;
}

/** Ratings on the scale asked for, against the anchor or the mean. */
export function linesOf(state: Ranked): Line[] {
  const {
    items,
    logAbility,
    errors,
    ranks,
    played,
    rates,
    covariance,
    sequentialElo,
    shown: { scale, anchor, level },
  } = state;
  const unit = scale === "elo" ? ELO_PER_NAT : 1, z = normalQuantile(1 - level);
  const given = anchorOf(anchor), fixedItem = given === undefined ? -1 : items.indexOf(given.name);
  const base = given?.at ?? (scale === "elo" ? 1000 : 0), zero = fixedItem < 0 ? 0 : logAbility[fixedItem]!;
  const islands = state.fit?.islands ?? { count: 1, label: new Int32Array(items.length) };
  const { label } = islands, size = new Int32Array(islands.count);
  for (const c of label) size[c]!++;
  const penalised = (state.fit?.model.ridge ?? 0) > 0;
  const quasi = covariance !== null && state.errorKind === "fisher" && islands.count === 1 && items.length > 2 &&
      state.itemCovariates === null &&
      items.length <= 200
    ? quasiVariances({ matrix: covariance, size: items.length })
    : null;
  const order = [...items.keys()].sort((a, b) =>
    size[label[b]!]! - size[label[a]!]! || label[a]! - label[b]! || logAbility[b]! - logAbility[a]!
  );
  return order.map((i, at): Line => {
    const against = fixedItem >= 0 && covariance !== null;
    const pair = [i, fixedItem] as const, matrix = { matrix: covariance ?? new Float64Array(0), size: items.length };
    const error = against ? contrast({ logAbility, islands }, matrix, pair).se : errors[i]!;
    const drawn = intervalOf(state, i, fixedItem);
    const known = penalised || size[label[i]!]! > 1 ? base + unit * (logAbility[i]! - zero) : null;
    const reach = (end: number | undefined, side: -1 | 1): number | null =>
      known === null ? null : end === undefined ? known + side * unit * z * error : base + unit * end;
    return {
      name: items[i]!,
      component: label[i]! + 1,
      logAbility: known === null ? null : logAbility[i]!,
      se: known === null ? null : errors[i]!,
      quasiSe: quasi === null ? null : Math.sqrt(quasi[i]!),
      rank: ranks?.rank[i] ?? at + 1,
      rankLow: ranks?.rankLow[i] ?? null,
      rankHigh: ranks?.rankHigh[i] ?? null,
      rating: known,
      ratingLow: reach(drawn?.low, -1),
      ratingHigh: reach(drawn?.high, 1),
      comparisons: played[i]!,
      winRate: rates === null ? null : rates[i]!,
      elo: sequentialElo?.[i] ?? null,
    };
  });
}

/** The bootstrap's interval of λ_i (against the anchor), if there was one. */
function intervalOf({ resamples, shown }: Ranked, i: number, anchor: number): { low: number; high: number } | null {
  if (resamples === null) return null;
  const against = (theta: Float64Array): number => theta[i]! - (anchor < 0 ? 0 : theta[anchor]!);
  return bootstrapInterval(resamples, against, { level: shown.level });
}

/** The ranking as one document. */
export function document(state: Ranked, lines: readonly Line[]): Readonly<Record<string, unknown>> {
  const { fit, ranking, graph, read, source, items, ranks, errorKind, otherErrors, resamples } = state;
  const theta = fit?.model.ties === "rao-kupper" ? "logTheta" : "logNu";
  const name = (i: number): string => items[i]!;
  return {
    data: { source, rows: read.rows, bothBad: read.bothBad, clusters: read.clusters },
    items: lines,
    model: ranking === null
      ? { type: "bradleyTerry", ...fit!.model, errors: errorKind }
      : { type: "plackettLuce", errors: errorKind },
    orderEffect: fit?.orderEffect === undefined ? null : { estimate: fit.orderEffect, se: otherErrors[ORDER] ?? null },
    ties: fit?.tieParameter === undefined ? null : { [theta]: fit.tieParameter, se: otherErrors[TIE] ?? null },
    covariates: coefficientsOf(state).map(([covariate, estimate]) => ({
      name: covariate,
      estimate,
      se: otherErrors[covariate] ?? null,
    })),
    logLikelihood: (fit ?? ranking!).logLikelihood,
    parameters: (fit ?? ranking!).parameters,
    iterations: (fit ?? ranking!).iterations,
    scorePerGame: fit?.scorePerGame ?? ranking!.scorePerChoice,
    tests: state.tests,
    goodnessOfFit: state.goodness,
    components: { strong: graph?.strong.count ?? 1, weak: graph?.weak.count ?? 1 },
    best: ranks === null ? null : ranks.best.map(name),
    bootstrap: resamples === null ? null : { rounds: resamples.rounds, degenerate: resamples.degenerate.length },
    worstPairs: state.pairs.map((p) => ({ ...p, items: p.items.map(name) })),
    worstTriples: state.triples.map((t) => ({ ...t, items: t.items.map(name) })),
    next: state.nextPairs.map((p) => ({ ...p, items: p.items.map(name) })),
  };
}

/** An interval on a common line: `   ├──●──┤  `. */
function whisker(line: Line, [from, to]: readonly [number, number], width: number): string {
  const { rating, ratingLow, ratingHigh } = line;
  if (rating === null || ratingLow === null || ratingHigh === null) return "";
  const place = (x: number): number =>
    Math.round((width - 1) * Math.min(1, Math.max(0, (x - from) / (to - from || 1))));
  const [low, middle, high] = [place(ratingLow), place(rating), place(ratingHigh)];
  return Array.from(
    { length: width },
    (_, k) => k === middle ? "●" : k === low ? "├" : k === high ? "┤" : k > low && k < high ? "─" : " ",
  ).join("").trimEnd();
}

/** The ranking as a table of text. */
export function ranking(state: Ranked, lines: readonly Line[]): string {
  const digits = state.shown.scale === "elo" ? 0 : 3;
  const known = lines.filter((l) => l.rating !== null);
  const ends = [
    known.reduce((m, l) => Math.min(m, l.ratingLow!), Infinity),
    known.reduce((m, l) => Math.max(m, l.ratingHigh!), -Infinity),
  ] as const;
  const groups = new Set(lines.map((l) => l.component)).size > 1;
  const intervals = `${fixed(100 * state.shown.level, 0)} % interval`;
  const shown = lines.slice(0, 200);
  const hasElo = shown.some((l) => l.elo !== null);
  const rows = shown.map((l) => [
    ...groups ? [String(l.component)] : [],
    String(l.rank),
    l.rankLow === null ? null : l.rankLow === l.rankHigh ? String(l.rankLow) : `${l.rankLow}–${l.rankHigh}`,
    shorten(l.name, 32),
    fixed(l.rating, digits),
    l.rating === null ? null : `${fixed(l.ratingLow, digits)} … ${fixed(l.ratingHigh, digits)}`,
    whisker(l, ends, 25),
    String(l.comparisons),
    l.winRate === null ? null : fixed(100 * l.winRate, 1),
    ...hasElo ? [fixed(l.elo, 0)] : [],
  ]);
  const more = lines.length > shown.length ? `\n… and ${lines.length - shown.length} more: --json lists all` : "";
  const heads = ["rank", "ranks", "item", "rating", intervals, "", "n", "points %"];
  return table([...groups ? ["group"] : [], ...heads, ...hasElo ? ["Elo"] : []], rows) + more;
}

/** What was fitted, and where the data came from. */
export function headline({ read, fit, items, source, errorKind }: Ranked): string {
  const model = fit === null ? "Plackett–Luce" : {
    half: "Bradley–Terry",
    davidson: "Davidson",
    "rao-kupper": "Rao–Kupper",
    "davidson-beaver": "Davidson–Beaver",
  }[fit.model.ties ?? "half"];
  const penalty = fit?.model.firth ? " with Firth's penalty" : fit?.model.ridge ? ` with ridge ${fit.model.ridge}` : "";
  const errors =
    { fisher: "model-based", robust: "robust", cluster: "cluster-robust", probing: "model-based, probed" }[errorKind];
  const total = read.data.type === "comparisons" ? totalComparisons(read.data.comparisons) : read.rows;
  const bad = read.bothBad > 0 ? `, ${read.bothBad} ties "both bad"` : "";
  return `${items.length} items from ${Number(total.toFixed(2))} ${
    fit === null ? "rankings" : "comparisons"
  }${bad}; ${model}${penalty}, ${errors} errors\n${shorten(source, 120)}`;
}
