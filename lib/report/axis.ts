/** Axes: round numbers between two ends, and where on the picture a number lies. */

/** Numbers on one side of a picture. */
export interface Axis {
  /** Where a number lies, in the picture's units. */
  readonly at: (x: number) => number;
  /** Numbers to write beside it. */
  readonly ticks: readonly number[];
}

/** Round numbers from `low` to `high`, about `most` of them. */
export function roundNumbers(low: number, high: number, most = 5): readonly number[] {
  const rough = (high - low) / most;
  if (!(rough > 0 && Number.isFinite(rough))) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((k) => k * power >= rough * (1 - 1e-9)) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/** An axis with equal distances for equal differences, from `low` at `from` to `high` at `to`. */
export function linearAxis(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
  most = 5,
): Axis {
  const width = high - low || 1;
  return { at: (x) => from + (to - from) * (x - low) / width, ticks: roundNumbers(low, high, most) };
}

/** An axis with equal distances for equal ratios; both ends must be above 0. */
export function logAxis(
  [low, high]: readonly [number, number],
  ends: readonly [number, number],
  most = 5,
): Axis {
  const { at } = linearAxis([Math.log10(low), Math.log10(high)], ends);
  const powers = roundNumbers(Math.log10(low), Math.log10(high), most).filter(Number.isInteger);
  const ticks = powers.length >= 2 ? powers.map((power) => 10 ** power) : [low, high];
  return { at: (x) => at(Math.log10(Math.max(x, Number.MIN_VALUE))), ticks };
}

/** Two ends a share further apart, so that nothing touches the edge; apart also where they were one. */
export function widened([low, high]: readonly [number, number], share = 0.05): readonly [number, number] {
  const space = (high - low || Math.abs(high) || 1) * share;
  return [low - space, high + space];
}
