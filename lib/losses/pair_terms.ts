/** What each pair of a preference loss says of itself: its label, its margin, and how much it counts. */

/** Options that all losses of pairs have; lists have one entry a pair, `[B]`. */
export interface PairTermOptions {
  /** By how much the better completion should at least win, nats: inside the sigmoid, subtracted. Default 0. */
  readonly margin?: ArrayLike<number>;
  /** Probability that a label is flipped, in [0, ½). Default 0. */
  readonly labelSmoothing?: number;
  /** Probability that `chosen` is the better one, in place of `labelSmoothing`. */
  readonly labels?: ArrayLike<number>;
  /** How much a pair counts, ≥ 0: the loss is a weighted mean, and so are its metrics. Default 1. */
  readonly weights?: ArrayLike<number>;
}

/** The terms of every pair as plain numbers, `[B]` each. */
export type PairTerms = Readonly<Record<"labels" | "margin" | "weights", readonly number[]>>;

/**
 * The terms of `count` pairs, checked. Weights may all be 0, as those of a part of a batch: what a mean is divided by is
 * checked where it is divided.
 *
 * @param loss its name, for the sentences
 * @throws {RangeError} if an option is out of range or has not one entry a pair
 */
export function pairTerms(loss: string, count: number, options: PairTermOptions): PairTerms {
  const { labelSmoothing = 0, labels, margin, weights } = options;
  const refuse = (rule: string, value: unknown): never => {
    throw new RangeError(`Cannot compute ${loss} as ${rule}: current value is ${value}`);
  };
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) refuse("labelSmoothing must be in [0, 0.5)", labelSmoothing);
  if (labels && labelSmoothing > 0) refuse("labels and labelSmoothing exclude each other", labelSmoothing);
  const column = (name: string, rule: string, given: ArrayLike<number>, fits: (x: number) => boolean): number[] => {
    if (given.length !== count) refuse(`there must be ${count} ${name}`, given.length);
    return Array.from(given, (x) => fits(x) ? x : refuse(`${name} must be ${rule}`, x));
  };
  const same = (value: number): readonly number[] => Array<number>(count).fill(value);
  return {
    weights: column("weights", "≥ 0 and finite", weights ?? same(1), (x) => x >= 0 && x < Infinity),
    labels: column("labels", "in [0, 1]", labels ?? same(1 - labelSmoothing), (x) => x >= 0 && x <= 1),
    margin: column("margins", "finite", margin ?? same(0), Number.isFinite),
  };
}
