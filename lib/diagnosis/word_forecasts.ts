/** What words say of each label: a linear Bradley–Terry model, learnt from rows of other prompts. */
import type { Pair } from "../data/pair.ts";
import { fitWordStrengths, wordStrength } from "../ranking/word_strengths.ts";
import { rowsWhere } from "./finding.ts";
import { type Forms, mix } from "./text_form.ts";

const FOLDS = 4;
/** Rows that a fold learns from at most: more take long and change little. */
const MOST = 2000;

/** Which way the row's label points: 1 chosen, −1 rejected, 0 neither. */
export const sideOf = ({ label = 1 }: Pair): number => Math.sign(label - 0.5);

/** Forecasts of the labels, `[rows]` each. */
export interface WordForecasts {
  /** Log odds of the label as it is, nats; 0 where words say nothing. */
  readonly logOdds: Float64Array;
  /** 1 over the rows of the unit: what is said of one prompt again and again counts once. */
  readonly weight: Float64Array;
}

/** Forecasts of every row's label by words of the replies of other units. */
export function wordForecasts(pairs: readonly Pair[], { unit }: Forms): WordForecasts {
  const foldOf = Int32Array.from(unit, (u) => mix(u, 1) % FOLDS);
  const logOdds = new Float64Array(pairs.length);
  for (let fold = 0; fold < FOLDS; fold++) {
    const others = rowsWhere(pairs, (_, row) => foldOf[row] !== fold);
    if (others.length === 0) continue;
    const strengths = fitWordStrengths(evenly(others).map((row) => pairs[row]!), { ridge: 2 });
    pairs.forEach((pair, row) => {
      if (foldOf[row] !== fold) return;
      logOdds[row] = sideOf(pair) * (wordStrength(strengths, pair.chosen) - wordStrength(strengths, pair.rejected));
    });
  }
  const size = new Map<number, number>();
  for (const u of unit) size.set(u, (size.get(u) ?? 0) + 1);
  return { logOdds, weight: Float64Array.from(unit, (u) => 1 / size.get(u)!) };
}

/** At most `MOST` of the rows, at even distances. */
function evenly(rows: readonly number[]): readonly number[] {
  const step = Math.max(1, rows.length / MOST);
  return Array.from({ length: Math.floor(rows.length / step) }, (_, i) => rows[Math.floor(i * step)]!);
}
