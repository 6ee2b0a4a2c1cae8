/**
 * Results at the edges: `Either` of `@fp-ts/core`, and the one thing it lacks, an applicative that keeps *all* errors.
 */
import * as E from "@fp-ts/core/Either";

/** Either a failure (`Left`) or a value (`Right`); structurally the `Either` of `@fp-ts/core`, whose functions take it. */
export type Result<L, R> =
  | { readonly _tag: "Left"; readonly left: L }
  | { readonly _tag: "Right"; readonly right: R };

/**
 * Why an edge could not deliver, in sentences fit to print: `input` is for the user to mend (exit code 2), `run` is what
 * happened on the way (exit code 1).
 */
export type Failure = { readonly kind: "input" | "run"; readonly sentences: readonly string[] };

/** The value delivered. */
export function right<R>(value: R): Result<never, R> {
  return E.right(value);
}

/** The reason why there is no value. */
export function left<L>(reason: L): Result<L, never> {
  return E.left(reason);
}

/** An input failure: what the user can mend, one sentence each. */
export function inputFailure(...sentences: readonly string[]): Result<Failure, never> {
  return left({ kind: "input", sentences });
}

/** The errors and the values of results, in order: one function of a module that takes longer to load than all of `Either`. */
export function separate<L, R>(
  results: readonly Result<L, R>[],
): readonly [errors: readonly L[], values: readonly R[]] {
  const errors: L[] = [], values: R[] = [];
  for (const result of results) {
    if (result._tag === "Left") errors.push(result.left);
    else values.push(result.right);
  }
  return [errors, values];
}

/**
 * `f` of every item: all the values, or all the errors of all the items, in order.
 *
 * @example
 * ```ts
 * import { left, right, traverse } from "@logratio/logratio";
 * const odd = (n: number) => n % 2 ? right(n) : left([`${n} is even`]);
 * traverse([1, 2, 4], odd); // left(["2 is even", "4 is even"])
 * ```
 */
export function traverse<A, L, R>(
  items: readonly A[],
  f: (item: A, index: number) => Result<readonly L[], R>,
): Result<readonly L[], readonly R[]> {
  const [errors, values] = separate(items.map(f));
  return errors.length > 0 ? left(errors.flat()) : right(values);
}

/** The values of a record of results. */
export type Values<T> = { readonly [K in keyof T]: T[K] extends Result<unknown, infer R> ? R : never };

/** One error of a record of results whose failures are lists. */
export type ErrorOf<T> = T[keyof T] extends Result<infer L, unknown> ? L extends readonly (infer I)[] ? I : never
  : never;

/**
 * A record of results as a result of a record: all the fields' values, or all the errors of all the fields.
 *
 * @example
 * ```ts
 * import { all, right } from "@logratio/logratio";
 * all({ beta: right(0.1), steps: right(200) }); // right({ beta: 0.1, steps: 200 })
 * ```
 */
export function all<T extends Readonly<Record<string, Result<readonly unknown[], unknown>>>>(
  fields: T,
): Result<readonly ErrorOf<T>[], Values<T>> {
  const errors: unknown[] = [];
  const values: Record<string, unknown> = {};
  for (const name in fields) {
    const field = fields[name] as T[typeof name];
    if (field._tag === "Left") { for (const error of field.left) errors.push(error); }
    // a call takes only so many
    else values[name] = field.right;
  }
  return errors.length > 0 ? left(errors as readonly ErrorOf<T>[]) : right(values as Values<T>);
}
