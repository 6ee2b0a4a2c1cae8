/** Stretches of rows in which chosen and rejected are exchanged, such as a part of the data exported otherwise. */
import { fitLapse, type Lapse, probabilityUnder } from "./lapse.ts";
import type { WordForecasts } from "./word_forecasts.ts";

/** Rows that seem turned round: `from` to `to` − 1. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** At most so many stretches are told. */
const STRETCHES = 5;
/** A stretch that chance would show in one data set of so many is told. */
const RARE = 1000;

/**
 * Runs of rows that are likelier turned round than not. Of a calibrated forecast p the product of (1 − p)/p over rows has
 * mean 1, so that a sum S of its logarithm over a run has chance at most n·e^−S anywhere among n rows (Ville). Rows of one
 * unit are taken in the mean, which keeps the bound however they hang together (Hölder).
 */
export function turnedStretches({ logOdds, weight }: WordForecasts): readonly Stretch[] {
  const found: Stretch[] = [];
  const open = Float64Array.from(logOdds);
  while (found.length < STRETCHES) {
    const forecasts = Array.from(open, (z, row) => ({ z, n: weight[row]! })).filter(({ z }) => z !== 0);
    if (forecasts.length === 0) break;
    const { from, to, sum } = bestRun(open, weight, fitLapse(forecasts));
    if (sum < Math.log(RARE * open.length)) break;
    found.push({ from, to });
    open.fill(0, from, to);
  }
  return found.sort((a, b) => a.from - b.from);
}

/** The run of rows with the largest sum of log((1 − p)/p) (Kadane's algorithm). */
function bestRun(logOdds: Float64Array, weight: Float64Array, fit: Lapse): Stretch & { readonly sum: number } {
  let best = { from: 0, to: 0, sum: 0 };
  let [from, sum] = [0, 0];
  logOdds.forEach((z, row) => {
    if (sum <= 0) [from, sum] = [row, 0];
    const p = probabilityUnder(fit, z);
    sum += weight[row]! * Math.log((1 - p) / p);
    if (sum > best.sum) best = { from, to: row + 1, sum };
  });
  return best;
}
