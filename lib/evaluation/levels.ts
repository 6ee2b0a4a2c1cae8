/** Where a noisy curve is, and how far it moved beyond its noise. */

/** The mean of a stretch of a curve. */
export interface Level {
  /** The iteration in the middle of the stretch. */
  readonly iteration: number;
  /** Mean of its values. */
  readonly mean: number;
  /** Standard error of that mean; Infinity where too few points tell nothing of their noise. */
  readonly error: number;
}

/** A value of a curve. */
export interface Reading {
  /** Where it was read. */
  readonly iteration: number;
  /** What was read. */
  readonly value: number;
  /** Its standard error, if it is known. */
  readonly error?: number;
}

/** Fewest points whose own scatter says how large their noise is. */
export const FEWEST = 6;

/** Standard errors that a fall from the peak must exceed: the peak was chosen for being high, so 2 would not do. */
export const FALL = 4;

/**
 * Standard deviation of independent noise on a smooth curve: √(Σ (x₋ − 2x + x₊)² / 6(n−2)). A straight slope counts
 * nothing, and a single wild point makes it larger, never smaller.
 *
 * @see von Neumann 1941, "Distribution of the ratio of the mean square successive difference to the variance", for its
 * first-order form
 */
export function scatter(values: readonly number[]): number {
  if (values.length < FEWEST) return Infinity;
  const bends = values.slice(2).map((x, i) => x - 2 * (values[i + 1] as number) + (values[i] as number));
  return Math.sqrt(bends.reduce((sum, bend) => sum + bend ** 2, 0) / (6 * bends.length));
}

/** Running means over an eighth of the curve, with the readings' errors if all have one, else with their scatter's. */
export function levels(readings: readonly Reading[]): readonly Level[] {
  const width = Math.max(1, Math.floor(readings.length / 8));
  const known = readings.every(({ error }) => error !== undefined);
  const noise = known ? 0 : scatter(readings.map(({ value }) => value));
  return Array.from({ length: Math.max(0, readings.length - width + 1) }, (_, start) => {
    const stretch = readings.slice(start, start + width);
    const variance = stretch.reduce((sum, { error = 0 }) => sum + (known ? error : noise) ** 2, 0);
    return {
      iteration: (stretch[width >> 1] as Reading).iteration,
      mean: stretch.reduce((sum, { value }) => sum + value, 0) / width,
      error: Math.sqrt(variance) / width,
    };
  });
}

/** The first of the highest. */
export function peakOf(all: readonly Level[]): Level {
  return all.reduce((peak, level) => level.mean > peak.mean ? level : peak);
}

/** What lies between two levels, and its standard error; of levels from the same readings it is an upper bound. */
export function risen(from: Level, to: Level): { readonly rise: number; readonly error: number } {
  const rounding = 1e-12 * (Math.abs(from.mean) + Math.abs(to.mean));
  return { rise: to.mean - from.mean, error: Math.hypot(from.error, to.error, rounding) };
}

/** Pearson's correlation; NaN of fewer than three pairs or where one side never changes. */
export function correlation(x: readonly number[], y: readonly number[]): number {
  const { xx, yy, xy } = moments(x, y);
  return x.length < 3 ? NaN : xy / Math.sqrt(xx * yy);
}

/** The slope of y on x by least squares; NaN where x never changes. */
export function slope(x: readonly number[], y: readonly number[]): number {
  const { xx, xy } = moments(x, y);
  return xy / xx;
}

/** Central sums of squares and products; exactly 0 of what is constant, whatever its mean rounds to. */
function moments(
  x: readonly number[],
  y: readonly number[],
): { readonly xx: number; readonly yy: number; readonly xy: number } {
  const [dx, dy] = [x, y].map((values) => {
    const first = values[0] as number;
    const mean = values.reduce((sum, v) => sum + (v - first), 0) / values.length;
    return values.map((v) => v - first - mean);
  }) as [number[], number[]];
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
  return { xx: dot(dx, dx), yy: dot(dy, dy), xy: dot(dx, dy) };
}
