/**
 * How many labels are wrong, and where whole stretches of rows are turned round, as a model of words sees it. It is silent
 * where words do not tell. Its lapse rate is the share of rows that go against it however sure it is: wrong labels, and
 * what only a reader understands.
 */
import type { Pair } from "../data/pair.ts";
import { shareInterval } from "../evaluation/interval.ts";
import { counted, type Finding, finding, rowsThat, rowsWhere, share, shareWithin } from "./finding.ts";
import { fitLapse, type Lapse, probabilityUnder } from "./lapse.ts";
import type { Forms } from "./text_form.ts";
import { turnedStretches } from "./turned_stretches.ts";
import { type WordForecasts, wordForecasts } from "./word_forecasts.ts";

/** Fewer independent rows say nothing. */
const LEAST = 100;
/** Words must surely tell more than a coin, |Z| ≤ 3.29 (99.9 %), before they may contradict anybody. */
const SURE = 3.29;
/** A smaller share of wrong labels is nobody's fault. */
const TOLERABLE = 0.02;

/** Wrong labels as a word model sees them: turned stretches first, then those among the other rows. */
export function unlikelyLabels(pairs: readonly Pair[], forms: Forms): readonly Finding[] {
  if (new Set(forms.unit).size < LEAST) return [];
  const forecasts = wordForecasts(pairs, forms);
  const turned = turnedStretches(forecasts).map(({ from, to }) =>
    Array.from({ length: to - from }, (_, i) => from + i)
  );
  const inside = new Set(turned.flat());
  const rest = rowsWhere(pairs, (_, row) => !inside.has(row) && forecasts.logOdds[row] !== 0);
  return [
    ...turned.flatMap((rows) =>
      finding(pairs, rows, {
        kind: "swapped",
        severity: "error",
        sentence: `From row ${pairs[rows[0]!]!.id} to row ${
          pairs[rows.at(-1)!]!.id
        } chosen and rejected seem exchanged: words that are chosen elsewhere are rejected here.`,
        remedy: "Look at a few of these rows and where they come from; if it is so, exchange the two columns in them.",
      })
    ),
    ...wrongLabels(pairs, rest, forecasts),
  ];
}

/** Wrong labels among these rows: a lapse rate where it shows, else what contradicts words that are mostly right. */
function wrongLabels(
  pairs: readonly Pair[],
  rows: readonly number[],
  { logOdds, weight }: WordForecasts,
): readonly Finding[] {
  const independent = rows.reduce((sum, row) => sum + weight[row]!, 0);
  const agreeing = rows.reduce((sum, row) => sum + (logOdds[row]! > 0 ? weight[row]! : 0), 0);
  if (independent < LEAST || shareInterval(agreeing / independent, independent, SURE).low <= 0.5) return [];
  const fit = fitLapse(rows.map((row) => ({ z: logOdds[row]!, n: weight[row]! })));
  return fit.low > TOLERABLE
    ? lapses(pairs, rows, { logOdds, fit })
    : contradictions(pairs, rows, { logOdds, independent });
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
function contradictions(
  pairs: readonly Pair[],
  rows: readonly number[],
  { logOdds, independent }: { readonly logOdds: Float64Array; readonly independent: number },
): readonly Finding[] {
  const against = rows.filter((row) => logOdds[row]! < 0).sort((a, b) => logOdds[a]! - logOdds[b]!);
  const wrong = against.length / rows.length;
  const { low, high } = shareInterval(wrong, independent);
  return finding(pairs, low > TOLERABLE && high < 1 - MOSTLY ? against : [], {
    kind: "label-noise",
    severity: "note",
    sentence: `Words learnt from the other rows tell the choice in ${share(1 - wrong)} of ${
      counted(rows.length, "row")
    }; ${rowsThat(against.length, "say")} the opposite. About that many labels at most are wrong.`,
    remedy: "Read these rows first: each is a wrong label, or a case that words do not tell.",
  });
}
