/** The command line of every pipeline: flags in, progress on stderr, the result on stdout, an exit code. */
import { parseArgs } from "@std/cli";
import {
  advanceProgress,
  count,
  define,
  type Event,
  finish,
  noProgress,
  oneOf,
  openKernels,
  run,
  type SettingFields,
  type Settings,
  type SettingValues,
  showProgress,
  type Stage,
  type Stopped,
  toggle,
} from "../mod.ts";

/** What a pipeline has to say in the end. */
export interface Summary {
  /** Fields of the document that `--json` prints. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What is printed otherwise. */
  readonly table: string;
  /** 1 if what was found calls for a person, as a linter's exit code does. Default 0. */
  readonly exit?: 0 | 1;
}

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
}

/** The flags that every pipeline has. */
const COMMON = {
  seed: count(0, { help: "all that is random follows from it" }),
  backend: oneOf(["wasm", "reference"], { help: "SIMD kernels, or the plain loops they are tested against" }),
  threads: count(Math.min(navigator.hardwareConcurrency, 8), {
    atLeast: 1,
    atMost: 64,
    help: "that share the work of the kernels; results do not depend on them",
  }),
  json: toggle(false, { help: "print one JSON document" }),
  quiet: toggle(false, { help: "show no progress" }),
  help: toggle(false, { help: "show this, and do nothing" }),
};

type Common = SettingValues<typeof COMMON>;

const EXIT = { done: 0, run: 1, input: 2, aborted: 130 } as const;

/**
 * Runs a pipeline as the flags say, prints what comes out, and sets the exit code: 0 done (or what the summary says), 1
 * the run failed, 2 the input
 * or a flag is wrong, 130 Ctrl-C.
 *
 * The first Ctrl-C stops the run after the step it is in, the second ends the program at once.
 *
 * @param pipelineOf the pipeline of some settings
 * @param settings its own; the common ones are added here
 * @param summary what to print of the last state
 */
export async function main<F extends SettingFields, Adds extends object>(
  pipelineOf: (values: SettingValues<F>) => Stage<object, Adds>,
  settings: Settings<F>,
  summary: (state: NoInfer<Adds>) => Summary,
): Promise<void> {
  const abort = new AbortController();
  const interrupt = (): void => {
    if (abort.signal.aborted) Deno.exit(EXIT.aborted);
    write(Deno.stderr, "\nStopping after this step; Ctrl-C once more ends at once\n");
    abort.abort();
  };
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    const terminal: Terminal = {
      args: Deno.args,
      out: (text) => write(Deno.stdout, text),
      err: (text) => write(Deno.stderr, text),
      columns: columnsOf(Deno.stderr),
      signal: abort.signal,
      now: () => performance.now() / 1000,
    };
    Deno.exitCode = await command(terminal, { pipelineOf, settings, summary });
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
  }
}

/** A pipeline with its command line. */
export interface Program<F, Adds> {
  readonly pipelineOf: (values: SettingValues<F>) => Stage<object, Adds>;
  readonly settings: Settings<F>;
  readonly summary: (state: NoInfer<Adds>) => Summary;
}

/** What `main` does, through any terminal. Returns the exit code. */
export async function command<F extends SettingFields, Adds extends object>(
  terminal: Terminal,
  program: Program<F, Adds>,
): Promise<number> {
  const all = define({ ...program.settings.fields, ...COMMON });
  const args = words(terminal.args);
  if (args.includes("--help")) {
    const { name } = program.pipelineOf(program.settings.values);
    terminal.out(`Usage: deno run pipelines/${name}.ts [flags]\n\n${all.help}\n`);
    return EXIT.done;
  }
  const values = all.parse(parseArgs(args, all.flags));
  const wrong = [
    ...args.filter((word) => all.flags.boolean.some((flag) => word.startsWith(`--${flag}=`)))
      .map((word) => `Cannot read ${word} as ${word.split("=")[0]} takes no value`),
    ...values._tag === "Left" ? values.left : [],
  ];
  if (values._tag === "Left" || wrong.length > 0) return say(terminal, wrong, EXIT.input);
  try {
    return await execute(terminal, program, values.right as SettingValues<F> & Common);
  } catch (error) {
    const lack = missingPermission(error);
    return lack === undefined ? say(terminal, [mistake(error)], EXIT.run) : say(terminal, [lack], EXIT.input);
  }
}

/** Runs the pipeline with all values read, and prints what comes out. */
async function execute<F extends SettingFields, Adds extends object>(
  terminal: Terminal,
  { pipelineOf, summary }: Program<F, Adds>,
  values: SettingValues<F> & Common,
): Promise<number> {
  const { signal, now, out } = terminal;
  const began = now();
  const { seed, backend, threads, json, quiet, help: _, ...own } = values;
  await openKernels({ backend, threads });
  const pipeline = pipelineOf(own as unknown as SettingValues<F>);
  const running = run(pipeline, { seed, given: {}, config: { ...own, backend }, signal });
  const ended = await finish(running, quiet ? undefined : drawing(terminal));
  if (ended._tag === "Left") return say(terminal, sentencesOf(ended.left), EXIT[ended.left.kind]);
  const { json: document, table, exit = EXIT.done } = summary(ended.right as Adds);
  const wallSeconds = Math.round(1000 * (now() - began)) / 1000;
  out(`${json ? JSON.stringify({ pipeline: pipeline.name, seed, wallSeconds, ...document }, null, 2) : table}\n`);
  return exit;
}

/** Arguments with `-h` as `--help`, and `--beta -1` as `--beta=-1`: a parser of flags would take `-1` for a flag. */
function words(args: readonly string[]): readonly string[] {
  return args.flatMap((word, i) => {
    if (word === "-h") return ["--help"];
    const [before, next] = [args[i - 1], args[i + 1]];
    const isNegative = (text: string | undefined): boolean => /^-[\d.]/.test(text ?? "");
    const takes = (text: string | undefined): boolean => /^--[^=]+$/.test(text ?? "");
    if (takes(word) && isNegative(next)) return [`${word}=${next}`];
    return isNegative(word) && takes(before) ? [] : [word];
  });
}

/** Draws progress on stderr: in a terminal twenty times a second at most. */
function drawing({ err, columns, now }: Terminal): (event: Event) => void {
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
function say({ err, columns }: Terminal, sentences: readonly string[], code: number): number {
  err((columns === null ? "" : "\r\x1b[K") + sentences.map((sentence) => `${sentence}\n`).join(""));
  return code;
}

function sentencesOf({ kind, sentences }: Stopped): readonly string[] {
  return kind === "aborted" ? [...sentences, "Nothing was kept of it"] : sentences;
}

/** The sentence for a permission that was not given. */
function missingPermission(error: unknown): string | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  const [, access, flag] = /^Requires (.+), run again with the (--allow-\w+) flag/.exec(error.message) ?? [];
  return flag === undefined ? error.message : `Cannot go on as ${access} is not permitted: run again with ${flag}`;
}

/** What the system refused in a sentence; of a mistake in the program also where it is. */
function mistake(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `Cannot go on as the system says: ${error.message}` : error.stack ?? error.message;
}

/** Writes all of a text; a reader who has gone (`| head -1`) is no error. */
function write(to: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(to.writeSync(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
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
