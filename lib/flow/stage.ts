/**
 * Stages: steps of a method as values.
 *
 * A stage says which fields of the state it needs and which it adds; the runner merges them and owns every loop, so
 * progress, cancelling, checkpoints, resuming and the check for non-finite numbers exist once, in `run.ts`.
 */
import type { Failure, Result } from "../result.ts";
import type { Key } from "../tensor/random.ts";
import type { Metrics, Note } from "./event.ts";

/** What a stage gets beside the state. */
export interface Context {
  /** Randomness for this visit of this stage, and nobody else's. */
  readonly key: Key;
  /** Says something about the work: a sample, a warning. */
  readonly emit: (note: Note) => void;
  /** For asynchronous work: when to give up. */
  readonly signal: AbortSignal;
}

/** What a step of a scan gets beside its carry. */
export interface StepContext<State> extends Context {
  /** From 0 to `steps` − 1. */
  readonly step: number;
  /** How many there will be. */
  readonly steps: number;
  /** The state the scan began with. */
  readonly state: State;
}

/** What a step of a scan returns. */
export interface StepResult<Carry> {
  /** What the next step gets. */
  readonly carry: Carry;
  /** A `loss` or `grad_norm` among them that is not finite ends the run, naming `rows`. */
  readonly metrics: Metrics;
  /** Ids of the data rows used. */
  readonly rows?: readonly string[];
  /** Why the run must not go on from here, in sentences: it ends as failed, and the last checkpoint stays good. */
  readonly fault?: readonly string[] | undefined;
}

/** What a stage does, without the types of its state, which `Stage` has. */
export type Work =
  | Call
  | Scan
  | { readonly type: "repeat"; readonly times: number; readonly stage: Stage<never, object> }
  | { readonly type: "pipeline"; readonly stages: readonly Stage<never, object>[] };

/** Work in one go. */
export type Call =
  | { readonly type: "once"; readonly body: (state: never, context: Context) => object | Promise<object> }
  | { readonly type: "attempt"; readonly body: (state: never, context: Context) => Attempt<object> };

/** Work in steps. */
export interface Scan {
  /** Tells it from work in one go. */
  readonly type: "scan";
  /** The first carry, and how many steps to take. */
  readonly init: (state: never, context: Context) => { readonly carry: unknown; readonly steps: number };
  /** The next carry, and the figures of the step. */
  readonly step: (carry: never, context: StepContext<never>) => StepResult<unknown>;
  /** The tokens of a step; absent where nobody knows before it is taken. */
  readonly tokens?: ((carry: never, at: { readonly step: number; readonly state: never }) => StepTokens) | undefined;
  /** The fields that the last carry adds. */
  readonly done: (carry: never, state: never, context: Context) => object;
}

/** How much a step computes with. */
export interface StepTokens {
  /** Tokens of all its rows. */
  readonly all: number;
  /** The most that it holds at once. */
  readonly atOnce: number;
}

/** What an attempt returns: the fields it adds, or what is wrong with its input. */
export type Attempt<Adds> = Result<Failure, Adds> | Promise<Result<Failure, Adds>>;

/** A step of a method: from the fields of the state it needs to the fields it adds. */
export interface Stage<Needs, Adds> extends About {
  /** Its name among its neighbours; keys fold it. */
  readonly name: string;
  /** What it does. */
  readonly work: Work;
  /** Never set: it carries the types. */
  readonly types?: (needs: Needs) => Adds;
}

/** Names of fields, for readers: what a stage needs and adds. */
export interface About<Needed = string, Added = string> {
  /** Fields of the state that it reads. */
  readonly needs?: readonly Needed[];
  /** Fields that it adds or replaces. */
  readonly adds?: readonly Added[];
}

/**
 * A stage that runs once: state ↦ the fields it adds. State is data, so that it can be saved: no functions inside.
 *
 * Wrap heavy tensor work in `scope`, which frees what the result does not need.
 *
 * @example
 * ```ts
 * import { once } from "@logratio/logratio";
 * const countPairs = once("countPairs", ({ pairs }: { pairs: readonly unknown[] }) => ({ n: pairs.length }));
 * ```
 */
export function once<Needs, Adds extends object>(
  name: string,
  body: (state: Needs, context: Context) => Adds | Promise<Adds>,
  about: About<keyof Needs & string, keyof Adds & string> = {},
): Stage<Needs, Adds> {
  return { name, ...about, work: { type: "once", body } };
}

/**
 * A stage that may find its input wrong: it returns a failure (`Left`) or the fields it adds (`Right`).
 *
 * @example
 * ```ts
 * import { attempt, inputFailure, right } from "@logratio/logratio";
 * const reciprocal = attempt("reciprocal", ({ x }: { x: number }) =>
 *   x === 0 ? inputFailure("Cannot invert x as it must not be 0") : right({ y: 1 / x }));
 * ```
 */
export function attempt<Needs, Adds extends object>(
  name: string,
  body: (state: Needs, context: Context) => Attempt<Adds>,
  about: About<keyof Needs & string, keyof Adds & string> = {},
): Stage<Needs, Adds> {
  return { name, ...about, work: { type: "attempt", body } };
}

/**
 * A training loop without its `for`: the runner takes the steps.
 *
 * `init` makes the carry (parameters, optimizer state: a tree of tensors, typed arrays, numbers and strings), `step`
 * replaces it, `done` turns the last one into fields of the state. All three are synchronous and run in a `scope`. A loop
 * that says the `tokens` of its steps can be rehearsed (see `rehearse`): what it will take is known before it begins.
 *
 * @example
 * ```ts
 * import { scan, uniform } from "@logratio/logratio";
 * const walk = scan("walk", {
 *   init: ({ start }: { start: number }) => ({ carry: start, steps: 100 }),
 *   step: (at, { key }) => ({ carry: at + (uniform(key, 1)[0] ?? 0) - 0.5, metrics: { at } }),
 *   done: (at) => ({ end: at }),
 * });
 * ```
 */
export function scan<Needs, Carry, Adds extends object>(
  name: string,
  loop: {
    readonly init: (state: Needs, context: Context) => { readonly carry: Carry; readonly steps: number };
    readonly step: (carry: Carry, context: StepContext<Needs>) => StepResult<Carry>;
    readonly done: (carry: Carry, state: Needs, context: Context) => Adds;
    readonly tokens?: (carry: Carry, at: { readonly step: number; readonly state: Needs }) => StepTokens;
  },
  about: About<keyof Needs & string, keyof Adds & string> = {},
): Stage<Needs, Adds> {
  return { name, ...about, work: { type: "scan", ...loop } };
}
