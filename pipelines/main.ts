/** The command line of every pipeline: flags in, progress on stderr, the result on stdout, an exit code. */
import {
  advanceProgress,
  type Event,
  finish,
  noProgress,
  openKernels,
  run,
  type Section,
  type SettingFields,
  type Settings,
  type SettingValues,
  showProgress,
  type Stage,
  type Stopped,
} from "../mod.ts";
import { commandLine, type Common, goOnCommand, ownOf, words } from "./flags.ts";
import { type Keeper, keepRun } from "./keep_run.ts";
import { configOf, type OpenFolder, type RunFolder, runFolder } from "./run_folder.ts";
import { FILES } from "./saved_run.ts";

/** What a pipeline has to say in the end. */
export interface Summary {
  /** Fields of the document that `--json` prints. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What is printed otherwise. */
  readonly table: string;
  /** 1 if what was found calls for a person, as a linter's exit code does. Default 0. */
  readonly exit?: 0 | 1;
  /** A page of its own, in place of the report that every run has. */
  readonly page?: () => string;
  /** What a report says of it beside the curves. */
  readonly report?: readonly Section[];
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
  /** The program as `deno run` takes it; `pipelines/NAME.ts` if not given. */
  readonly program?: string;
  /** Opens the folder of a run; the disk's if not given. */
  readonly openFolder?: OpenFolder;
}

const EXIT = { done: 0, run: 1, input: 2, aborted: 130 } as const;

/**
 * Runs a pipeline as the flags say, prints what comes out, and sets the exit code: 0 done (or what the summary says),
 * 1 the run failed, 2 the input or a flag is wrong, 130 Ctrl-C or SIGTERM.
 *
 * The first Ctrl-C stops the run after the step it is in, keeping it if it has a folder; the second ends the program at
 * once.
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
  const signals = Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  try {
    const terminal: Terminal = {
      args: Deno.args,
      out: (text) => write(Deno.stdout, text),
      err: (text) => write(Deno.stderr, text),
      columns: columnsOf(Deno.stderr),
      signal: abort.signal,
      now: () => performance.now() / 1000,
      program: programOf(Deno.mainModule),
    };
    Deno.exitCode = await command(terminal, { pipelineOf, settings, summary });
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
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
  const { name } = program.pipelineOf(program.settings.values);
  const line = commandLine(program.settings);
  if (words(terminal.args).includes("--help")) {
    terminal.out(`Usage: deno run pipelines/${name}.ts [flags]\n\n${line.help}\n`);
    return EXIT.done;
  }
  const flags = line.parse(terminal.args);
  if (flags._tag === "Left") return say(terminal, flags.left, EXIT.input);
  const config = await configOf(flags.right, name, terminal.openFolder);
  if (config._tag === "Left") return say(terminal, config.left.sentences, EXIT[config.left.kind]);
  const values = line.parse(terminal.args, config.right);
  if (values._tag === "Left") return say(terminal, values.left, EXIT.input);
  const kept = await runFolder(values.right, terminal.openFolder);
  if (kept._tag === "Left") return say(terminal, kept.left.sentences, EXIT[kept.left.kind]);
  try {
    return await execute(terminal, program, { values: values.right, kept: kept.right });
  } catch (error) {
    const lack = missingPermission(error);
    return lack === undefined ? say(terminal, [mistake(error)], EXIT.run) : say(terminal, [lack], EXIT.input);
  }
}

/** What the flags and files say of a run. */
interface Asked<F> {
  readonly values: SettingValues<F> & Common;
  readonly kept: RunFolder | null;
}

/** Runs the pipeline with all values read, and prints what comes out. */
async function execute<F extends SettingFields, Adds extends object>(
  terminal: Terminal,
  { pipelineOf, summary }: Program<F, Adds>,
  { values, kept }: Asked<F>,
): Promise<number> {
  const { now, out } = terminal;
  const began = now();
  const { seed, backend, blas, threads, json, quiet } = values;
  const own = ownOf(values);
  const refusal = await openKernels({ backend, threads, ...blas !== null && { blas } })
    .then(() => null, (error: Error) => error.message);
  if (refusal !== null) return say(terminal, [refusal], EXIT.input);
  const pipeline = pipelineOf(own);
  const full = new AbortController(); // the folder takes no more
  const keeper = kept && keeperOf({ values, kept }, { pipeline: pipeline.name, seed, backend, ...own }, {
    now,
    onFailure: () => full.abort(),
  });
  if (kept !== null) say(terminal, kept.remarks, EXIT.done);
  const draw = quiet ? () => {} : drawing(terminal);
  const running = run(pipeline, {
    ...{ seed, given: {}, config: { ...own, backend }, signal: AbortSignal.any([terminal.signal, full.signal]) },
    ...keeper && { onCheckpoint: keeper.onCheckpoint, isCheckpointDue: keeper.isCheckpointDue },
    ...kept?.saved && { resume: kept.saved.checkpoint },
  });
  const ended = await finish(running, async (event) => {
    draw(event);
    await keeper?.listen(event);
  });
  const goOn = kept && goOnCommand(terminal.program ?? `pipelines/${pipeline.name}.ts`, kept.folder.path, values);
  if (ended._tag === "Left") return await stopped(terminal, ended.left, { keeper, goOn });
  const { json: document, table, page, exit = EXIT.done } = summary(ended.right as Adds);
  const wallSeconds = Math.round(1000 * (now() - began)) / 1000;
  const text = JSON.stringify({ pipeline: pipeline.name, seed, wallSeconds, ...document }, null, 2);
  await keeper?.finish({ ...page && { [FILES.report]: page() }, [FILES.summary]: `${text}\n` });
  const lost = keeper?.failure();
  if (lost !== undefined) return say(terminal, [...lost.sentences, `Go on with: ${goOn}`], EXIT.run);
  out(`${json ? text : table}\n`);
  return exit;
}

/** The keeper of a run in its folder. */
function keeperOf<F>(
  { values, kept }: { readonly values: SettingValues<F> & Common; readonly kept: RunFolder },
  config: Readonly<Record<string, unknown>>,
  more: { readonly now: () => number; readonly onFailure: () => void },
): Keeper {
  const { checkpointEvery: every, checkpointMinutes: minutes, keep } = values;
  return keepRun({ ...more, config, every, minutes, keep, folder: kept.folder, saved: kept.saved });
}

/** Says why a run ended early, what is left of it, and how to go on. */
async function stopped(
  terminal: Terminal,
  { kind, sentences }: Stopped,
  { keeper, goOn }: { readonly keeper: Keeper | null; readonly goOn: string | null },
): Promise<number> {
  const lost = keeper?.failure();
  if (lost !== undefined) return say(terminal, [...lost.sentences, `Go on with: ${goOn}`], EXIT.run);
  if (kind === "aborted") {
    await keeper?.finish({});
    return say(
      terminal,
      [...sentences, goOn === null ? "Nothing was kept of it" : `Go on with: ${goOn}`],
      EXIT.aborted,
    );
  }
  if (kind === "run") await keeper?.finish({});
  return say(terminal, sentences, EXIT[kind]);
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
