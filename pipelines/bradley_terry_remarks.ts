/** Sentences under the ranking: what was fitted, and how far to believe it. */
import { type Bootstrap, type ChiSquareTest, fixed, normalQuantile, shorten } from "../mod.ts";
import type { Line, Ranked } from "./bradley_terry_summary.ts";

/** The names under which the library's fits keep the tie parameter and the order effect. */
export const TIE = "(tie)", ORDER = "(order)";

const p = (x: number): string => x < 1e-4 ? "p < 0.0001" : `p = ${fixed(x, 4)}`;
const chi = ({ statistic, df, pValue }: ChiSquareTest): string => `χ² ${fixed(statistic, 1)} on ${df} df, ${p(pValue)}`;
const WORDS: Readonly<Record<string, string>> = {
  equalStrengths: "all items equally strong",
  orderEffect: "no order effect",
  contestCovariates: "covariates of the comparisons do not matter",
  strengthsBeyondCovariates: "the covariates explain all strengths",
};

/** Sentences under the table: what was fitted, and how far to believe it. */
export function remarks(state: Ranked, lines: readonly Line[]): string[] {
  const { fit, ranks, items, shown, otherErrors, goodness } = state;
  const name = (i: number): string => shorten(items[i]!, 32), z = normalQuantile(1 - shown.level);
  const plusMinus = (x: number, se: number | undefined): string =>
    `${fixed(x)} ± ${fixed(se === undefined ? null : z * se)}`;
  const best = ranks === null || (fit?.islands.count ?? 1) > 1 ? [] : ranks.best;
  return [
    ...best.length > 1
      ? [
        `Not told apart from the best (a ${fixed(100 * shown.level, 0)} % confidence set): ${
          best.slice(0, 12).map(name).join(", ")
        }${best.length > 12 ? ` and ${best.length - 12} more` : ""}`,
      ]
      : best.length > 0
      ? [`${name(best[0]!)} is surely the best`]
      : [],
    ...fit?.orderEffect === undefined ? [] : [
      `Order effect: ${
        plusMinus(fit.orderEffect, otherErrors[ORDER])
      } on the logit scale for the side at home or shown first`,
    ],
    ...fit?.tieParameter === undefined ? [] : [
      `Ties: ${fit.model.ties === "rao-kupper" ? "log θ" : "log ν"} = ${plusMinus(fit.tieParameter, otherErrors[TIE])}`,
    ],
    ...coefficientsOf(state).map(([c, x]) => `Covariate ${shorten(c, 32)}: ${plusMinus(x, otherErrors[c])}`),
    ...unexplained(state),
    ...Object.entries(state.tests).map(([term, test]) => `Test that ${WORDS[term] ?? term}: ${chi(test)}`),
    ...goodness === null || !(goodness.pearson.df > 0) ? [] : [`Goodness of fit (Pearson): ${chi(goodness.pearson)}`],
    ...state.triples.slice(0, 1).map(({ items: [a, b, c], z }) =>
      `Least transitive: ${name(a)} > ${name(b)} > ${name(c)} > ${name(a)} (z = ${fixed(z, 1)} among all triples)`
    ),
    ...state.errorKind === "cluster" && state.read.clusters < 40
      ? [`Only ${state.read.clusters} clusters: errors clustered over fewer than some forty come out too small`]
      : [],
    ...state.resamples === null ? [] : [resampled(state.resamples)],
    ...lines.length > 0 && state.nextPairs.length > 0
      ? ["Compare next: " + counted(state.nextPairs.map(({ items: [a, b] }) => `${name(a)} – ${name(b)}`)).join("; ")]
      : [],
  ];
}

/** Coefficients of covariates; those of items that have none are strengths of their own. */
export function coefficientsOf({ fit, itemCovariates, items }: Ranked): [string, number][] {
  const own = new Set(itemCovariates === null ? [] : items);
  return Object.entries(fit?.coefficients ?? {}).filter(([name]) => !own.has(name));
}

function unexplained({ itemCovariates, items }: Ranked): string[] {
  if (itemCovariates === null) return [];
  const { names, values } = itemCovariates;
  const own = items.filter((_, i) => names.some((_, k) => Number.isNaN(values[i * names.length + k])));
  return own.length === 0
    ? []
    : [`Without covariates, and so with strengths of their own: ${
      own.slice(0, 5).map((name) => shorten(name, 32)).join(", ")
    }${own.length > 5 ? ` and ${own.length - 5} more` : ""}`];
}

/** Each text once, with how often it came: `a – b (×3)`. */
function counted(texts: readonly string[]): string[] {
  return [...new Set(texts)].map((text) => {
    const times = texts.filter((t) => t === text).length;
    return times > 1 ? `${text} (×${times})` : text;
  });
}

function resampled({ rounds, degenerate }: Bootstrap): string {
  const marked = degenerate.length === 0 ? "" : `; ${degenerate.length} of them had no maximum and are left out`;
  return `Intervals from ${rounds} resamples${marked}`;
}
