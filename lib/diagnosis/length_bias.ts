/** Whether the longer reply, or the shorter, is chosen more often than a coin would. */
import type { Pair } from "../data/pair.ts";
import { counted, type Finding, finding, shareWithin } from "./finding.ts";
import { preferenceShare, surelyOff } from "./preference_share.ts";
import type { Forms } from "./text_form.ts";

/** The whole interval must lie this far off ½: of very many pairs any share is surely off by a little. */
const LEAST = 0.02;

/**
 * Found where the 95 % interval of the share of longer replies among the chosen lies outside ½ ± 0.02. The rows are those
 * that go with the bias, the largest differences first.
 */
export function lengthBias(pairs: readonly Pair[], { unit }: Forms): readonly Finding[] {
  const longer = Float64Array.from(pairs, ({ chosen, rejected }) => chosen.length - rejected.length);
  const won: number[] = [], lost: number[] = [];
  longer.forEach((d, row) => d > 0 ? won.push(row) : d < 0 && lost.push(row));
  if (won.length + lost.length === 0) return [];
  const bias = preferenceShare({ won, lost }, unit);
  const off = surelyOff(bias);
  if (off <= LEAST) return [];
  const [name, rows] = bias.estimate > 0.5 ? ["longer", won] : ["shorter", lost];
  const shown = bias.estimate > 0.5 ? bias : turned(bias);
  const slope = logOddsPerUnit(longer);
  return finding(pairs, rows.sort((a, b) => Math.abs(longer[b]!) - Math.abs(longer[a]!) || a - b), {
    kind: "length-bias",
    severity: off > 0.15 ? "error" : "warning",
    sentence: `The ${name} reply is chosen in ${shareWithin(shown)} of ${
      counted(bias.n, "pair")
    } of unequal length: ${name} alone predicts the choice.${
      Number.isFinite(slope) ? ` 100 characters more change the log odds by ${(100 * slope).toFixed(2)}.` : ""
    }`,
    remedy:
      "Compare replies of like length, balance the two sides, or train with a length penalty; judge a model beside the " +
      `rule that the ${name} reply wins.`,
  });
}

/** The share of the other side. */
export function turned(of: { readonly estimate: number; readonly low: number; readonly high: number }): typeof of {
  return { estimate: 1 - of.estimate, low: 1 - of.high, high: 1 - of.low };
}

/**
 * The b that maximises Σ log σ(b·x), by Newton's method: log odds of being chosen for each unit more. Infinite where all
 * differences have one sign.
 */
function logOddsPerUnit(x: Float64Array): number {
  if (!x.some((d) => d > 0)) return -Infinity;
  if (!x.some((d) => d < 0)) return Infinity;
  let b = 0;
  for (let i = 0; i < 50; i++) {
    let [slope, curvature] = [0, 0];
    for (const d of x) {
      const p = 1 / (1 + Math.exp(b * d)); // of being wrong
      slope += p * d;
      curvature += p * (1 - p) * d * d;
    }
    const step = slope / curvature;
    b += step;
    if (Math.abs(step) <= 1e-9 * Math.abs(b)) break;
  }
  return b;
}
