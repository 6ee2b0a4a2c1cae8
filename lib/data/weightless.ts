/** Rows that say of themselves that they do not count. */
import type { Failure, Result } from "../result.ts";
import { inputFailure, right } from "../result.ts";
import { type Loaded, lossSentence, tally } from "./report.ts";

/** All rows but those of weight 0, which are named in the report: they teach nothing, and nothing is judged by them. */
export function dropWeightless<T extends { readonly id: string; readonly weight?: number }>(
  { data, report }: Loaded<T>,
): Result<Failure, Loaded<T>> {
  const counting = data.filter(({ weight }) => weight !== 0);
  if (counting.length === data.length) return right({ data, report });
  const without = data.filter(({ weight }) => weight === 0).map(({ id }) => ({ reason: "weightless", id } as const));
  const continued = { ...report, kept: counting.length, dropped: [...report.dropped, ...tally(without)] };
  const loss = lossSentence("use rows by their weight", continued, 1);
  return loss === undefined ? right({ data: counting, report: continued }) : inputFailure(loss);
}
