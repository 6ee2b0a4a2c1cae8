/** What a command line is used through: arguments and signals in, text and an exit code out. */
import { advanceProgress, type Event, noProgress, showProgress } from "../mod.ts";
import type { OpenFolder } from "./run_folder.ts";

/** What a command line is used through; `Deno`'s own in `main`, anything in tests. */
export interface Terminal {
  readonly args: readonly string[];
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Columns of the terminal behind `err`, `null` if it is a pipe or a file. */
  readonly columns: number | null;
  readonly signal: AbortSignal;
  /** Seconds since any fixed moment. */
  readonly now: () => number;
  /** The program as `deno run` takes it; `pipelines/NAME.ts` if not given. */
  readonly program?: string;
  /** Opens the folder of a run; the disk's if not given. */
  readonly openFolder?: OpenFolder;
}

/** Exit codes: done, the run failed, the input or a flag is wrong, broken off. */
export const EXIT = { done: 0, run: 1, input: 2, aborted: 130 } as const;

/** The terminal of this process. */
export function processTerminal(signal: AbortSignal): Terminal {
  return {
    args: Deno.args,
    out: (text) => write(Deno.stdout, text),
    err: (text) => write(Deno.stderr, text),
    columns: columnsOf(Deno.stderr),
    signal,
    now: () => performance.now() / 1000,
    program: programOf(Deno.mainModule),
  };
}

/** Draws progress on stderr: in a terminal twenty times a second at most. */
export function drawing({ err, columns, now }: Terminal): (event: Event) => void {
  let progress = noProgress;
  let drawn = -Infinity;
  return (event) => {
    progress = advanceProgress(progress, event, now());
    const matters = progress.notes.length > 0 || progress.completed || event.type !== "step";
    if (columns !== null && !matters && now() - drawn < 0.05) return;
    drawn = now();
    err(showProgress(progress, columns));
  };
}

/** Sentences on stderr, a line each. */
export function say({ err, columns }: Terminal, sentences: readonly string[], code: number): number {
  if (sentences.length > 0) {
    err((columns === null ? "" : "\r\x1b[K") + sentences.map((sentence) => `${sentence}\n`).join(""));
  }
  return code;
}

/** Writes all of a text; a reader who has gone (`| head -1`) is no error. */
export function write(to: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(to.writeSync(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** A main module as one would name it to `deno run` from the working directory. */
function programOf(module: string): string {
  if (!module.startsWith("file:")) return module;
  const path = decodeURIComponent(new URL(module).pathname), here = `${Deno.cwd()}/`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}

/** Columns of a terminal, `null` if it is none. */
function columnsOf(stream: typeof Deno.stderr): number | null {
  if (!stream.isTerminal()) return null;
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}
