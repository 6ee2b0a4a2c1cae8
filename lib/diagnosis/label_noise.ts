/**
 * How many labels are wrong, and where whole stretches of rows are turned round.
 *
 * Neither can be read off a label. The first estimate is from replies judged more than once. The second asks a linear
 * Bradley–Terry model of the words, which never saw a row's prompt, and is silent where words do not tell. Its lapse rate
 * is the share of rows that go against the model however sure it is: wrong labels, and what only a reader understands.
 */
import type { Pair } from "../data/pair.ts";
import { shareInterval } from "../evaluation/interval.ts";
import { fitWordStrengths, wordStrength } from "../ranking/word_strengths.ts";
import { counted, type Finding, finding, rowsThat, rowsWhere, share, shareWithin } from "./finding.ts";
import { fitLapse, type Lapse, probabilityUnder } from "./lapse.ts";
import { type Forms, mix } from "./text_form.ts";

const FOLDS = 4;
/** Rows that a fold learns from at most: more take long and change little. */
const MOST = 2000;
/** Fewer rows say nothing. */
const LEAST = 100;
/** A smaller share of wrong labels is nobody's fault. */
const TOLERABLE = 0.02;

/** Which way the row's label points: 1 chosen, −1 rejected, 0 neither. */
const sideOf = ({ label = 1 }: Pair): number => Math.sign(label - 0.5);

/** Log odds that the chosen reply is better, each by words learnt from rows of other prompts. `[rows]` */
function heldOutLogOdds(pairs: readonly Pair[], { prompt }: Forms): Float64Array {
  const foldOf = Int32Array.from(prompt, (p) => mix(p, 1) % FOLDS);
  const logOdds = new Float64Array(pairs.length);
  for (let fold = 0; fold < FOLDS; fold++) {
    const others = rowsWhere(pairs, (_, row) => foldOf[row] !== fold);
    if (others.length === 0) continue;
    const step = Math.max(1, others.length / MOST);
    const some = Array.from(
      { length: Math.floor(others.length / step) },
      (_, i) => pairs[others[Math.floor(i * step)]!]!,
    );
    const strengths = fitWordStrengths(some, { ridge: 2 });
    pairs.forEach((pair, row) => {
      if (foldOf[row] !== fold) return;
      logOdds[row] = sideOf(pair) * (wordStrength(strengths, pair.chosen) - wordStrength(strengths, pair.rejected));
    });
  }
  return logOdds;
}

/** Wrong labels as a word model sees them: turned stretches first, then the lapses among the other rows. */
export function unlikelyLabels(pairs: readonly Pair[], forms: Forms): readonly Finding[] {
  if (pairs.length < LEAST) return [];
  const logOdds = heldOutLogOdds(pairs, forms);
  const turned = turnedStretches(logOdds);
  const inside = new Set(turned.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)));
  const rest = rowsWhere(pairs, (_, row) => !inside.has(row) && logOdds[row] !== 0);
  return [
    ...turned.flatMap(({ from, to }) =>
      finding(pairs, Array.from({ length: to - from }, (_, i) => from + i), {
        kind: "swapped",
        severity: "error",
        sentence: `From row ${pairs[from]!.id} to row ${
          pairs[to - 1]!.id
        } chosen and rejected seem exchanged: words that are chosen elsewhere are rejected here.`,
        remedy: "Look at a few of these rows and where they come from; if it is so, exchange the two columns in them.",
      })
    ),
    ...wrongLabels(pairs, rest, logOdds),
  ];
}

/** Wrong labels among these rows: a lapse rate where it shows, else what contradicts words that are mostly right. */
function wrongLabels(pairs: readonly Pair[], rows: readonly number[], logOdds: Float64Array): readonly Finding[] {
  if (rows.length < LEAST) return [];
  const fit = fitLapse(rows.map((row) => logOdds[row]!));
  return fit.low > TOLERABLE ? lapses(pairs, rows, { logOdds, fit }) : contradictions(pairs, rows, logOdds);
}

function lapses(
  pairs: readonly Pair[],
  rows: readonly number[],
  { logOdds, fit }: { readonly logOdds: Float64Array; readonly fit: Lapse },
): readonly Finding[] {
  const doubt = (row: number): number => {
    const right = probabilityUnder({ ...fit, rate: 0 }, logOdds[row]!);
    return fit.rate * (1 - right) / probabilityUnder(fit, logOdds[row]!);
  };
  const suspects = rows.filter((row) => doubt(row) > 0.5).sort((a, b) => logOdds[a]! - logOdds[b]!);
  return finding(pairs, suspects, {
    kind: "label-noise",
    severity: "warning",
    sentence: `About ${
      shareWithin({ ...fit, estimate: fit.rate })
    } of the labels go against the words of the replies, however clear these are; ${
      rowsThat(suspects.length, "do")
    } so most of all.`,
    remedy:
      "Read these rows first: each is a wrong label, or a case that words do not tell. With labels this noisy train " +
      "with label smoothing or a conservative loss.",
  });
}

/** Words must be right in this share of the rows before those against them are suspects. */
const MOSTLY = 0.8;

/** Where words are about equally sure of all rows no lapse rate can be told from a lack of sureness: a bound is left. */
function contradictions(pairs: readonly Pair[], rows: readonly number[], logOdds: Float64Array): readonly Finding[] {
  const against = rows.filter((row) => logOdds[row]! < 0).sort((a, b) => logOdds[a]! - logOdds[b]!);
  const wrong = against.length / rows.length;
  const { low, high } = shareInterval(wrong, rows.length);
  return finding(pairs, low > TOLERABLE && high < 1 - MOSTLY ? against : [], {
    kind: "label-noise",
    severity: "note",
    sentence: `Words learnt from the other rows tell the choice in ${share(1 - wrong)} of ${
      counted(rows.length, "row")
    }; ${rowsThat(against.length, "say")} the opposite. About that many labels at most are wrong.`,
    remedy: "Read these rows first: each is a wrong label, or a case that words do not tell.",
  });
}

/** Rows that seem turned round: `from` to `to` − 1. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** At most so many stretches are told. */
const STRETCHES = 5;

/**
 * Runs of rows that are likelier turned round than not. Of a calibrated model Σ log((1 − p)/p) over rows is the log of a
 * martingale of mean 1, so that a run of sum S has chance at most n·e^−S anywhere among n rows.
 */
function turnedStretches(logOdds: Float64Array): readonly Stretch[] {
  const found: Stretch[] = [];
  const open = Float64Array.from(logOdds);
  while (found.length < STRETCHES) {
    const told = open.filter((d) => d !== 0);
    if (told.length < LEAST) break;
    const fit = fitLapse([...told]);
    const { from, to, sum } = bestRun(open, fit);
    if (sum < Math.log(1000 * open.length)) break;
    found.push({ from, to });
    open.fill(0, from, to);
  }
  return found.sort((a, b) => a.from - b.from);
}

/** The run of rows with the largest sum of log((1 − p)/p) (Kadane's algorithm). */
function bestRun(logOdds: Float64Array, fit: Lapse): Stretch & { readonly sum: number } {
  let best = { from: 0, to: 0, sum: 0 };
  let [from, sum] = [0, 0];
  logOdds.forEach((d, row) => {
    if (sum <= 0) [from, sum] = [row, 0];
    const p = probabilityUnder(fit, d);
    sum += Math.log((1 - p) / p);
    if (sum > best.sum) best = { from, to: row + 1, sum };
  });
  return best;
}

/**
 * Wrong labels as repeated judgements show them: of two judgements with error e, a share d = 2e(1 − e) disagree. Of n
 * judgements of the same replies n − 1 pairs tell something new.
 */
export function disagreement(pairs: readonly Pair[], { prompt, chosen, rejected }: Forms): readonly Finding[] {
  const judged = rowsWhere(pairs, (pair, row) => sideOf(pair) !== 0 && chosen[row] !== rejected[row]);
  const groups = Map.groupBy(judged, (row) => {
    const [a, b] = [Math.min(chosen[row]!, rejected[row]!), Math.max(chosen[row]!, rejected[row]!)];
    return `${prompt[row]} ${a} ${b}`;
  });
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
