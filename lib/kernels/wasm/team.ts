/**
 * The threads that run the emitted functions. The calling thread works too: it takes what the others do not, so that one
 * that is late or gone delays nothing but the part it holds.
 */

import { buffer, memory } from "../address_space.ts";
import { allocateForever } from "../memory.ts";
import type { Name } from "./module.ts";
import { openPace } from "./pace.ts";
import { type Argument, from, PARTS, partsOf, SMALL, valueOf, WAKING, type Work } from "./work.ts";
import {
  type Callee,
  type Desk,
  type Kernel,
  PLACE,
  type Start,
  type StartThread,
  startWorker,
  takeParts,
  TERMS,
  type Thread,
} from "./worker.ts";

/** The most threads. */
export const MAX_THREADS = 64;

const MAX_ARGUMENTS = 32;

/** Nanoseconds of work worth sharing before threads are started: starting takes about as long. */
const RELUCTANCE = 50_000_000;

/**
 * Looks at the control block before a thread sleeps: some 300 microseconds, as between the last product of a token and the
 * first of the next there is less, and whoever sleeps then misses the small ones.
 */
const LOOKS = 6_000;

/** Milliseconds in which no part is finished, after which a thread is taken for dead; they are slept in naps. */
const LIMIT = 10_000;
const NAPS = 100;
/** So many times the time of the whole work is waited beside, as parts may be long. */
const PATIENCE = 10;

/** What a team is made of. */
export interface TeamOptions {
  /** How many threads, the calling one included. */
  readonly threads: number;
  /** Starts one of the others; a worker of the engine if not given. */
  readonly start?: StartThread;
  /** Nanoseconds of work worth sharing before the others are started. */
  readonly reluctance?: number;
  /** Milliseconds in which no part is finished, after which a thread is taken for dead. */
  readonly limit?: number;
  /** A library's function, which runs as the kernel `CALLEE`. */
  readonly callee?: Callee | undefined;
}

/** The name by which a library's function is run. */
export const CALLEE = "library";

/** The emitted functions by name. They take addresses, counts, and sizes and strides in bytes. */
export type Kernels = Readonly<Record<Name, Kernel>>;

/** Runs kernels, in parts where that pays. */
export interface Team {
  /** How many threads there are at most, the calling one included. */
  readonly threads: number;
  /** Whether a work of so many nanoseconds will be shared. */
  readonly shares: (cost: number) => boolean;
  /** Runs a kernel over all its work. */
  readonly run: (kernel: Name | typeof CALLEE, args: readonly Argument[], work: Work) => void;
  /** The kernels of the calling thread. */
  readonly kernels: Kernels;
  /** Ends the other threads; from then on the calling one works alone. */
  readonly close: () => void;
}

/** Tells the processor that this is a loop that waits, where the engine can. */
const { pause = () => {} } = Atomics as { readonly pause?: () => void };

/** Whether the calling thread may sleep; that of a page may not. */
function maySleep(words: Int32Array): boolean {
  try {
    return Atomics.wait(words, PLACE.left, 1, 0) === "not-equal";
  } catch {
    return false;
  }
}

/** A kernel by number, its arguments, and the bounds of the parts. */
interface Job {
  readonly kernel: number;
  readonly args: readonly Argument[];
  readonly bounds: readonly number[];
}

/** Writes a job down and wakes who sleeps. */
function publish({ words, terms }: Desk, { kernel, args, bounds }: Job): void {
  args.forEach((arg, i) => {
    const { base, first, last, thread } = typeof arg === "number" ? from(arg, 0) : arg;
    terms[TERMS * i] = base;
    terms[TERMS * i + 1] = first;
    terms[TERMS * i + 2] = last;
    terms[TERMS * i + 3] = thread;
  });
  words.set(bounds, PLACE.bounds);
  words[PLACE.kernel] = kernel;
  words[PLACE.count] = args.length;
  words[PLACE.failed] = 0;
  Atomics.store(words, PLACE.pending, bounds.length - 1);
  Atomics.store(words, PLACE.left, bounds.length - 1);
  Atomics.notify(words, PLACE.left);
}

/**
 * Waits until all parts are done; false if none was finished for `limit` milliseconds. They are counted in naps, as a
 * program may have been stopped and continued.
 */
function finished({ words }: Desk, limit: number): boolean {
  const pending = (): number => Atomics.load(words, PLACE.pending);
  for (let i = 0; i < LOOKS && pending() > 0; i++) pause();
  for (let naps = 0, before = pending(); before > 0 && naps < NAPS;) {
    Atomics.wait(words, PLACE.pending, before, limit / NAPS);
    naps = pending() === before ? naps + 1 : 0;
    before = pending();
  }
  return pending() === 0;
}

/** The control block and the terms, at addresses that every thread knows. */
function openDesk(): { readonly desk: Desk; readonly at: Pick<Start, "words" | "terms"> } {
  const [words, terms] = [PLACE.bounds + MAX_THREADS * PARTS + 1, TERMS * MAX_ARGUMENTS];
  const at = { words: allocateForever(4 * words), terms: allocateForever(8 * terms) };
  const desk = {
    words: new Int32Array(buffer(), at.words, words).fill(0),
    terms: new Float64Array(buffer(), at.terms, terms),
    place: PLACE,
  };
  return { desk, at };
}

/** Starts the threads beside the calling one: none in an engine without threads, fewer if there are not so many. */
function startOthers(given: Omit<Start, "thread">, threads: number, start: StartThread): readonly Thread[] {
  const others: Thread[] = [];
  try {
    while (others.length < threads - 1) others.push(start({ ...given, thread: others.length + 1 }));
  } catch {
    // Those that came are enough.
  }
  return others;
}

/** Makes a team for a module of kernels over the shared memory. Threads start when there is work enough. */
export function openTeam(module: WebAssembly.Module, options: TeamOptions): Team {
  const { threads, start = startWorker, reluctance = RELUCTANCE, limit = LIMIT, callee } = options;
  const kernels = new WebAssembly.Instance(module, { env: { memory: memory() } }).exports as unknown as Kernels;
  const all: Readonly<Record<string, Kernel>> = callee === undefined ? kernels : { ...kernels, [CALLEE]: callee.call };
  const [names, inOrder] = [Object.keys(all), Object.values(all)];
  const { desk, at } = openDesk();
  let others: readonly Thread[] | undefined = threads > 1 && maySleep(desk.words) ? undefined : [];
  let seen = 0;
  const pace = openPace();

  const close = (): void => {
    for (const thread of others ?? []) thread.terminate();
    others = [];
  };
  const sleep = (): boolean => others !== undefined && Atomics.load(desk.words, PLACE.asleep) >= others.length;
  /** Whether a work is large enough to be shared: a library may round by its parts, which do not depend on who sleeps. */
  const isWorth = (cost: number, isOwn = true): boolean => cost >= WAKING || isOwn && cost >= SMALL && !sleep();
  const shares = (cost: number): boolean => {
    if (!isWorth(cost)) return false;
    if (others === undefined && (seen += cost) > reluctance) {
      const { elsewhere } = callee ?? {};
      others = startOthers({ module, memory: memory(), ...at, place: PLACE, looks: LOOKS, elsewhere }, threads, start);
    }
    return others !== undefined && others.length > 0 && !pace.rests();
  };
  const share = (name: string, args: readonly Argument[], work: Work): void => {
    const bounds = partsOf(work, threads);
    if (bounds.length === 2) return alone(name, args, work);
    publish(desk, { kernel: names.indexOf(name), args, bounds });
    takeParts(desk, inOrder, 0);
    if (!finished(desk, limit + PATIENCE * work.units * work.cost * 1e-6)) {
      close();
      throw new Error(`Cannot finish ${name} as a thread was lost in the middle of it: run again with one thread`);
    }
    if (desk.words[PLACE.failed] === 1) throw new RangeError(`Cannot finish ${name} as it reached beyond the memory`);
  };
  const alone = (name: string, args: readonly Argument[], work: Work): void => {
    if (work.parts === undefined || work.units * work.cost < WAKING) {
      return void all[name]!(...args.map((arg) => valueOf(arg, 0, work.units)));
    }
    const bounds = partsOf(work, threads);
    for (let i = 1; i < bounds.length; i++) {
      all[name]!(...args.map((arg) => valueOf(arg, bounds[i - 1]!, bounds[i]!)));
    }
  };
  const mayShare = (name: string): boolean => name !== CALLEE || callee?.elsewhere !== undefined;
  const run = (name: Name | typeof CALLEE, args: readonly Argument[], work: Work): void => {
    const cost = work.units * work.cost;
    const isWorthIt = others?.length !== 0 && isWorth(cost, work.parts === undefined) && mayShare(name);
    if (!isWorthIt) return alone(name, args, work);
    pace.begin();
    (shares(cost) ? share : alone)(name, args, work);
    if (others !== undefined) pace.end(cost);
  };
  return { threads, kernels, shares, run, close };
}
