/** Where a run stands between two visits, and how a checkpoint is made of it and found again. */
import {
  type Checkpoint,
  differences,
  type Identity,
  packState,
  type Places,
  placesOf,
  unpackState,
} from "./checkpoint.ts";
import { contentHash } from "./content_hash.ts";
import { type Event, type Path, showPath } from "./event.ts";
import { isWithin, type Visit } from "./visit.ts";

/** Fields of the state. */
export type Fields = Readonly<Record<string, unknown>>;

/** Where a run stands between two visits. */
export interface Standing {
  /** All fields so far. */
  readonly state: Fields;
  /** Whether training has begun. Until then stages load: on resume they run again, and must load the same. */
  readonly training: boolean;
  /** What stages added since training began. */
  readonly made: Fields;
  /** Content hashes of what was given and loaded before; absent if nobody asks. */
  readonly loaded?: Readonly<Record<string, string>> | undefined;
  /** Where what was loaded stands in the state, once training has begun; absent if nobody asks. */
  readonly places?: Places | undefined;
  /** The checkpoint to go on from, until the run arrives at its place. */
  readonly ahead?: Checkpoint | undefined;
  /** The part of the next scan that was done before the checkpoint. */
  readonly begun?: Begun | undefined;
}

/** A scan some of whose steps are done. */
export interface Begun {
  /** What the next step gets. */
  readonly carry: unknown;
  /** Steps done. */
  readonly step: number;
  /** Steps to do in all. */
  readonly steps: number;
}

/** What a checkpoint holds beside its identity and place. */
interface Training {
  readonly made: Fields;
  readonly carry: unknown;
}

/** Before the first visit. `hashes`: whether checkpoints are made or resumed, so that content hashes are needed. */
export function begin(given: Fields, hashes: boolean, ahead?: Checkpoint): Standing {
  const loaded = hashes ? { "what is given": contentHash(given) } : undefined;
  return { state: given, training: false, made: {}, loaded, ahead };
}

/** At the next visit: training may begin here, and a checkpoint ahead may have been made here. */
export function arrive(standing: Standing, visit: Visit | Event): Standing {
  const loops = visit.type === "visit"
    ? visit.work.type === "scan"
    : visit.type === "start" && visit.steps !== undefined;
  const begins = loops && !standing.training;
  const here = !begins ? standing : {
    ...standing,
    training: true,
    ...standing.loaded !== undefined && { places: placesOf(standing.state) },
  };
  const { ahead } = standing;
  if (ahead === undefined || visit.type !== "visit" || showPath(visit.path) !== showPath(ahead.at.path)) return here;
  const { made, carry } = unpackState(ahead.training, here.state) as Training;
  const { step, steps } = ahead.at;
  return {
    ...here,
    made,
    state: { ...here.state, ...made },
    begun: steps === undefined ? undefined : { carry, step, steps },
    ahead: undefined,
  };
}

/** Whether what comes next was done before the checkpoint and is not done again. */
export function isBehind({ training, ahead }: Standing): boolean {
  return training && ahead !== undefined;
}

/** Whether an event of a pipeline or repeat is told: not if all of it was done before the checkpoint. */
export function isTold(standing: Standing, event: Event): boolean {
  return !isBehind(standing) ||
    event.type === "start" && standing.ahead !== undefined && isWithin(standing.ahead.at.path, event.path);
}

/** After a visit: the fields it adds are merged into the state. */
export function merge(standing: Standing, path: Path, adds: Fields): Standing {
  const { made, loaded, training } = standing;
  return {
    ...standing,
    state: { ...standing.state, ...adds },
    made: training ? { ...made, ...adds } : made,
    loaded: training || loaded === undefined ? loaded : { ...loaded, [showPath(path)]: contentHash(adds) },
    begun: undefined,
  };
}

/** The checkpoint of a moment in or before the stage at `path`. It shares no memory with the run. */
export function checkpointOf(
  { made, loaded = {}, places, begun }: Standing,
  identity: Identity,
  path: Path,
): Checkpoint {
  const at = begun === undefined ? { path, step: 0 } : { path, step: begun.step, steps: begun.steps };
  const training: Training = { made, carry: begun?.carry };
  return { ...identity, at, loaded, training: packState(training, places) };
}

/** Why the run cannot go on from the checkpoint ahead, a sentence each. */
export function refusals({ ahead, loaded = {} }: Standing, identity: Identity): readonly string[] {
  if (ahead === undefined) return [];
  const changed = Object.keys(loaded).filter((n) => n in ahead.loaded && ahead.loaded[n] !== loaded[n]);
  return [
    ...differences(ahead, identity).map((phrase) => `Cannot resume as the checkpoint is of another run: ${phrase}`),
    ...changed.map((n) => `Cannot resume as ${n} must be the same as at the checkpoint: its content hash differs`),
  ];
}
