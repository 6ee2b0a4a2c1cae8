/** The command line of every pipeline: flags in, progress on stderr, the result on stdout, an exit code. */
import {
  type Failure,
  type Result,
  right,
  type SavedModel,
  type Section,
  type SettingFields,
  type Settings,
  type SettingValues,
  type Stage,
} from "../mod.ts";
import { execute } from "./execute.ts";
import { explain, type Size } from "./explain.ts";
import { commandLine, ownOf, words } from "./flags.ts";
import { outlook } from "./outlook.ts";
import { configOf, runFolder } from "./run_folder.ts";
import { EXIT, processTerminal, say, type Terminal, write } from "./terminal.ts";

export type { Terminal } from "./terminal.ts";

/** What a pipeline has to say in the end. */
export interface Summary {
  /** Fields of the document that `--json` prints. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What is printed otherwise. */
  readonly table: string;
  /** 1 if what was found calls for a person, as a linter's exit code does. Default 0. */
  readonly exit?: 0 | 1;
  /** What a report says of it beside the curves. */
  readonly report?: readonly Section[];
  /** What it made: a folder keeps it as files that others load. */
  readonly model?: SavedModel;
}

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
 * @param sizes what takes memory, for `--explain`
 */
export async function main<F extends SettingFields, Adds extends object>(
  pipelineOf: (values: SettingValues<F>) => Stage<object, Adds>,
  settings: Settings<F>,
  summary: (state: NoInfer<Adds>) => Summary,
  sizes?: Sizes<F>,
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
    Deno.exitCode = await command(processTerminal(abort.signal), { pipelineOf, settings, summary, sizes });
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  }
}

/** What takes memory, or why it cannot be known. */
export type Sizes<F> = (values: SettingValues<F>) => Promise<Result<Failure, readonly Size[]>>;

/** A pipeline with its command line. */
export interface Program<F, Adds> {
  readonly pipelineOf: (values: SettingValues<F>) => Stage<object, Adds>;
  readonly settings: Settings<F>;
  readonly summary: (state: NoInfer<Adds>) => Summary;
  /** What `--explain` says of memory, as far as it is known before a run. */
  readonly sizes?: Sizes<F> | undefined;
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
  if (values.right.explain) {
    const own = ownOf(values.right), sizes = await program.sizes?.(own) ?? right([]);
    if (sizes._tag === "Left") return say(terminal, sizes.left.sentences, EXIT[sizes.left.kind]);
    const ahead = program.sizes === undefined ? null : await outlook(program, values.right, terminal.now);
    terminal.out(explain(program.pipelineOf(own), sizes.right, { json: values.right.json, outlook: ahead }));
    return EXIT.done;
  }
  const kept = await runFolder(values.right, terminal.openFolder);
  if (kept._tag === "Left") return say(terminal, kept.left.sentences, EXIT[kept.left.kind]);
  try {
    return await execute(terminal, program, { values: values.right, kept: kept.right });
  } catch (error) {
    const lack = missingPermission(error);
    return lack === undefined ? say(terminal, [mistake(error)], EXIT.run) : say(terminal, [lack], EXIT.input);
  }
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
