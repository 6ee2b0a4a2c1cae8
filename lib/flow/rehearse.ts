/** What stages will take, by doing them dry: the very code of their steps runs, and nothing is computed. */
import { beginDryRun, type DryRun, memoryUse, watchMemory } from "../kernels/memory.ts";
import { fold, type Key, key } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { freeReplaced, heldBy, tensorsIn } from "./carry.ts";
import type { Path } from "./event.ts";
import type { Call, Context, Scan, Stage, StepContext, StepTokens } from "./stage.ts";
import type { Fields } from "./standing.ts";
import { type Visit, visits } from "./visit.ts";

/** The bytes of a stage that works in steps. */
export interface Rehearsal {
  /** Of the tensors that there are when it begins, as far as they were made in the rehearsal. */
  readonly state: number;
  /** Of what it carries from step to step, beyond them. */
  readonly carry: number;
  /** The most that there are at once, all of that included. */
  readonly peak: number;
  /** The tokens of all its steps, and the most at once; absent where the stage does not know. */
  readonly tokens?: StepTokens;
}

/** How to rehearse. */
export interface RehearseOptions {
  /** The key of the stage, from which its order of rows follows. Default: that of seed 0. */
  readonly key?: Key;
}

/**
 * The bytes that a stage will take, to the last one, before any of them is: its `init` is run dry, and of its steps the
 * heaviest and the last. What kernels keep for themselves from their first use on, some MB, is not in them.
 *
 * @param given makes the state that the stage begins with; numbers mean nothing, and tensors take no memory
 * @throws {TypeError} if the stage does not work in steps
 * @example
 * ```ts
 * import { type DecoderConfig, decoderTree, rehearse, sftUpdate, type Tokenizer, zeros } from "@logratio/logratio";
 * function bytesOf(config: DecoderConfig, tokenizer: Tokenizer): number {
 *   const example = { prompt: new Int32Array(64), completions: [new Int32Array(64)] };
 *   return rehearse(sftUpdate({ lr: 1e-3, batchSize: 8 }), () => ({
 *     ...{ config, tokenizer, policy: decoderTree(config, (_, shape) => zeros("f32", shape)) },
 *     demonstrations: Array.from({ length: 8 }, (_, i) => ({ id: String(i), example })),
 *   })).peak;
 * }
 * ```
 */
export function rehearse<Needs>(
  stage: Stage<Needs, object>,
  given: () => NoInfer<Needs>,
  options: RehearseOptions = {},
): Rehearsal {
  const { work, name } = stage;
  if (work.type !== "scan") {
    throw new TypeError(`Cannot rehearse ${name} as it must work in steps: it is a ${work.type}`);
  }
  const dry = beginDryRun();
  try {
    return dry.part(() => loop(work, given() as never, options.key ?? key(0))).rehearsal;
  } finally {
    dry.end();
  }
}

/** A stage that was rehearsed as part of a run. */
export interface Foretold extends Rehearsal {
  /** Where it is. */
  readonly path: Path;
}

/**
 * What the stages of a run will take from some place on, as far as it can be known: up to the first that waits for
 * something, that fails, or that works in steps of which nobody knows beforehand how long they are.
 *
 * @param state what the stages before have added
 * @param options.from the path of the first of them. Default: of the pipeline's first
 */
export function foretell(
  pipeline: Stage<never, object>,
  state: Readonly<Record<string, unknown>>,
  options: { readonly seed: number; readonly from?: Path },
): readonly Foretold[] {
  const { seed, from } = options;
  const all = [...visits(pipeline, seed)].filter((visit): visit is Visit => visit.type === "visit");
  const start = from === undefined ? 0 : all.findIndex(({ path }) => path.join("/") === from.join("/"));
  const told: Foretold[] = [], dry = beginDryRun();
  try {
    let known: Fields | undefined = state;
    for (const visit of all.slice(start)) {
      known = advance(dry, visit, known, told);
      if (known === undefined) break;
    }
  } finally {
    dry.end();
  }
  return told;
}

/** The state after a visit, or nothing if it cannot be known. */
function advance(dry: DryRun, { work, key, path }: Visit, state: Fields, told: Foretold[]): Fields | undefined {
  if (work.type === "scan" && work.tokens === undefined) return undefined;
  try {
    const adds = dry.part(() => {
      if (work.type !== "scan") return called(work, state, contextOf(key));
      const { rehearsal, adds } = loop(work, state as never, key);
      told.push({ path, ...rehearsal });
      return adds;
    });
    return adds && { ...state, ...adds };
  } catch {
    return undefined; // numbers that mean nothing may be refused
  }
}

function called(work: Call, state: Fields, context: Context): object | undefined {
  const result = work.body(state as never, context);
  if (result instanceof Promise) {
    result.catch(() => {});
    return undefined;
  }
  if (work.type === "once") return result;
  const { _tag, right } = result as { readonly _tag: string; readonly right?: object };
  return _tag === "Right" ? right : undefined;
}

const contextOf = (key: Key): Context => ({ key, emit: () => {}, signal: new AbortController().signal });

/** A scan in the dry run under way, and the fields that it adds. */
function loop(scan: Scan, state: never, key: Key): { readonly rehearsal: Rehearsal; readonly adds: object } {
  const context = (at: string | number): Context => contextOf(fold(key, at));
  const before = memoryUse().bytes;
  watchMemory();
  let { carry, steps } = scope(() => scan.init(state, context("init")));
  const others = tensorsIn([state, carry]), carried = memoryUse().bytes - before;
  const tokens = Array.from(
    { length: scan.tokens === undefined ? 0 : steps },
    (_, step) => scan.tokens!(carry as never, { step, state }),
  );
  let made = tensorsIn([]);
  for (const step of chosen(steps, tokens)) {
    const at = { ...context(step), step, steps, state } as StepContext<never>;
    ({ carry } = scope(() => scan.step(carry as never, at)));
    made = heldBy(carry, { made, others });
  }
  const adds = scope(() => scan.done(carry as never, state, context("done")));
  const peak = memoryUse().highWater;
  freeReplaced(tensorsIn([...made.values(), carry], tensorsIn([state])), tensorsIn(adds));
  const total = tokens.length === 0 ? {} : {
    tokens: {
      all: tokens.reduce((sum, { all }) => sum + all, 0),
      atOnce: tokens.reduce((most, { atOnce }) => Math.max(most, atOnce), 0),
    },
  };
  return { rehearsal: { state: before, carry: carried, peak, ...total }, adds };
}

/** The steps to take: the three that hold most at once, and the last, after which some stages look around. */
function chosen(steps: number, tokens: readonly StepTokens[]): readonly number[] {
  const heaviest = tokens.map(({ atOnce }, step) => ({ atOnce, step })).toSorted((a, b) => b.atOnce - a.atOnce);
  const first = tokens.length > 0 ? heaviest.slice(0, 3).map(({ step }) => step) : [0, 1];
  return [...new Set([...first, steps - 1])].filter((step) => step >= 0 && step < steps).toSorted((a, b) => a - b);
}
