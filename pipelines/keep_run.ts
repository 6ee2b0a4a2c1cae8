/** Keeping a run in a folder: its settings, a line for each step, checkpoints, and what it made. */
import {
  type Checkpoint,
  encodeData,
  type Event,
  type Failure,
  type FileContent,
  type Folder,
  inputFailure,
  type Report,
  right,
  scalarsOf,
  showPath,
  tensorboardScalars,
  tensorboardStart,
  type Written,
} from "../mod.ts";
import {
  BEST,
  checkpointName,
  checkpointNames,
  FILES,
  type SavedRun,
  type Stream,
  STREAMS,
  withLine,
} from "./saved_run.ts";

/** How to keep a run. */
export interface KeepOptions {
  readonly folder: Folder;
  /** The effective settings, with what some came to be: `--config` with them repeats the run. */
  readonly config: () => Readonly<Record<string, unknown>>;
  /** Training steps from one checkpoint to the next; 0: by minutes alone. */
  readonly every: number;
  /** Minutes from one checkpoint to the next. */
  readonly minutes: number;
  /** Checkpoints to keep beside the best. */
  readonly keep: number;
  /** Where the run goes on; `null`: at the beginning, in a folder of its own or instead of what is there. */
  readonly saved: SavedRun | null;
  /** The report so far. */
  readonly told: () => Report;
  /** Seconds since any fixed moment. */
  readonly now: () => number;
  /** Called once if something cannot be written. */
  readonly onFailure: () => void;
}

/** Keeps a run as it goes. After a failure it writes nothing more: the last checkpoint stays good. */
export interface Keeper {
  readonly listen: (event: Event) => Promise<void>;
  readonly isCheckpointDue: () => boolean;
  readonly onCheckpoint: (checkpoint: Checkpoint) => Promise<void>;
  /** Writes what the run made, by name, in this order; and ends. */
  readonly finish: (files: Readonly<Record<string, FileContent>>) => Promise<void>;
  /** Why the run could not be kept. */
  readonly failure: () => Failure | undefined;
}

/** Begins to keep a run. Nothing is written before training begins, so wrong input leaves the folder as it was. */
export function keepRun(options: KeepOptions): Keeper {
  const { folder, saved, now, told, every, minutes, keep } = options;
  const { write, failure } = writing(options.onFailure);
  const journal = journalOf(options, write);
  let begun = false;
  let last = { time: now(), steps: journal.standing().steps };
  const begin = async (): Promise<void> => {
    if (begun) return;
    begun = true;
    await write(() => claim(folder), ...(saved === null ? freshFolder(options) : cutBack(folder, saved)));
    await journal.begin();
  };
  return {
    failure,
    listen: async (event) => {
      if (event.type === "start" && event.steps !== undefined) await begin();
      if (event.type === "step") await journal.step(event);
      if (event.type === "done" && begun) await journal.done(event);
    },
    isCheckpointDue: () =>
      journal.improved() || now() - last.time >= 60 * minutes ||
      (every > 0 && journal.standing().steps - last.steps >= every),
    onCheckpoint: async (checkpoint) => {
      await begin();
      const standing = journal.standing();
      const bytes = encodeData({ ...standing, report: told(), checkpoint } satisfies SavedRun);
      const names = [checkpointName(standing.steps), ...(journal.improved() ? [BEST] : [])];
      const saves = names.map((name) => () => folder.replace(`${FILES.checkpoints}/${name}`, bytes));
      await write(folder.settle, ...saves, () => prune(folder, keep));
      last = { time: now(), steps: standing.steps };
    },
    finish: async (files) => {
      await begin();
      await write(
        folder.settle,
        ...Object.entries(files).map(([name, content]) => () => folder.replace(name, content)),
      );
      folder.close();
    },
  };
}

/** Takes steps one after the other until one fails, and then no more. */
type Write = (...steps: readonly (() => Promise<Written>)[]) => Promise<void>;

function writing(onFailure: () => void): { readonly write: Write; readonly failure: () => Failure | undefined } {
  let failure: Failure | undefined;
  const write: Write = async (...steps) => {
    for (const step of steps) {
      if (failure !== undefined) return;
      const written = await step();
      if (written._tag === "Right") continue;
      failure = written.left;
      onFailure();
    }
  };
  return { write, failure: () => failure };
}

/** What is known of the run so far. */
type Standing = Omit<SavedRun, "checkpoint" | "report">;

/** The files that grow with a run. */
interface Journal {
  readonly standing: () => Standing;
  /** Whether the last step had the least `eval_loss` of its stage so far. */
  readonly improved: () => boolean;
  readonly begin: () => Promise<void>;
  readonly step: (event: Extract<Event, { type: "step" }>) => Promise<void>;
  readonly done: (event: Extract<Event, { type: "done" }>) => Promise<void>;
}

function journalOf({ folder, saved, now }: KeepOptions, write: Write): Journal {
  const started = now();
  let standing: Standing = saved ?? { steps: 0, streams: {}, best: {} };
  let improved = false;
  const append = async (name: string, content: string | Uint8Array): Promise<void> => {
    await write(() => folder.append(name, content));
    const { bytes, hash }: Stream = standing.streams[name] ?? { bytes: 0, hash: "" };
    const [length, grown] = typeof content === "string"
      ? [new TextEncoder().encode(content).length, withLine(hash, content)]
      : [content.length, hash];
    standing = { ...standing, streams: { ...standing.streams, [name]: { bytes: bytes + length, hash: grown } } };
  };
  return {
    standing: () => standing,
    improved: () => improved,
    begin: async () => {
      await append(FILES.timings, lineOf({ started: new Date().toISOString() }));
      if (standing.streams[FILES.events] === undefined) await append(FILES.events, tensorboardStart(Date.now() / 1000));
    },
    done: async ({ path, memory }) => {
      if (memory !== undefined) await append(FILES.timings, lineOf({ path: showPath(path), memoryBytes: memory }));
    },
    step: async (event) => {
      const at = { path: showPath(event.path), step: event.step, steps: event.steps };
      const { best, steps } = standing, { eval_loss: loss = Infinity } = event.metrics;
      improved = loss < (best[at.path] ?? Infinity);
      standing = { ...standing, steps: steps + 1, best: improved ? { ...best, [at.path]: loss } : best };
      const scalars = scalarsOf(event);
      if (scalars === null) return; // a step without figures
      await append(FILES.metrics, lineOf({ ...at, ...event.metrics }));
      await append(FILES.timings, lineOf({ ...at, seconds: Number((now() - started).toFixed(3)) }));
      await append(FILES.events, tensorboardScalars({ wallTime: Date.now() / 1000, ...scalars }));
    },
  };
}

const lineOf = (fields: Readonly<Record<string, unknown>>): string => `${JSON.stringify(fields)}\n`;

/** Takes the folder for this process: two that write into one folder would spoil both runs. */
async function claim(folder: Folder): Promise<Written> {
  const claimed = await folder.claim(FILES.config);
  if (claimed._tag === "Left") return claimed;
  return claimed.right ? right(undefined) : inputFailure(
    `Cannot keep the run in ${folder.path} as another process keeps one there: wait for its end, or stop it`,
  );
}

/** A folder with the settings of the run and nothing else of a run. A failure is about where, as nothing is there yet. */
function freshFolder({ folder, config }: KeepOptions): readonly (() => Promise<Written>)[] {
  const steps = [
    folder.make,
    ...Object.values(FILES).toReversed().map((name) => () => folder.remove(name)),
    () => folder.replace(FILES.config, `${JSON.stringify(config(), null, 2)}\n`),
    () => claim(folder),
  ];
  return steps.map((step) => async () => {
    const written = await step();
    return written._tag === "Left" ? inputFailure(...written.left.sentences) : written;
  });
}

/** The folder as it was at the checkpoint: what grew since is cut, later checkpoints, being damaged, go. */
function cutBack(folder: Folder, { streams, steps }: SavedRun): readonly (() => Promise<Written>)[] {
  const cuts = STREAMS.map((name) => async () => {
    const { bytes } = streams[name] ?? { bytes: 0 };
    return bytes === 0 ? await folder.remove(name) : await folder.cut(name, bytes);
  });
  return [...cuts, () => removeCheckpoints(folder, (names) => names.filter((name) => name > checkpointName(steps)))];
}

/** Removes all checkpoints but the last few, and what was being written when a run was killed. */
function prune(folder: Folder, keep: number): Promise<Written> {
  return removeCheckpoints(folder, (names) => {
    const kept = checkpointNames(names).slice(0, keep);
    return names.filter((name) => name !== BEST && !kept.includes(name));
  });
}

/** Removes those checkpoints, by name, that `choose` picks. */
async function removeCheckpoints(
  folder: Folder,
  choose: (names: readonly string[]) => readonly string[],
): Promise<Written> {
  const listed = await folder.list(FILES.checkpoints);
  if (listed._tag === "Left") return listed;
  for (const name of choose(listed.right ?? [])) {
    const removed = await folder.remove(`${FILES.checkpoints}/${name}`);
    if (removed._tag === "Left") return removed;
  }
  return right(undefined);
}
