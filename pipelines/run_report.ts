/** The report of a run: what the events told, what the pipeline says of its end, and how to do it again. */
import type { Report, Section, SettingFields, Settings, SettingValues } from "../mod.ts";
import { callsLibrary, type Common, COMPUTED, kebab, quoted } from "./flags.ts";

/** The version of this package; a test holds it to `deno.json`. */
export const VERSION = "0.1.0";

/** What is known of a run beside its events. */
export interface Ending<F extends SettingFields> {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The program as `deno run` takes it; `pipelines/NAME.ts` if not given. */
  readonly program?: string;
  /** The pipeline's own settings. */
  readonly settings: Settings<F>;
  /** What they were, with the common ones. */
  readonly values: SettingValues<F> & Common;
  /** How long it took. */
  readonly wallSeconds: number;
  /** What came of it; absent if it did not come to its end. */
  readonly sections?: readonly Section[];
}

/** A setting as it was, and whether that is how it comes. */
interface Set {
  readonly name: string;
  readonly value: unknown;
  readonly default: unknown;
  readonly help: string;
  readonly isChanged: boolean;
  readonly isPath: boolean;
}

/** A report of events, completed. */
export function runReport<F extends SettingFields>(told: Report, ending: Ending<F>): Report {
  const { pipeline, program = `pipelines/${pipeline}.ts`, sections = [] } = ending;
  const set = setOf(ending);
  return {
    ...told,
    title: `${pipeline}: report of a run`,
    lead: leadOf(ending),
    sections: [...sections, again(program, set), settingsTable(set), versions()],
  };
}

/** All settings on which a result may depend, and the threads. */
function setOf<F extends SettingFields>({ settings, values }: Ending<F>): readonly Set[] {
  return Object.entries({ ...settings.fields, ...COMPUTED }).map(([name, setting]) => {
    const value = (values as Readonly<Record<string, unknown>>)[name];
    const { default: usual, help, isPath = false } = setting;
    return { name, value, default: usual, help, isChanged: value !== usual, isPath };
  });
}

function leadOf<F extends SettingFields>({ values, wallSeconds, sections }: Ending<F>): string {
  const { seed, data = null } = values as { readonly seed: number; readonly data?: string | null };
  const on = data === null ? "the shipped data" : data;
  return `On ${on}, seed ${seed}. It ${sections === undefined ? "stopped after" : "took"} ${
    wallSeconds.toFixed(1)
  } seconds.`;
}

/** The command that repeats the run, `deno run -R pipelines/dpo.ts --data pairs.jsonl --beta 0.3`. */
function again(program: string, set: readonly Set[]): Section {
  const changed = set.filter(({ name, isChanged }) => isChanged && name !== "threads");
  const flags = changed.map(({ name, value }) =>
    typeof value === "boolean" ? `--${value ? "" : "no-"}${kebab(name)}` : `--${kebab(name)} ${quoted(String(value))}`
  );
  const calls = set.some(({ name, value }) => name === "backend" && callsLibrary(value));
  const reads = changed.some(({ isPath }) => isPath);
  return {
    part: "run",
    title: "Again",
    note: "The same command gives the same numbers on the same machine, whatever the number of threads.",
    type: "code",
    code: ["deno run", ...reads ? ["-R"] : [], ...calls ? ["--allow-ffi"] : [], quoted(program), ...flags].join(" "),
  };
}

function settingsTable(set: readonly Set[]): Section {
  const show = (value: unknown): string => value === null ? "none" : value === "" ? "–" : String(value);
  return {
    part: "run",
    title: "Settings",
    folded: true,
    type: "table",
    header: ["setting", "value", "default", "meaning"],
    rows: set.map(({ name, value, default: usual, help, isChanged }) => [
      name,
      show(value),
      isChanged ? show(usual) : "the same",
      help,
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
