/** How often the chosen reply is the one with a certain trait, with an interval that knows that prompts repeat. */
import { type Estimate, shareInterval } from "../evaluation/interval.ts";

/**
 * The share of wins among won and lost comparisons, with Wilson's interval. Comparisons of one unit, such as a prompt, are
 * not independent: n is divided by the variance of the share by units over that of independent comparisons, if larger.
 *
 *     n_eff = n / max(1, G/(G−1) · Σ_g (Σ_{i∈g} (w_i − p))² / (n p (1−p))),  G units
 *
 * @param rows that were won, and lost
 * @param units of each row, as a number
 * @see Liang & Zeger 1986, "Longitudinal data analysis using generalized linear models"
 */
export function preferenceShare(
  { won, lost }: { readonly won: readonly number[]; readonly lost: readonly number[] },
  units: Int32Array,
  z?: number,
): Estimate {
  const n = won.length + lost.length;
  const p = won.length / n;
  const sums = new Map<number, number>();
  const add = (row: number, x: number): void => void sums.set(units[row]!, (sums.get(units[row]!) ?? 0) + x);
  for (const row of won) add(row, 1 - p);
  for (const row of lost) add(row, -p);
  let variance = 0;
  for (const sum of sums.values()) variance += sum ** 2 * sums.size / Math.max(1, sums.size - 1);
  const independent = n * p * (1 - p);
  const effective = independent === 0 ? sums.size : n / Math.max(1, variance / independent);
  return { estimate: p, ...shareInterval(p, effective, z), n };
}

/** By how much the whole interval lies off ½; 0 if it does not. */
export function surelyOff({ low, high }: Estimate): number {
  return Math.max(0, low - 0.5, 0.5 - high);
}
