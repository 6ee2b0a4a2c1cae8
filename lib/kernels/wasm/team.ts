/**
 * The threads that run the emitted functions. The calling thread works too: it takes what the others do not, so that one
 * that is late or gone delays nothing but the part it holds.
 */

import { allocateForever, memory } from "../memory.ts";
import type { Name } from "./module.ts";
import { type Argument, PARTS, partsOf, SMALL, whole, type Work } from "./work.ts";
import {
  type Desk,
  type Kernel,
  PLACE,
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

/** Looks at the control block before a thread sleeps. */
const LOOKS = 1_000;

/** Milliseconds in which no part is finished, after which a thread is taken for dead; parts may be long themselves. */
const LIMIT = 10_000;
const NAPS = 100;
const PATIENCE = 10;

/** What a team is made of. */
export interface TeamOptions {
  /** How many threads, the calling one included. */
  readonly threads: number;
  readonly start?: StartThread;
  readonly reluctance?: number;
  readonly limit?: number;
}

/** Runs kernels, in parts where that pays. */
export interface Team {
  /** How many threads there are at most, the calling one included. */
  readonly threads: number;
  /** Whether a work of so many nanoseconds will be shared. */
  readonly shares: (cost: number) => boolean;
  /** Runs a kernel over all its work. */
  readonly run: (kernel: Name, args: readonly Argument[], work: Work) => void;
  /** Calls a kernel in the calling thread. */
  readonly call: (kernel: Name, ...args: number[]) => number;
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

/** Writes a job down and wakes who sleeps. */
function publish({ words, terms }: Desk, kernel: number, args: readonly Argument[], bounds: readonly number[]): void {
  args.forEach((arg, i) => {
    const { base, first, last, thread } = typeof arg === "number" ? { base: arg, first: 0, last: 0, thread: 0 } : arg;
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

/** Makes a team for an instance of a module over the shared memory. Threads start when there is work enough. */
export function openTeam(module: WebAssembly.Module, options: TeamOptions): Team {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const { threads, start = startWorker, reluctance = RELUCTANCE, limit = LIMIT } = options;
  const kernels = new Map(Object.entries(instance.exports)) as ReadonlyMap<string, unknown> as ReadonlyMap<
    string,
    Kernel
  >;
  const names = [...kernels.keys()];
  const length = PLACE.bounds + MAX_THREADS * PARTS + 1;
  const at = { words: allocateForever(4 * length), terms: allocateForever(8 * TERMS * MAX_ARGUMENTS) };
  const words = new Int32Array(memory.buffer, at.words, length).fill(0);
  const desk = { words, terms: new Float64Array(memory.buffer, at.terms, TERMS * MAX_ARGUMENTS), place: PLACE };
  const inOrder = [...kernels.values()];
  const others: Thread[] = [];
  let state: "waiting" | "open" | "alone" = threads > 1 && maySleep(words) ? "waiting" : "alone";
  let seen = 0;

  const close = (): void => {
    state = "alone";
    for (const thread of others.splice(0)) thread.terminate();
  };
  const gather = (): void => {
    try {
      for (let thread = 1; thread < threads; thread++) {
        others.push(start({ module, memory, ...at, place: PLACE, thread, looks: LOOKS }));
      }
    } catch {
      // An engine without threads, or without so many: those that came are enough.
    }
    state = others.length > 0 ? "open" : "alone";
  };
  const shares = (cost: number): boolean => {
    if (state === "alone" || cost < SMALL) return false;
    if (state === "waiting" && (seen += cost) > reluctance) gather();
    return state === "open";
  };
  const run = (name: Name, args: readonly Argument[], work: Work): void => {
    const kernel = kernels.get(name) as Kernel;
    if (!shares(work.units * work.cost)) return void kernel(...args.map((arg) => whole(arg, work.units)));
    const bounds = partsOf(work, threads);
    publish(desk, names.indexOf(name), args, bounds);
    takeParts(desk, inOrder, 0);
    if (!finished(desk, limit + PATIENCE * work.units * work.cost * 1e-6)) {
      close();
      throw new Error(`Cannot finish ${name} as a thread was lost in the middle of it: run again with one thread`);
    }
    if (words[PLACE.failed] === 1) throw new RangeError(`Cannot finish ${name} as it reached beyond the memory`);
  };
  const call = (name: Name, ...args: number[]): number => (kernels.get(name) as Kernel)(...args);
  return { threads, shares, run, call, close };
}
