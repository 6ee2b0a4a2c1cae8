/**
 * What a kernel thread does. A job is one kernel with its arguments, and a number of parts. A part belongs to the thread
 * that counted it down, and its arguments are read only after that; a job ends when all parts are done. So a late thread
 * never mixes two jobs, and no part is done twice.
 *
 * `takeParts` and `serve` are also the text of the worker's program: they use nothing but what they are given.
 */

/**
 * Places in the control block, in words: parts left, parts not done, whether one failed, the kernel, its number of
 * arguments, how many threads sleep, and the bounds of the parts. What many threads write stands in cache lines of its
 * own.
 */
export const PLACE = { left: 0, pending: 16, failed: 32, kernel: 33, count: 34, asleep: 48, bounds: 64 } as const;

/** Numbers of an argument: `base + first·a + last·b + thread·c`. */
export const TERMS = 4;

/** A kernel as the engine gives it. */
export type Kernel = (...args: number[]) => number;

/** A function of a library, which threads call as they call a kernel. */
export interface Callee {
  /** The calling thread's own. */
  readonly call: Kernel;
  /**
   * How another thread comes by its own: `open`, whose text uses nothing but what it is given, gets `given` and the
   * memory. Where it is missing, the calling thread does all.
   */
  readonly elsewhere?: { readonly open: (given: never, memory: WebAssembly.Memory) => Kernel; readonly given: object };
}

/** What the threads share: the control block, and the terms of the arguments. */
export interface Desk {
  /** The control block. */
  readonly words: Int32Array;
  /** Terms of the arguments, `TERMS` for each. */
  readonly terms: Float64Array;
  /** Places in the control block. */
  readonly place: typeof PLACE;
}

/** Takes parts of the current job and does them until none is left. */
export function takeParts({ words, terms, place }: Desk, kernels: readonly Kernel[], thread: number): void {
  for (let left = Atomics.load(words, place.left); left > 0; left = Atomics.load(words, place.left)) {
    if (Atomics.compareExchange(words, place.left, left, left - 1) !== left) continue;
    const [first, last] = [words[place.bounds + left - 1]!, words[place.bounds + left]!];
    const args: number[] = [];
    for (let i = 0; i < words[place.count]! * 4; i += 4) {
      args.push(terms[i]! + terms[i + 1]! * first + terms[i + 2]! * last + terms[i + 3]! * thread);
    }
    try {
      kernels[words[place.kernel]!]!(...args);
    } catch {
      Atomics.store(words, place.failed, 1);
    }
    if (Atomics.sub(words, place.pending, 1) === 1) Atomics.notify(words, place.pending);
  }
}

/** What a thread is given when it starts. */
export interface Start {
  /** The kernels. */
  readonly module: WebAssembly.Module;
  /** The shared memory. */
  readonly memory: WebAssembly.Memory;
  /** Address of the control block. */
  readonly words: number;
  /** Address of the terms. */
  readonly terms: number;
  /** Places in the control block. */
  readonly place: typeof PLACE;
  /** Its number; the calling thread is 0. */
  readonly thread: number;
  /** How often it looks for work before it sleeps. */
  readonly looks: number;
  /** A library's function to call beside the kernels, if there is one. */
  readonly elsewhere?: Callee["elsewhere"] | undefined;
}

type Open = NonNullable<Callee["elsewhere"]>["open"];

/** What travels to a worker: functions go as text. */
type Given = Omit<Start, "elsewhere"> & { readonly given?: object | undefined };

/** A thread's life: it looks for work for a while, sleeps until there is some, and does it. */
export function serve(start: Given, take: typeof takeParts, open?: Open): never {
  const { memory, place, looks, given } = start;
  const { exports } = new WebAssembly.Instance(start.module, { env: { memory } });
  const kernels = Object.values(exports) as readonly unknown[] as Kernel[];
  if (open !== undefined) kernels.push(open(given as never, memory));
  const words = new Int32Array(memory.buffer, start.words);
  const desk = { words, terms: new Float64Array(memory.buffer, start.terms), place };
  const { pause = () => {} } = Atomics as { readonly pause?: () => void };
  for (;;) {
    for (let i = 0; i < looks && Atomics.load(words, place.left) === 0; i++) pause();
    if (Atomics.load(words, place.left) === 0) {
      Atomics.add(words, place.asleep, 1);
      Atomics.wait(words, place.left, 0);
      Atomics.sub(words, place.asleep, 1);
    }
    take(desk, kernels, start.thread);
  }
}

/** A thread that was started. */
export interface Thread {
  /** Ends it at once. */
  readonly terminate: () => unknown;
}

/** Starts a thread that lives by `serve`; throws where the engine has none. */
export type StartThread = (start: Start) => Thread;

/** As much of `node:worker_threads` as is used. */
interface WorkerThreads {
  readonly Worker: new (
    program: string,
    options: { readonly eval: true; readonly env: object; readonly workerData: Given },
  ) => {
    unref(): void;
    on(event: "error", listener: () => void): void;
    terminate(): unknown;
  };
}

/**
 * A worker of `node:worker_threads`, from text: it needs no permission, and does not keep the program alive. The module
 * is asked for when it is needed, as browsers have none.
 */
export const startWorker: StartThread = ({ elsewhere, ...start }) => {
  const { process } = globalThis as unknown as {
    readonly process: { getBuiltinModule(name: "node:worker_threads"): WorkerThreads };
  };
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const program = `(${serve})(require("node:worker_threads").workerData, ${takeParts}, ${elsewhere?.open})`;
  // Without an environment of its own a worker copies the program's, for which Deno would ask at a terminal.
  const worker = new Worker(program, { eval: true, env: {}, workerData: { ...start, given: elsewhere?.given } });
  worker.unref();
  worker.on("error", () => {}); // what it leaves the other threads do
  return { terminate: () => worker.terminate() };
};
