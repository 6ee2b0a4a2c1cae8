/** The order of a run: every visit of every stage with its path and its key, known before anything is computed. */
import { fold, type Key, key } from "../tensor/random.ts";
import { type Event, type Path, showPath } from "./event.ts";
import type { Call, Scan, Stage } from "./stage.ts";

/** One visit of a stage that does something itself. */
export interface Visit {
  /** Tells it from an event. */
  readonly type: "visit";
  /** Where it is. */
  readonly path: Path;
  /** Folds seed, outermost pipeline, iterations and stage. */
  readonly key: Key;
  /** What to do. */
  readonly work: Call | Scan;
}

/** The visits of a run in order, and between them the events that pipelines and repeats have to tell. */
export function visits(stage: Stage<never, object>, seed: number): Iterable<Visit | Event> {
  return walk(stage, [], key(seed));
}

function* walk({ name, work }: Stage<never, object>, outer: Path, parent: Key): Generator<Visit | Event> {
  const path = [...outer, name];
  const own = fold(parent, name);
  if (work.type === "pipeline") {
    yield { type: "start", path, stages: work.stages.map((stage) => stage.name) };
    const inner = outer.length === 0 ? own : parent; // a pipeline within a pipeline leaves the keys alone
    for (const stage of work.stages) yield* walk(stage, path, inner);
    yield { type: "done", path };
  } else if (work.type === "repeat") {
    yield { type: "start", path, steps: work.times };
    for (let i = 0; i < work.times; i++) {
      yield* walk(work.stage, [...path, i], fold(own, i));
      yield { type: "step", path, step: i + 1, steps: work.times, metrics: {} };
    }
    yield { type: "done", path };
  } else yield { type: "visit", path, key: own, work };
}

/** The stages of a pipeline as text, a line each: `ppo/iterations*3/rollout`. Equal outlines visit the same paths. */
export function outline({ name, work }: Stage<never, object>): readonly string[] {
  const under = (prefix: string, inner: readonly Stage<never, object>[]): readonly string[] =>
    inner.flatMap(outline).map((line) => `${prefix}/${line}`);
  if (work.type === "pipeline") return under(name, work.stages);
  if (work.type === "repeat") return under(`${name}*${work.times}`, [work.stage]);
  return [name];
}

/** Whether `path` is `other` or lies within it. */
export function isWithin(path: Path, other: Path): boolean {
  return showPath(path.slice(0, other.length)) === showPath(other);
}
