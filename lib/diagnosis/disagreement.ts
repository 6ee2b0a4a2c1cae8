/** Wrong labels where the same replies were judged more than once. */
import type { Pair } from "../data/pair.ts";
import { shareInterval } from "../evaluation/interval.ts";
import { counted, type Finding, finding, rowsWhere, shareWithin } from "./finding.ts";
import { comparisonName, type Forms } from "./text_form.ts";
import { sideOf } from "./word_forecasts.ts";

/** A smaller share of wrong labels is nobody's fault. */
const TOLERABLE = 0.02;

/**
 * Wrong labels as repeated judgements show them: of two judgements with error e, a share d = 2e(1 − e) disagree. Of n
 * judgements of the same replies n − 1 pairs tell something new.
 */
export function disagreement(pairs: readonly Pair[], { prompt, chosen, rejected }: Forms): readonly Finding[] {
  const judged = rowsWhere(pairs, (pair, row) => sideOf(pair) !== 0 && chosen[row] !== rejected[row]);
  const groups = Map.groupBy(judged, (row) => comparisonName(prompt[row]!, chosen[row]!, rejected[row]!));
  const forFirst = (row: number): boolean => (chosen[row]! < rejected[row]!) === (sideOf(pairs[row]!) > 0);
  let [compared, opposed, independent] = [0, 0, 0];
  const minority = [...groups.values()].flatMap((group) => {
    const [n, first] = [group.length, group.filter(forFirst).length];
    compared += n * (n - 1) / 2;
    opposed += first * (n - first);
    independent += n - 1;
    return first === 0 || first === n ? [] : group.filter((row) => forFirst(row) === (2 * first <= n));
  });
  const seen = { estimate: opposed / compared, ...shareInterval(opposed / compared, independent) };
  const errorOf = (d: number): string => ((1 - Math.sqrt(Math.max(0, 1 - 2 * d))) / 2).toFixed(2);
  if (independent < 20 || seen.low <= 2 * TOLERABLE * (1 - TOLERABLE)) return [];
  return finding(pairs, minority.sort((a, b) => a - b), {
    kind: "label-noise",
    severity: "warning",
    sentence: `${shareWithin(seen)} of ${
      counted(compared, "pair of judgements", "pairs of judgements")
    } on the same replies disagree, as if each judgement were wrong with probability ${errorOf(seen.estimate)} (${
      errorOf(seen.low)
    } to ${errorOf(seen.high)}).`,
    remedy: "Look at the rows in the minority first. For the others expect as many, and train with label smoothing.",
  });
}
