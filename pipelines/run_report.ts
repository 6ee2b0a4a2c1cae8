/** The report of a run: what the events told, what the pipeline says of its end, and how to do it again. */
import type { Report, Section, SettingFields, SettingValues } from "../mod.ts";

/** The version of this package; a test holds it to `deno.json`. */
export const VERSION = "0.1.0";

/** What is known of a run beside its events. */
export interface Ending<F extends SettingFields> {
  /** The pipeline's name, that of its file. */
  readonly pipeline: string;
  /** All settings it was started with, its own and the common ones. */
  readonly fields: F;
  readonly values: SettingValues<F>;
  /** How long it took. */
  readonly wallSeconds: number;
  /** What came of it, if it came to its end. */
  readonly sections?: readonly Section[];
}

/** Settings that say where to write and what to show, not what to compute. */
const SHOWING = ["out", "overwrite", "resume", "config", "json", "html", "quiet", "help", "explain"];

/** A report of events, completed. */
export function runReport<F extends SettingFields>(told: Report, ending: Ending<F>): Report {
  const { pipeline, sections = [] } = ending;
  return {
    ...told,
    title: `${pipeline}: report of a run`,
    lead: leadOf(ending),
    sections: [...sections, command(ending), settingsTable(ending), versions()],
  };
}

function leadOf<F extends SettingFields>({ pipeline, values, wallSeconds, sections }: Ending<F>): string {
  const { seed, data } = values as { readonly seed?: unknown; readonly data?: unknown };
  const on = data === null || data === undefined ? "the shipped fixture" : String(data);
  const end = sections === undefined ? "stopped after" : "took";
  return `logratio ${pipeline} on ${on}, seed ${seed}; it ${end} ${wallSeconds.toFixed(1)} seconds.`;
}

/** The settings that are not as they come. */
function changed<F extends SettingFields>({ fields, values }: Ending<F>): readonly string[] {
  return Object.keys(fields).filter((name) => values[name] !== fields[name]?.default && !SHOWING.includes(name));
}

/** The command that repeats the run, `deno run -R pipelines/dpo.ts --data pairs.jsonl --beta 0.3`. */
function command<F extends SettingFields>(ending: Ending<F>): Section {
  const { pipeline, fields, values } = ending;
  const names = changed(ending);
  const flags = names.flatMap((name) => {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const value = values[name] as unknown;
    if (typeof value === "boolean") return [`--${value ? "" : "no-"}${flag}`];
    return value === null ? [] : [`--${flag} ${quoted(String(value))}`];
  });
  const reads = names.some((name) => fields[name]?.takes === "<file>" && values[name] !== null);
  return {
    part: "run",
    title: "Again",
    note: "The same command gives the same numbers on the same machine, whatever the number of threads.",
    type: "code",
    code: ["deno run", ...reads ? ["-R"] : [], `pipelines/${pipeline}.ts`, ...flags].join(" "),
  };
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function settingsTable<F extends SettingFields>(ending: Ending<F>): Section {
  const { fields, values } = ending;
  const names = Object.keys(fields).filter((name) => !SHOWING.includes(name));
  const marked = changed(ending);
  const show = (value: unknown): string => value === null ? "none" : value === "" ? "–" : String(value);
  return {
    part: "run",
    title: "Settings",
    folded: true,
    type: "table",
    header: ["setting", "value", "default", "meaning"],
    rows: names.map((name) => [
      name,
      show(values[name]),
      marked.includes(name) ? show(fields[name]?.default) : "the same",
      fields[name]?.help ?? "",
    ]),
  };
}

function versions(): Section {
  const { deno, v8, typescript } = Deno.version;
  const { os, arch } = Deno.build;
  return {
    part: "run",
    title: "Versions",
    folded: true,
    type: "table",
    header: ["what", "version"],
    rows: [["logratio", VERSION], ["Deno", deno], ["V8", v8], ["TypeScript", typescript], [
      "machine",
      `${os}, ${arch}`,
    ]],
  };
}
