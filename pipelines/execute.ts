/** A run from its settings to what it prints and keeps. */
import {
  advanceReport,
  type FileContent,
  finish,
  modelFiles,
  noReport,
  openKernels,
  type Report,
  reportHtml,
  type Result,
  run,
  type SavedModel,
  type Section,
  type SettingFields,
  type SettingValues,
  type Stopped,
  type WeightDtype,
} from "../mod.ts";
import { cardOf } from "./card.ts";
import { type Common, goOnCommand, ownOf } from "./flags.ts";
import { forecastAt } from "./forecast.ts";
import { type Keeper, type KeepOptions, keepRun } from "./keep_run.ts";
import type { Program, Summary } from "./main.ts";
import type { About } from "./model_facts.ts";
import { shortageOf } from "./outlook.ts";
import type { RunFolder } from "./run_folder.ts";
import { runReport } from "./run_report.ts";
import { FILES } from "./saved_run.ts";
import { drawing, EXIT, say, type Terminal } from "./terminal.ts";

/** What the flags and files say of a run. */
interface Asked<F> {
  readonly values: SettingValues<F> & Common;
  readonly kept: RunFolder | null;
}

/** Settings that a run finds out, as a checkpoint has them: going on, they are known from the start. */
const FOUND = { modelHash: "" };

/** How a run ended, and what is left to do with it. */
interface Ended<F extends SettingFields, Adds> {
  readonly program: Program<F, Adds>;
  readonly values: SettingValues<F> & Common;
  readonly name: string;
  readonly result: Result<Stopped, Adds>;
  readonly keeper: Keeper | null;
  /** The command that goes on with it; null if it is not kept. */
  readonly goOn: string | null;
  readonly wallSeconds: number;
  /** Most bytes of tensors that were in use at once. */
  readonly peakBytes: number;
  /** Its report, with what came of it. */
  readonly report: (sections?: readonly Section[]) => Report;
  /** The card of a model that it made, with what came of it. */
  readonly card: (sections: readonly Section[]) => (model: SavedModel, about: About) => string;
}

/** Runs the pipeline with all values read, and prints and keeps what comes out. Returns the exit code. */
export async function execute<F extends SettingFields, Adds extends object>(
  terminal: Terminal,
  program: Program<F, Adds>,
  { values, kept }: Asked<F>,
): Promise<number> {
  const { now, signal } = terminal, began = now();
  const { seed, backend, library, threads, quiet } = values;
  const own = ownOf(values);
  const opened = await openKernels({ backend, threads, ...library !== null && { library } })
    .catch((error: Error) => error.message);
  if (typeof opened === "string") return say(terminal, [opened], EXIT.input);
  const pipeline = program.pipelineOf(own), { name } = pipeline;
  const file = terminal.program ?? `pipelines/${name}.ts`;
  let peakBytes = 0;
  let told: Report = kept?.saved?.report ?? noReport;
  const full = new AbortController(); // the folder takes no more
  let found: Readonly<Record<string, unknown>> = {}; // settings that the run tells
  const config = (): Readonly<Record<string, unknown>> => ({ pipeline: name, seed, backend, ...own, ...found });
  const keeper = keeperOf({ values, kept }, { config, now, told: () => told, onFailure: () => full.abort() });
  say(terminal, [...opened.remarks, ...kept?.remarks ?? []], EXIT.done);
  const draw = quiet ? () => {} : drawing(terminal);
  const running = run(pipeline, {
    ...{
      seed,
      given: {},
      config: { ...own, ..."modelHash" in own && FOUND, backend },
      signal: AbortSignal.any([signal, full.signal]),
    },
    ...keeper && { onCheckpoint: keeper.onCheckpoint, isCheckpointDue: keeper.isCheckpointDue },
    ...kept?.saved && { resume: kept.saved.checkpoint },
    onForetold: (stages, place) => shortageOf(forecastAt(stages, place), program, values),
  });
  const result = await finish(running, async (event) => {
    draw(event);
    told = advanceReport(told, event);
    if (event.type === "done") peakBytes = Math.max(peakBytes, event.memory ?? 0);
    if (event.type === "setting") found = { ...found, [event.name]: event.value };
    await keeper?.listen(event);
  });
  const wallSeconds = Math.round(1000 * (now() - began)) / 1000;
  const ending = { pipeline: name, program: file, settings: program.settings, values, wallSeconds };
  return await conclude(terminal, {
    ...{ program, values, name, keeper, wallSeconds, peakBytes, result: result as Result<Stopped, Adds> },
    goOn: kept && goOnCommand(file, kept.folder.path, values),
    report: (sections) => runReport(told, { ...ending, ...sections && { sections } }),
    card: (sections) => (model, about) => cardOf(model, about, { told, ending: { ...ending, sections } }),
  });
}

/** Who keeps the run in its folder, if it has one. */
function keeperOf<F>(
  { values, kept }: Asked<F>,
  about: Pick<KeepOptions, "config" | "now" | "told" | "onFailure">,
): Keeper | null {
  const { checkpointEvery: every, checkpointMinutes: minutes, keep } = values;
  return kept && keepRun({ ...about, every, minutes, keep, folder: kept.folder, saved: kept.saved });
}

/** Keeps and prints what came of a run, or says why it ended early, what is left of it, and how to go on. */
async function conclude<F extends SettingFields, Adds extends object>(
  terminal: Terminal,
  { program, values, name, result, keeper, goOn, wallSeconds, peakBytes, report, card }: Ended<F, Adds>,
): Promise<number> {
  const goOnWith = `Go on with: ${goOn}`;
  const lost = (): number | undefined => {
    const failure = keeper?.failure();
    return failure &&
      say(terminal, [...failure.sentences, ...failure.kind === "run" ? [goOnWith] : []], EXIT[failure.kind]);
  };
  if (result._tag === "Left") {
    const { kind, sentences } = result.left;
    if (kind !== "input") await keeper?.finish({ [FILES.report]: reportHtml(report()) });
    if (kind !== "aborted") return lost() ?? say(terminal, sentences, EXIT[kind]);
    return lost() ?? say(terminal, [...sentences, goOn === null ? "Nothing was kept of it" : goOnWith], EXIT.aborted);
  }
  const end = program.summary(result.right);
  const whole = report(end.report ?? []), page = keeper !== null || values.html ? reportHtml(whole) : "";
  const about = { pipeline: name, seed: values.seed, wallSeconds, memory: { peakBytes } };
  const json = `${JSON.stringify({ ...about, ...end.json }, null, 2)}\n`;
  await keeper?.finish({
    ...filesOf(end, { pipeline: name, data: dataOf(values), ...savingOf(values) }, card(end.report ?? [])),
    [FILES.report]: page,
    [FILES.summary]: json,
  });
  const failed = lost();
  if (failed !== undefined) return failed;
  terminal.out(values.html ? page : values.json ? json : `${end.table}\n`);
  return end.exit ?? EXIT.done;
}

/** The data file, if the pipeline has such a setting and it was given. */
function dataOf(values: object): string | null {
  return "data" in values && typeof values.data === "string" ? values.data : null;
}

/** How a model is saved, if the pipeline has settings for it. */
function savingOf(values: object): { readonly merge: boolean; readonly dtype?: WeightDtype } {
  const { merge = false, saveDtype = "exact" } = values as {
    readonly merge?: boolean;
    readonly saveDtype?: "exact" | WeightDtype;
  };
  return { merge, ...saveDtype !== "exact" && { dtype: saveDtype } };
}

/** The files of the model that a run made, and its card. */
function filesOf(
  { model }: Summary,
  about: { readonly pipeline: string; readonly data: string | null } & ReturnType<typeof savingOf>,
  card: (model: SavedModel, about: About) => string,
): Readonly<Record<string, FileContent>> {
  if (model === undefined) return {};
  const files = { ...modelFiles(model, about), "README.md": card(model, about) };
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [`${FILES.model}/${name}`, content]));
}
