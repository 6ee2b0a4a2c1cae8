/** Means that can be joined: a sum and its count travel together and are divided once. */

/** A sum and how many terms it has, so that means over parts join to the mean over the whole. */
export interface Mean<T = number> {
  /** Σ of the terms, in their unit. */
  readonly sum: T;
  /** How many terms, or the sum of their weights; what the sum is divided by. */
  readonly count: number;
}

/** Named means, as a loss reports them. */
export type Means = Readonly<Record<string, Mean>>;

/** The mean of values: Σ x over their number; with weights Σ w·x over Σ w. */
export function meanOf(values: ArrayLike<number>, weights?: ArrayLike<number>): Mean {
  let sum = 0, count = 0;
  for (let i = 0; i < values.length; i++) {
    const weight = weights === undefined ? 1 : weights[i] as number;
    sum += weight * (values[i] as number);
    count += weight;
  }
  return { sum, count };
}

/** sum / count; NaN for an empty mean. */
export function divide(mean: Mean): number {
  return mean.sum / mean.count;
}

/**
 * Means of the joined parts, name by name.
 *
 * @example
 * ```ts
 * import { divideMeans, joinMeans, meanOf } from "@logratio/logratio";
 * divideMeans(joinMeans({ nll: meanOf([1, 2]) }, { nll: meanOf([6]) })); // { nll: 3 }, not the mean of 1.5 and 6
 * ```
 */
export function joinMeans(a: Means, b: Means): Means {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const zero: Mean = { sum: 0, count: 0 };
  return Object.fromEntries(
    [...names].map((name) => {
      const [x, y] = [a[name] ?? zero, b[name] ?? zero];
      return [name, { sum: x.sum + y.sum, count: x.count + y.count }];
    }),
  );
}

/** Every metric divided: name → number. */
export function divideMeans(metrics: Means): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(metrics).map(([name, mean]) => [name, divide(mean)]));
}
