/** Pipelines: a list of stages is a stage, and so is a stage repeated. */
import type { About, Stage } from "./stage.ts";

/** Fields of `B` over fields of `A`, as the runner merges them. */
export type Merge<A, B> = Omit<A, keyof B> & B;

/** Whether the fields added so far have the types that `N` needs; if not, a type that nothing satisfies and its reason. */
export type Fits<A, N> = A extends Pick<N, keyof A & keyof N> ? unknown
  : { readonly "a stage needs another type of": keyof A & keyof N };

/** The fields that a list of stages adds. */
export type AddsOf<S, A = object> = S extends readonly [Stage<infer _, infer A1>, ...infer R] ? AddsOf<R, Merge<A, A1>>
  : A;

/** The fields that a list of stages needs and none of them adds before. */
export type NeedsOf<S, N = unknown, A = object> = S extends readonly [Stage<infer N1, infer A1>, ...infer R]
  ? NeedsOf<R, N & Omit<N1, keyof A> & Fits<A, N1>, Merge<A, A1>>
  : N;

/**
 * Stages in a row. A pipeline within a pipeline is its stages: names must differ throughout, and keys do not see the
 * inner one's name, so that moving stages into a pipeline of their own changes no draw.
 *
 * @throws {TypeError} if two stages have one name, as they would share their randomness
 * @example
 * ```ts
 * import { once, pipeline } from "@logratio/logratio";
 * const twice = once("twice", ({ x }: { x: number }) => ({ y: 2 * x }));
 * const next = once("next", ({ y }: { y: number }) => ({ z: y + 1 }));
 * const both = pipeline("both", [twice, next]); // needs x, adds y and z
 * ```
 */
export function pipeline<const S extends readonly Stage<never, object>[]>(
  name: string,
  stages: S,
): Stage<NeedsOf<S> & object, AddsOf<S> & object> {
  const names = stages.flatMap(flatNames);
  const twice = names.find((n, i) => names.indexOf(n) < i);
  if (twice !== undefined) {
    throw new TypeError(
      `Cannot make pipeline ${name} as its stages must have different names: two are called ${twice}`,
    );
  }
  return { name, ...aboutRow(stages), work: { type: "pipeline", stages } };
}

/**
 * A stage run `times` times, each output merged into the state that the next one gets.
 *
 * @throws {RangeError} if `times` is not a positive integer
 * @example
 * ```ts
 * import { once, repeat } from "@logratio/logratio";
 * const double = once("double", ({ x }: { x: number }) => ({ x: 2 * x }));
 * const thousandfold = repeat("doublings", 10, double); // x · 1024
 * ```
 */
export function repeat<Needs, Adds extends object>(
  name: string,
  times: number,
  stage: Stage<Needs, Adds>,
): Stage<Needs & Fits<Adds, Needs>, Adds> {
  if (!Number.isSafeInteger(times) || times < 1) {
    throw new RangeError(`Cannot repeat ${name} as times must be a positive integer: current value is ${times}`);
  }
  const about = stage.needs && stage.adds ? { needs: stage.needs, adds: stage.adds } : {};
  return { name, ...about, work: { type: "repeat", times, stage } };
}

/** The names that share one level of keys: a pipeline counts as its stages. */
function flatNames(stage: Stage<never, object>): readonly string[] {
  return stage.work.type === "pipeline" ? stage.work.stages.flatMap(flatNames) : [stage.name];
}

/** What a row of stages needs and adds, if each of them says so. */
function aboutRow(stages: readonly Stage<never, object>[]): About {
  const needs = new Set<string>();
  const adds = new Set<string>();
  for (const stage of stages) {
    if (!stage.needs || !stage.adds) return {};
    for (const field of stage.needs) if (!adds.has(field)) needs.add(field);
    for (const field of stage.adds) adds.add(field);
  }
  return { needs: [...needs], adds: [...adds] };
}
