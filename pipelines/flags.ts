/** The flags that every pipeline has, and the values of a run from flags and config. */
import { parseArgs } from "@std/cli";
import {
  count,
  define,
  file,
  left,
  number,
  oneOf,
  type Result,
  right,
  type SettingFields,
  type Settings,
  type SettingValues,
  toggle,
} from "../mod.ts";

/** What a run's result may depend on beside the pipeline's own settings, and threads, on which it does not. */
export const COMPUTED = {
  seed: count(0, { help: "all that is random follows from it" }),
  backend: oneOf(["wasm", "blas", "onednn", "reference"], {
    help:
      "SIMD kernels; the same with products by a BLAS, or by oneDNN (in bfloat16 where that is faster), which need " +
      "--allow-ffi; or plain loops, to test them",
  }),
  threads: count(Math.min(navigator.hardwareConcurrency, 8), {
    atLeast: 1,
    atMost: 64,
    help: "that share the work of the kernels; results do not depend on them",
  }),
};

/** What becomes of it: nothing here changes a result. */
const KEPT = {
  library: file({ kind: "library", help: "the library of --backend blas or onednn, if it is not found by itself" }),
  config: file({ kind: "json", help: "settings of a run, as --out writes them; flags go before" }),
  out: file({ kind: "folder", help: "keep the run there: metrics, checkpoints, what was made" }),
  overwrite: toggle(false, { help: "replace the run that is in the folder of --out" }),
  resume: file({ kind: "folder", help: "go on with the run that --out keeps there" }),
  checkpointEvery: count(0, { help: "training steps from one checkpoint to the next; 0: by minutes alone" }),
  checkpointMinutes: number(5, { above: 0, help: "minutes from one checkpoint to the next" }),
  keep: count(2, { atLeast: 1, help: "checkpoints to keep, and the best where a stage says which" }),
  json: toggle(false, { help: "print one JSON document" }),
  html: toggle(false, { help: "print the report as a page" }),
  explain: toggle(false, {
    help: "show the stages, their memory to the byte and the speed of a step; nothing is trained or kept",
  }),
  quiet: toggle(false, { help: "show no progress" }),
  help: toggle(false, { help: "show this, and do nothing" }),
};

/** The values of the common flags. */
export type Common = SettingValues<typeof COMPUTED & typeof KEPT>;

/** Settings of a pipeline with the common ones, and how they are read. */
export interface CommandLine<F> {
  /** A line for each flag. */
  readonly help: string;
  /** The values of flags, over those of a config, over the defaults; or a sentence for each thing that is wrong. */
  readonly parse: (
    args: readonly string[],
    config?: Readonly<Record<string, unknown>>,
  ) => Result<readonly string[], SettingValues<F> & Common>;
}

/** The command line of a pipeline with these settings. */
export function commandLine<F extends SettingFields>(own: Settings<F>): CommandLine<F> {
  const all = define({ ...own.fields, ...COMPUTED, ...KEPT });
  const computed = define({ ...own.fields, ...COMPUTED });
  return {
    help: all.help,
    parse: (args, config) => {
      const flags = parseArgs(words(args), all.flags);
      const values = all.parse(flags);
      const wrong = [
        ...args.filter((word) => all.flags.boolean.some((flag) => word.startsWith(`--${flag}=`)))
          .map((word) => `Cannot read ${word} as ${word.split("=")[0]} takes no value`),
        ...values._tag === "Left" ? values.left : [],
        ...values._tag === "Right" && values.right.json && values.right.html
          ? ["Cannot use --html with --json as one of them goes to stdout: leave one out"]
          : [],
      ];
      if (values._tag === "Left" || wrong.length > 0) return left(wrong);
      if (config === undefined) return right(values.right as unknown as SettingValues<F> & Common);
      const mine = Object.entries(flags).filter(([flag]) => computed.flags.collect.includes(flag));
      const over = computed.parse(Object.fromEntries(mine), config);
      return over._tag === "Left"
        ? over
        : right({ ...values.right, ...over.right } as unknown as SettingValues<F> & Common);
    },
  };
}

/** The pipeline's own values, without the common ones. */
export function ownOf<F extends SettingFields>(values: SettingValues<F> & Common): SettingValues<F> {
  const common = [...Object.keys(COMPUTED), ...Object.keys(KEPT)];
  return Object.fromEntries(Object.entries(values).filter(([name]) => !common.includes(name))) as SettingValues<F>;
}

/** Arguments with `-h` as `--help`, and `--beta -1` as `--beta=-1`: a parser of flags would take `-1` for a flag. */
export function words(args: readonly string[]): readonly string[] {
  return args.flatMap((word, i) => {
    if (word === "-h") return ["--help"];
    const [before, next] = [args[i - 1], args[i + 1]];
    const isNegative = (text: string | undefined): boolean => /^-[\d.]/.test(text ?? "");
    const takes = (text: string | undefined): boolean => /^--[^=]+$/.test(text ?? "");
    if (takes(word) && isNegative(next)) return [`${word}=${next}`];
    return isNegative(word) && takes(before) ? [] : [word];
  });
}

/** Whether a backend calls a library, for which Deno has to be given leave. */
export const callsLibrary = (backend: unknown): boolean => backend === "blas" || backend === "onednn";

/** The command that goes on with the run in a folder, with the flags that say how. */
export function goOnCommand(program: string, folder: string, values: Common): string {
  const flags = (["library", "threads", "checkpointEvery", "checkpointMinutes", "keep"] as const)
    .filter((name) => values[name] !== { ...COMPUTED, ...KEPT }[name].default)
    .map((name) => `--${kebab(name)} ${quoted(String(values[name]))}`);
  const toggles = (["json", "html", "quiet"] as const).filter((name) => values[name]).map((name) => `--${name}`);
  const calls = callsLibrary(values.backend) ? ["--allow-ffi"] : [];
  return ["deno run -R -W", ...calls, quoted(program), "--resume", quoted(folder), ...flags, ...toggles].join(" ");
}

/** `clipRange` as a flag's name: `clip-range`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A word as a shell takes it. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
