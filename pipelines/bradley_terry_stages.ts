/** The stages of the ranking pipeline: read, fit, rank, resample, explain. */
import {
  abilityCovariance,
  attempt,
  type Bootstrap,
  bootstrap,
  type ChiSquareTest,
  type Comparisons,
  comparisons,
  comparisonsPerItem,
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
  type ReadComparisons,
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
import llmfao from "../fixtures/ranking/llmfao.json" with { type: "json" };
import type { settings } from "./bradley_terry.ts";
import { readComparisonFile } from "./comparison_file.ts";

type Values = SettingValues<typeof settings.fields>;

/** What was read, and where from. */
export interface LoadedComparisons {
  readonly read: ReadComparisons;
  readonly source: string;
  /** The settings that the printing needs. */
  readonly shown: Pick<Values, "level" | "scale" | "anchor" | "next">;
}

/** Reads the user's file, or takes the counts that come with the package. */
export function loadComparisons(s: Values): Stage<unknown, LoadedComparisons> {
  const { level, scale, anchor, next } = s, shown = { level, scale, anchor, next };
  const covariates = s.covariates.split(",").map((name) => name.trim()).filter((name) => name !== "");
  return attempt("loadComparisons", async () => {
    if (s.data === null) {
      if (s.cluster !== "" || covariates.length > 0) {
        return inputFailure(
          "Cannot use --cluster or --covariates without --data as the counts at hand carry no such columns",
        );
      }
      return right({ read: shipped(), source: llmfao.source, shown });
    }
    const options = { covariates, listedFirst: s.order, ...(s.cluster !== "" && { cluster: s.cluster }) };
    const read = await readComparisonFile(s.data, options);
    return read._tag === "Left" ? read : right({ read: read.right, source: s.data, shown });
  }, { needs: [], adds: ["read", "source", "shown"] });
}

/** Counts of crowd votes on language models: real data, so that the first run shows something. */
function shipped(): ReadComparisons {
  const column = (k: number): number[] => llmfao.comparisons.map((row) => row[k]!);
  const data = comparisons({
    items: llmfao.items,
    first: column(0),
    second: column(1),
    winsFirst: column(2),
    winsSecond: column(3),
    ties: column(4),
    order: column(0).map(() => 1), // the left answer
  });
  return { data: { type: "comparisons", comparisons: data }, rows: 8931, bothBad: 0, hasOrder: true, clusters: 0 };
}

/** A fit of comparisons, or of rankings; the other is null. */
export interface FittedItems {
  readonly fit: StrengthFit | null;
  readonly ranking: PlackettLuceFit | null;
  readonly graph: Existence | null;
}

/** Fits the strengths, or says why there are none. */
export function fitItems(s: Values): Stage<LoadedComparisons, FittedItems> {
  return attempt("fitStrengths", ({ read: { data } }): Result<Failure, FittedItems> => {
    if (data.type === "rankings") {
      const fitted = fitPlackettLuce(data.rankings);
      return fitted._tag === "Left"
        ? inputFailure(fitted.left.message)
        : right({ fit: null, ranking: fitted.right, graph: null });
    }
    const wrong = contradiction(s, data.comparisons);
    if (wrong !== undefined) return inputFailure(wrong);
    const model: StrengthModel = {
      ties: s.ties,
      order: s.order,
      ridge: s.ridge,
      firth: s.firth,
      contestCovariates: data.comparisons.covariates !== undefined,
    };
    const fitted = fitStrengths(data.comparisons, model, { perComponent: s.perComponent });
    if (fitted._tag === "Left") return inputFailure(withFlags(fitted.left.message));
    return right({ fit: fitted.right, ranking: null, graph: existence(data.comparisons, model) });
  }, { needs: ["read"], adds: ["fit", "ranking", "graph"] });
}

/** What the flags ask for that cannot be had together, or not on these data. */
function contradiction(s: Values, data: Comparisons): string | undefined {
  const { items } = data;
  if (items.length < 2) return `Cannot rank as at least two items must be compared: there is ${items.length}`;
  if (s.ridge > 0 && s.firth) return "Cannot fit as --ridge and --firth exclude each other: leave one out";
  if (s.firth && s.ties !== "half") return "Cannot fit as --firth needs ties as half a win: leave --ties out";
  const anchor = anchorOf(s.anchor);
  if (s.anchor !== "" && anchor === undefined) {
    return `Cannot read --anchor as it must be NAME=number: current value is ${s.anchor}`;
  }
  if (anchor !== undefined && !items.includes(anchor.name)) {
    const some = items.slice(0, 5).map((name) => name.slice(0, 40)).join(", ");
    return `Cannot anchor as no item is called "${anchor.name}": the items are ${some}${items.length > 5 ? ", …" : ""}`;
  }
  const whole = [data.winsFirst, data.winsSecond, data.ties].every((counts) => counts.every(Number.isInteger));
  if (s.bootstrap > 0 && s.cluster === "" && !whole) {
    return "Cannot bootstrap as weights must be whole numbers: leave --bootstrap out, or draw whole clusters with --cluster";
  }
  if ((s.cluster !== "" || s.robust) && items.length > 1000) {
    return `Cannot compute robust errors as there may be at most 1000 items: there are ${items.length}`;
  }
  return undefined;
}

/** The library's remedies by the names of the flags. */
function withFlags(message: string): string {
  return message
    .replace(
      "fit with a ridge or Firth penalty, or each component by itself",
      "use --ridge 0.1, --firth or --per-component",
    )
    .replace("leave the order effect out", "leave --order out")
    .replace("count ties as half a win", "use --ties half");
}

/** `NAME=1000` as name and rating. */
export function anchorOf(text: string): { readonly name: string; readonly at: number } | undefined {
  const at = text.lastIndexOf("=");
  const value = at < 1 || text.slice(at + 1).trim() === "" ? NaN : Number(text.slice(at + 1));
  return Number.isFinite(value) ? { name: text.slice(0, at), at: value } : undefined;
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
}

/** Standard errors in sum-zero coding, and ranks as intervals. */
export function rankItems(s: Values): Stage<FittedItems, RankedItems> {
  return once("rankItems", ({ fit, ranking }, { key }): RankedItems => {
    if (ranking !== null) return rankRankings(ranking, s.level);
    const { data, logAbility } = fit!, items = data.items, size = items.length;
    const shared = { items, logAbility, played: comparisonsPerItem(data), rates: winRates(data) };
    if (fit!.theta.length > 1024) {
      const { standardErrors: errors } = strengthErrors(key, fit!);
      return { ...shared, errors, errorKind: "probing", covariance: null, ranks: null, otherErrors: {} };
    }
    const errorKind = s.cluster !== "" ? "cluster" : s.robust ? "robust" : "fisher";
    const all = strengthCovariance(fit!, errorKind), errors = standardErrors(all);
    const covariance = abilityCovariance(fit!, all);
    return {
      ...shared,
      errors: errors.slice(0, size),
      errorKind,
      covariance: covariance.matrix,
      ranks: rankIntervals(fit!, covariance, { level: s.level }),
      otherErrors: Object.fromEntries(all.names.slice(size).map((name, k) => [name, errors[size + k]!])),
    };
  }, { needs: ["fit", "ranking"] });
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
  });
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
  });
}
