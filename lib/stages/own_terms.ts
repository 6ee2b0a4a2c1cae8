/** What pairs say of themselves, in the words of the losses. */
import type { TokenPair } from "../data/token_pair.ts";
import type { PairTermOptions } from "../losses/pair_terms.ts";

/** Labels, margins and weights of some rows, as a loss of pairs takes them; absent where no row says it. */
export function ownTerms(rows: readonly TokenPair[], labelSmoothing: number): PairTermOptions {
  const says = (name: "label" | "margin" | "weight"): boolean => rows.some((row) => row[name] !== undefined);
  return {
    ...says("label") ? { labels: rows.map(({ label }) => label ?? 1 - labelSmoothing) } : { labelSmoothing },
    ...says("margin") ? { margin: rows.map(({ margin }) => margin ?? 0) } : {},
    ...weightsOf(rows),
  };
}

/** How much each row counts, in training and in judging; absent where no row says it. */
export function weightsOf(rows: readonly Pick<TokenPair, "weight">[]): { readonly weights?: readonly number[] } {
  return rows.some(({ weight }) => weight !== undefined) ? { weights: rows.map(({ weight }) => weight ?? 1) } : {};
}
