/** The stages of the ranking pipeline after reading: fit, rank, resample, explain. */
import {
  abilityCovariance,
  attempt,
  type Bootstrap,
  bootstrap,
  type ChiSquareTest,
  comparisonsPerItem,
  elo,
  type ErrorKind,
  type Existence,
  existence,
  type Failure,
  fitPlackettLuce,
  fitStrengths,
  type GoodnessOfFit,
  goodnessOfFit,
  inputFailure,
  mergeComparisons,
  type NextComparison,
  nextComparisons,
  once,
  type PairMisfit,
  plackettLuceCovariance,
  type PlackettLuceFit,
  type RankIntervals,
  rankIntervals,
  type Result,
  right,
  scan,
  type SettingValues,
  type Stage,
  standardErrors,
  strengthCovariance,
  strengthErrors,
  type StrengthFit,
  type StrengthModel,
  termTests,
  type TripleMisfit,
  winRates,
  worstPairs,
  worstTriples,
} from "../mod.ts";
import type { settings } from "./bradley_terry.ts";
import { contradiction, withFlags } from "./bradley_terry_flags.ts";
import type { LoadedComparisons } from "./bradley_terry_load.ts";

type Values = SettingValues<typeof settings.fields>;

/** A fit of comparisons, or of rankings; the other is null. */
export interface FittedItems {
  readonly fit: StrengthFit | null;
  readonly ranking: PlackettLuceFit | null;
  readonly graph: Existence | null;
}

/** Fits the strengths, or says why there are none. */
export function fitItems(s: Values): Stage<LoadedComparisons, FittedItems> {
  return attempt("fitStrengths", ({ read: { data }, itemCovariates }): Result<Failure, FittedItems> => {
    const wrong = contradiction(s, data, itemCovariates);
    if (wrong !== undefined) return inputFailure(wrong);
    if (data.type === "rankings") {
      const fitted = fitPlackettLuce(data.rankings);
      return fitted._tag === "Left"
        ? inputFailure(fitted.left.message)
        : right({ fit: null, ranking: fitted.right, graph: null });
    }
    const model: StrengthModel = {
      ties: s.ties,
      order: s.order,
      ridge: s.ridge,
      firth: s.firth,
      contestCovariates: data.comparisons.covariates !== undefined,
      ...(itemCovariates && { itemCovariates }),
    };
    const fitted = fitStrengths(data.comparisons, model, { perComponent: s.perComponent });
    if (fitted._tag === "Left") return inputFailure(withFlags(fitted.left.message));
    return right({ fit: fitted.right, ranking: null, graph: existence(data.comparisons, model) });
  }, { needs: ["read", "itemCovariates"], adds: ["fit", "ranking", "graph"] });
}

/** Errors and ranks of items. */
export interface RankedItems {
  readonly items: readonly string[];
  /** Sum-zero coding. */
  readonly logAbility: Float64Array;
  readonly errors: Float64Array;
  readonly errorKind: ErrorKind | "probing";
  /** Row-major `[items, items]`; null for more items than fit. */
  readonly covariance: Float64Array | null;
  readonly ranks: RankIntervals | null;
  /** Errors of all other parameters, by name. */
  readonly otherErrors: Readonly<Record<string, number>>;
  readonly played: Float64Array;
  /** Points per comparison; null for rankings. */
  readonly rates: Float64Array | null;
  /** Sequential Elo after the last game, if it was asked for. */
  readonly sequentialElo: Float64Array | null;
}

const RANKED = [
  ...["items", "logAbility", "errors", "errorKind", "covariance", "ranks", "otherErrors"] as const,
  ...["played", "rates", "sequentialElo"] as const,
];

/** Standard errors in sum-zero coding, and ranks as intervals. */
export function rankItems(s: Values): Stage<FittedItems & LoadedComparisons, RankedItems> {
  return once("rankItems", ({ fit, ranking, read: { games } }, { key }): RankedItems => {
    if (ranking !== null) return rankRankings(ranking, s.level);
    const { data, logAbility } = fit!, items = data.items, size = items.length;
    const sequentialElo = games === undefined ? null : elo(games);
    const shared = { items, logAbility, played: comparisonsPerItem(data), rates: winRates(data), sequentialElo };
    if (fit!.theta.length > 1024) {
      const { standardErrors: errors } = strengthErrors(key, fit!);
      return { ...shared, errors, errorKind: "probing", covariance: null, ranks: null, otherErrors: {} };
    }
    const errorKind = s.cluster !== "" ? "cluster" : s.robust ? "robust" : "fisher";
    const all = strengthCovariance(fit!, errorKind), errors = standardErrors(all);
    const covariance = abilityCovariance(fit!, all), free = fit!.model.itemCovariates === undefined ? size : 0;
    return {
      ...shared,
      errors: Float64Array.from(items, (_, i) => Math.sqrt(covariance.matrix[i * size + i]!)),
      errorKind,
      covariance: covariance.matrix,
      ranks: rankIntervals(fit!, covariance, { level: s.level }),
      otherErrors: Object.fromEntries(all.names.slice(free).map((name, k) => [name, errors[free + k]!])),
    };
  }, { needs: ["fit", "ranking", "read"], adds: RANKED });
}

function rankRankings(fit: PlackettLuceFit, level: number): RankedItems {
  const { items, logAbility, rankings: { rankings, counts } } = fit, size = items.length;
  const covariance = plackettLuceCovariance(fit);
  const played = new Float64Array(size);
  rankings.forEach((groups, r) => groups.flat().forEach((i) => played[i]! += counts?.[r] ?? 1));
  const islands = { count: 1, label: new Int32Array(size) };
  return {
    items,
    logAbility,
    errors: Float64Array.from(items, (_, i) => Math.sqrt(covariance.matrix[i * size + i]!)),
    errorKind: "fisher",
    covariance: covariance.matrix,
    ranks: rankIntervals({ logAbility, islands }, covariance, { level }),
    otherErrors: {},
    played,
    rates: null,
    sequentialElo: null,
  };
}

const ROUNDS_A_STEP = 20;

/** Resamples, some rounds a step, so that progress shows and Ctrl-C is heard. */
export function resample(s: Values): Stage<FittedItems, { readonly resamples: Bootstrap | null }> {
  return scan("bootstrap", {
    init: ({ fit }: FittedItems) => ({
      carry: { estimates: new Float64Array(0), degenerate: [] as readonly number[], rounds: 0 },
      steps: fit === null ? 0 : Math.ceil(s.bootstrap / ROUNDS_A_STEP),
    }),
    step: (carry, { key, state }) => {
      const rounds = Math.min(ROUNDS_A_STEP, s.bootstrap - carry.rounds);
      const more = bootstrap(key, state.fit!, { rounds, byCluster: s.cluster !== "" });
      const estimates = new Float64Array(carry.estimates.length + more.estimates.length);
      estimates.set(carry.estimates);
      estimates.set(more.estimates, carry.estimates.length);
      const degenerate = [...carry.degenerate, ...more.degenerate.map((round) => carry.rounds + round)];
      return {
        carry: { estimates, degenerate, rounds: carry.rounds + rounds },
        metrics: { rounds: carry.rounds + rounds, degenerate: degenerate.length },
      };
    },
    done: ({ estimates, degenerate, rounds }, { fit }) => ({
      resamples: rounds === 0 ? null : { estimates, degenerate, rounds, parameters: fit!.theta.length },
    }),
  }, { needs: ["fit"], adds: ["resamples"] });
}

/** How far the fit can be believed, and what to compare next. */
export interface Explained {
  readonly tests: Readonly<Record<string, ChiSquareTest>>;
  readonly goodness: GoodnessOfFit | null;
  readonly pairs: readonly PairMisfit[];
  readonly triples: readonly TripleMisfit[];
  readonly nextPairs: readonly NextComparison[];
}

const NOTHING: Explained = { tests: {}, goodness: null, pairs: [], triples: [], nextPairs: [] };

/** Tests, misfit, and the most informative next comparisons. */
export function explainFit(s: Values): Stage<FittedItems & RankedItems, Explained> {
  return once("explainFit", ({ fit, covariance, items }): Explained => {
    if (fit === null) return NOTHING;
    const plain = { ...fit, data: mergeComparisons(fit.data) };
    const small = items.length <= 300;
    return {
      tests: s.firth ? {} : termTests(fit),
      goodness: goodnessOfFit(fit, { merge: true }),
      pairs: worstPairs(plain.model.contestCovariates ? fit : plain, 5),
      triples: small ? worstTriples(fit, 3) : [],
      nextPairs: covariance !== null && items.length <= 400
        ? nextComparisons(fit, { matrix: covariance, size: items.length }, s.next)
        : [],
    };
  }, { needs: ["fit", "covariance", "items"], adds: ["tests", "goodness", "pairs", "triples", "nextPairs"] });
}
