/** How much completions differ from each other. */

/** A completion as text, or as token ids. */
export type Completion = string | ArrayLike<number>;

/**
 * Distinct completions / completions: 1 where no two are the same, 1/n where all n are; NaN of none.
 *
 * It falls with the number of completions even where the policy stays as it is, so compare equal numbers.
 *
 * @example
 * ```ts
 * import { distinctShare } from "@logratio/logratio";
 * distinctShare(["yes", "no", "yes", "yes"]); // 0.5
 * ```
 */
export function distinctShare(completions: readonly Completion[]): number {
  return new Set(completions.map((c) => typeof c === "string" ? c : Array.from(c).join(" "))).size / completions.length;
}

/**
 * distinct-n: distinct n-grams / n-grams of all completions together; NaN where none is so long.
 *
 * @param completions token ids
 * @throws {RangeError} unless n is a whole number ≥ 1
 * @see Li et al. 2016, "A diversity-promoting objective function for neural conversation models", section 5.1
 * @example
 * ```ts
 * import { distinctN } from "@logratio/logratio";
 * distinctN([[1, 2, 1, 2], [1, 2]], 2); // (1,2) three times and (2,1) once: 2 / 4
 * ```
 */
export function distinctN(completions: readonly ArrayLike<number>[], n: number): number {
  if (!(Number.isInteger(n) && n >= 1)) {
    throw new RangeError(`Cannot compute distinctN as n must be a whole number ≥ 1: current value is ${n}`);
  }
  const grams = completions.flatMap((ids) =>
    Array.from({ length: Math.max(0, ids.length - n + 1) }, (_, t) => Array.from(ids).slice(t, t + n))
  );
  return distinctShare(grams);
}
