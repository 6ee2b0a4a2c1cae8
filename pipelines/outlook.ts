/** What `--explain` says of the run to come: the memory of its stages to the byte, and their speed by a probe. */
import { openKernels, type SettingFields, type SettingValues, showPath, type Stage, table } from "../mod.ts";
import { bytesText } from "./explain.ts";
import { type Common, ownOf } from "./flags.ts";
import { type Forecast, forecast, type Holding, peakOf, shortage } from "./forecast.ts";
import type { Program } from "./main.ts";
import { probe, type Speed } from "./speed.ts";

/** The run to come. */
export interface Outlook {
  /** As a table and sentences. */
  readonly text: string;
  /** For `--json`. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Loads what the run would load, does its first stages dry, and its first training step for two seconds. */
export async function outlook<F extends SettingFields, Adds extends object>(
  program: Program<F, Adds>,
  values: SettingValues<F> & Common,
  now: () => number,
): Promise<Outlook> {
  const { seed, backend, threads, library } = values;
  const opened = await openKernels({ backend, threads, ...library !== null && { library } })
    .catch((error: Error) => error.message);
  if (typeof opened === "string") return unknown([opened]);
  const pipeline = program.pipelineOf(ownOf(values));
  const found = await forecast(pipeline, seed).catch((error: Error) =>
    ({ _tag: "Left", left: [error.message] }) as const
  );
  if (found._tag === "Left") return unknown(found.left);
  const told = found.right;
  if (told === null || told.stages.length === 0) return { text: "", json: {} };
  const short = shortageOf(told, program, values);
  const speed = short.length > 0 ? null : await probe(pipeline, told, now);
  const open = loopsOf(pipeline).filter((name) => !told.stages.some(({ path }) => path.at(-1) === name));
  return { text: textOf(told, { speed, short, open }), json: jsonOf(told, { speed, short, open }) };
}

/** Why a run with these settings will not fit, and with which it would; nothing if it will. */
export function shortageOf<F extends SettingFields, Adds extends object>(
  told: Forecast,
  program: Program<F, Adds>,
  values: SettingValues<F> & Common,
): readonly string[] {
  const own = ownOf(values), { batchSize = 1 } = own as { readonly batchSize?: number };
  return shortage(told, {
    ...{ seed: values.seed, batchSize, own: own as Partial<Holding> },
    variant: (change) => program.pipelineOf({ ...own, ...change }),
  });
}

function unknown(sentences: readonly string[]): Outlook {
  const why = sentences.slice(0, 3).join("\n");
  return { text: `What its steps take cannot be said before this is mended:\n${why}\n`, json: { unknown: sentences } };
}

/** What is known beside the memory of stages. */
interface Known {
  readonly speed: Speed | null;
  /** Why the run will not fit. */
  readonly short: readonly string[];
  /** Stages that work in steps whose memory is not known beforehand. */
  readonly open: readonly string[];
}

/** The stages that work in steps. */
function loopsOf({ name, work }: Stage<never, object>): readonly string[] {
  if (work.type === "scan") return [name];
  return work.type === "pipeline" ? work.stages.flatMap(loopsOf) : work.type === "repeat" ? loopsOf(work.stage) : [];
}

function textOf(told: Forecast, { speed, short, open }: Known): string {
  const number = (n: number | undefined): string => n === undefined ? "" : n.toLocaleString("en");
  const rows = told.stages.filter(({ carry, tokens }) => carry > 0 || tokens !== undefined).map((
    { path, tokens, carry, peak, state },
  ) => [
    showPath(path.slice(1)),
    number(tokens?.all),
    number(tokens?.atOnce),
    carry === 0 ? "–" : bytesText(carry),
    bytesText(peak - state - carry),
    bytesText(told.inUse + peak),
  ]);
  const heads = ["memory of", "tokens", "at once", "trained, with moments", "a step", "in all, with what was loaded"];
  return [
    table(heads, rows),
    "",
    ...short.length > 0
      ? short
      : [`At most ${bytesText(peakOf(told))} of tensors at once, of ${bytesText(told.most)} that there can be.`],
    ...open.length === 0 ? [] : [`How much ${open.join(", ")} will take depends on what is answered.`],
    ...speed === null ? [] : [speedText(speed)],
    "",
  ].join("\n");
}

function speedText({ stage, tokensPerSecond, tokens, seconds }: Speed): string {
  const rate = Number(tokensPerSecond.toPrecision(2)).toLocaleString("en");
  return `${stage} learns from about ${rate} tokens a second on this machine: ${
    tokens.toLocaleString("en")
  } tokens take ` +
    `about ${durationText(seconds)}, besides scoring, judging and generating.`;
}

/** A time as one says it: `40 s`, `12 min`, `3.5 h`. */
export function durationText(seconds: number): string {
  if (seconds < 100) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function jsonOf(told: Forecast, { speed, short, open }: Known): Outlook["json"] {
  return {
    stagesBytes: told.stages.map(({ path, tokens, state, carry, peak }) => ({
      ...{ stage: showPath(path), tokens, carry, step: peak - state - carry, most: told.inUse + peak },
    })),
    mostBytes: peakOf(told),
    limitBytes: told.most,
    notForetold: open,
    ...short.length > 0 && { refused: short },
    ...speed && { speed },
  };
}
