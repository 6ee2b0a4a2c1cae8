/**
 * The runner: the one place with loops, and the one way to run a pipeline.
 *
 * It visits the stages in order, merges what each adds into the state, takes the steps of every scan, tells what happens
 * as events, and stops for a signal or for a number that is not finite.
 */
import { memoryUse, watchMemory } from "../kernels/memory.ts";
import { left, type Result, right } from "../result.ts";
import { fold } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { firstNonFinite, freeReplaced, heldBy, tensorsIn } from "./carry.ts";
import type { Checkpoint, Identity } from "./checkpoint.ts";
import { type Event, type Note, type Path, showPath, type Stopped } from "./event.ts";
import type { Merge } from "./pipeline.ts";
import { foretell, type Foretold } from "./rehearse.ts";
import type { Call, Context, Scan, Stage, StepResult } from "./stage.ts";
import {
  arrive,
  begin,
  type Begun,
  checkpointOf,
  type Fields,
  isBehind,
  isTold,
  merge,
  refusals,
  type Standing,
} from "./standing.ts";
import { outline, type Visit, visits } from "./visit.ts";

/** How to run a pipeline. */
export interface RunOptions<Given> {
  /** A non-negative integer: all randomness follows from it. */
  readonly seed: number;
  /** The fields of the state that no stage adds. */
  readonly given: Given;
  /** The settings the pipeline was made with: a checkpoint of other settings is refused. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Stops the run after the step it is in. */
  readonly signal?: AbortSignal;
  /** Receives checkpoints: now and then as the next options say, and when the signal stops the run. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void | Promise<void>;
  /** Training steps from one checkpoint to the next. Default: all. */
  readonly checkpointEvery?: number;
  /** Asked after every training step, once its event is told: whether to make a checkpoint now. */
  readonly isCheckpointDue?: () => boolean;
  /**
   * Asked before the first training step, with what the stages from there on will take as far as it can be known: sentences
   * refuse the run. It is not asked when a run goes on.
   */
  readonly onForetold?: (
    foretold: readonly Foretold[],
    place: Foreseen,
  ) => readonly string[] | Promise<readonly string[]>;
  /** Goes on from here, and ends bit for bit as if the run had never been broken. */
  readonly resume?: Checkpoint;
}

/** Where a run stands before its first training step. */
export interface Foreseen {
  /** What its stages have added so far. */
  readonly state: Readonly<Record<string, unknown>>;
  /** The stage that comes next. */
  readonly path: Path;
}

/** A run: its events, and in the end the last state or why it stopped. */
export type Run<State> = AsyncGenerator<Event, Result<Stopped, State>, void>;

/**
 * Runs a pipeline.
 *
 * @throws whatever a stage throws: a mistake in the program is not a failure of the run
 * @example
 * ```ts
 * import { once, run } from "@logratio/logratio";
 * const double = once("double", ({ x }: { x: number }) => ({ y: 2 * x }));
 * for await (const event of run(double, { seed: 0, given: { x: 21 } })) console.log(event.type); // start, done
 * ```
 */
export async function* run<Needs, Adds extends object>(
  pipeline: Stage<Needs, Adds>,
  options: RunOptions<NoInfer<Needs>>,
): Run<Merge<Needs, Adds>> {
  const { seed, config = {}, resume, signal, onCheckpoint } = options;
  const identity = { pipeline: outline(pipeline), config, seed };
  const frame = frameOf(identity, options);
  let onForetold = resume === undefined ? options.onForetold : undefined;
  let standing = begin(options.given as Fields, onCheckpoint !== undefined || resume !== undefined, resume);
  for (const visit of visits(pipeline, seed)) {
    const refused = refusals(standing, identity);
    if (refused.length > 0) return left({ kind: "input", sentences: refused });
    standing = arrive(standing, visit);
    if (visit.type !== "visit") {
      if (isTold(standing, visit)) yield visit;
      continue;
    }
    if (isBehind(standing)) continue;
    if (signal?.aborted) return await frame.stop(standing, visit.path);
    const { work, path } = visit, { state } = standing;
    if (work.type === "scan" && onForetold !== undefined) {
      const sentences = await onForetold(foretell(pipeline, state, { seed, from: path }), { state, path });
      if (sentences.length > 0) return left({ kind: "input", sentences, path });
      onForetold = undefined; // once is enough
    }
    watchMemory();
    const ended = yield* work.type === "scan" ? loop(visit, work, standing, frame) : call(visit, work, standing, frame);
    if (ended._tag === "Left") return ended;
    standing = merge(standing, visit.path, ended.right);
    yield { type: "done", path: visit.path, memory: memoryUse().highWater };
    await frame.breathe();
  }
  return right(standing.state as Merge<Needs, Adds>);
}

/** A stage in one go. */
async function* call({ path, key }: Visit, work: Call, standing: Standing, frame: Frame): Run<Fields> {
  const { state } = standing;
  const notes: Note[] = [];
  const context: Context = { key, signal: frame.signal, emit: (note) => void notes.push(note) };
  yield { type: "start", path };
  const ended = work.type === "once"
    ? right(await work.body(state as never, context))
    : await work.body(state as never, context);
  yield* tell(notes, path);
  if (ended._tag === "Left" && frame.signal.aborted) return await frame.stop(standing, path); // it gave up when told to
  return ended._tag === "Left" ? left({ ...ended.left, path }) : right(ended.right as Fields);
}

/** A stage in steps. What a step makes lives until a later step replaces it. */
async function* loop({ path, key }: Visit, scan: Scan, standing: Standing, frame: Frame): Run<Fields> {
  const state = standing.state as never;
  const notes: Note[] = [];
  const context = (at: string | number): Context => ({
    key: fold(key, at),
    signal: frame.signal,
    emit: (note) => void notes.push(note),
  });
  let begun: Begun = standing.begun ?? { ...scope(() => scan.init(state, context("init"))), step: 0 };
  const { steps } = begun;
  if (!Number.isSafeInteger(steps) || steps < 0) {
    const rule = "its number of steps must be a non-negative integer";
    throw new RangeError(`Cannot run ${showPath(path)} as ${rule}: current value is ${steps}`);
  }
  yield { type: "start", path, steps };
  yield* tell(notes, path);
  const others = tensorsIn([state, begun.carry]);
  let made = tensorsIn([]);
  while (begun.step < steps) {
    const { step, carry } = begun;
    const result = scope(() => scan.step(carry as never, { ...context(step), step, steps, state }));
    yield* tell(notes, path);
    const fault = faultOf(result, path, step + 1);
    if (fault !== undefined) return left(fault);
    made = heldBy(result.carry, { made, others });
    begun = { carry: result.carry, step: step + 1, steps };
    yield { type: "step", path, step: begun.step, steps, metrics: result.metrics };
    await frame.breathe();
    if (frame.signal.aborted) return await frame.stop({ ...standing, begun }, path);
    await frame.stepped({ ...standing, begun }, path);
  }
  const adds = scope(() => scan.done(begun.carry as never, state, context("done")));
  yield* tell(notes, path);
  freeReplaced(tensorsIn([...made.values(), begun.carry], tensorsIn([state])), tensorsIn(adds));
  return right(adds as Fields);
}

/** The events of what a stage has said since the last time. */
function* tell(notes: Note[], path: Path): Generator<Event, void> {
  for (const note of notes.splice(0)) yield { ...note, path };
}

/** Why a step must be the last: it says so itself, or a loss or gradient is not finite. */
function faultOf({ metrics, carry, rows, fault }: StepResult<unknown>, path: Path, step: number): Stopped | undefined {
  if (fault !== undefined) return { kind: "run", sentences: fault, path, step, ...rows && { rows } };
  const name = ["loss", "grad_norm"].find((n) => metrics[n] !== undefined && !Number.isFinite(metrics[n]));
  if (name === undefined) return undefined;
  const tensor = firstNonFinite(carry);
  const sentences = [
    `Cannot go on with ${showPath(path)} at step ${step} as ${name} must be finite: current value is ${metrics[name]}`,
    ...tensor === undefined ? [] : [`The first tensor with a number that is not finite is ${tensor}`],
    ...rows === undefined ? [] : [`The rows of the step are ${rows.join(", ")}`],
  ];
  return { kind: "run", sentences, path, step, ...rows && { rows } };
}

/** What serves all stages of a run. */
interface Frame {
  readonly signal: AbortSignal;
  /** Lets the event loop turn if it has not for a while, so that signals and timers arrive. */
  readonly breathe: () => Promise<void>;
  /** After a training step: makes a checkpoint if one is due. */
  readonly stepped: (standing: Standing, path: Path) => Promise<void>;
  /** Makes the last checkpoint, and says where the run stopped. */
  readonly stop: (standing: Standing, path: Path) => Promise<Result<Stopped, never>>;
}

function frameOf(identity: Identity, options: RunOptions<unknown>): Frame {
  const { onCheckpoint, checkpointEvery = Infinity, isCheckpointDue = () => false } = options;
  const { signal = new AbortController().signal } = options;
  const save = async (standing: Standing, path: Path): Promise<void> =>
    await onCheckpoint?.(checkpointOf(standing, identity, path));
  let steps = 0;
  let rested = performance.now();
  return {
    signal,
    breathe: async () => {
      if (performance.now() - rested < 25) return;
      await macrotask();
      rested = performance.now();
    },
    stepped: async (standing, path) => {
      if (++steps % checkpointEvery === 0 || isCheckpointDue()) await save(standing, path);
    },
    stop: async (standing, path) => {
      if (standing.ahead === undefined) await save(standing, path); // else the run has not come as far as its checkpoint
      const { begun } = standing;
      const where = begun === undefined
        ? `before ${showPath(path)}`
        : `in ${showPath(path)} after step ${begun.step} of ${begun.steps}`;
      return left({ kind: "aborted", path, sentences: [`Stopped ${where}`], ...begun && { step: begun.step } });
    },
  };
}

/** A turn of the event loop, without the milliseconds that a timer waits. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/**
 * Takes a run to its end, telling `listen` each event; the run goes on when `listen` is done with it.
 *
 * @example
 * ```ts
 * import { finish, once, run } from "@logratio/logratio";
 * const double = once("double", ({ x }: { x: number }) => ({ y: 2 * x }));
 * const ended = await finish(run(double, { seed: 0, given: { x: 21 } }));
 * if (ended._tag === "Right") ended.right.y; // 42
 * ```
 */
export async function finish<State>(
  run: Run<State>,
  listen: (event: Event) => unknown = () => {},
): Promise<Result<Stopped, State>> {
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
    await listen(next.value);
  }
}
