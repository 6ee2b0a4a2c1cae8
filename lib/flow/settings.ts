/**
 * Settings: the one source of a pipeline's flags, help, config keys, defaults and ranges.
 *
 * A setting `clipRange` is the flag `--clip-range` and the config key `"clipRange"`.
 */
import { nearest } from "../nearest.ts";
import { all, left, type Result, right } from "../result.ts";
import type { Setting } from "./setting.ts";

/** Settings by name. */
export type SettingFields = Readonly<Record<string, Setting<unknown>>>;

/** Values by name, not yet read. */
export type Unread = Readonly<Record<string, unknown>>;

/** The values of settings. */
export type SettingValues<F> = { readonly [K in keyof F]: F[K] extends Setting<infer T> ? T : never };

/** How a flag parser splits the command line, in the words of `parseArgs` of `@std/cli`. */
export interface FlagOptions {
  /** Flags that take a value. */
  readonly string: readonly string[];
  /** Flags that take none. */
  readonly boolean: readonly string[];
  /** Flags that `--no-…` turns off. */
  readonly negatable: readonly string[];
  /** All of them, so that one given twice is seen. */
  readonly collect: readonly string[];
}

/** What `define` makes. */
export interface Settings<F> {
  /** The settings by name. */
  readonly fields: F;
  /** The defaults; `typeof settings.values` is the type of what the pipeline gets. */
  readonly values: SettingValues<F>;
  /** For the parser of flags. */
  readonly flags: FlagOptions;
  /** A line for each setting: flag, meaning, range, default. */
  readonly help: string;
  /**
   * The values of split flags, over those of a config, over the defaults; or a sentence for each thing that is wrong.
   *
   * @param flags as `parseArgs(args, settings.flags)` of `@std/cli` splits them
   * @param config of a config file
   */
  readonly parse: (
    flags: Unread,
    config?: Unread,
  ) => Result<readonly string[], SettingValues<F>>;
}

/**
 * Defines settings.
 *
 * @example
 * ```ts
 * import { count, define, number } from "@logratio/logratio";
 * const settings = define({
 *   beta: number(0.1, { above: 0, help: "strength of the pull to the reference" }),
 *   steps: count(200, { help: "training steps" }),
 * });
 * settings.parse({ beta: "0.2" }); // right({ beta: 0.2, steps: 200 })
 * settings.parse({ bta: "0.2" }); // left(["Cannot read --bta as there is no such flag: did you mean --beta?"])
 * ```
 */
export function define<const F extends SettingFields>(fields: F): Settings<F> {
  const names = Object.keys(fields);
  const toggles = names.filter((name) => (fields[name] as Setting<unknown>).takes === undefined).map(kebab);
  const others = names.map(kebab).filter((flag) => !toggles.includes(flag));
  return {
    fields,
    values: Object.fromEntries(names.map((name) => [name, fields[name]?.default])) as SettingValues<F>,
    flags: { string: others, boolean: toggles, negatable: toggles, collect: [...others, ...toggles] },
    help: helpOf(fields),
    parse: (flags, config = {}) => {
      const values = all(
        Object.fromEntries(
          names.map((name) => [name, valueOf(name, fields[name] as Setting<unknown>, { flags, config })]),
        ),
      );
      const errors = [...unknownFlags(fields, flags), ...unknownKeys(fields, config)];
      if (values._tag === "Left") return left([...errors, ...values.left as readonly string[]]);
      return errors.length > 0 ? left(errors) : right(values.right as SettingValues<F>);
    },
  };
}

/** `clipRange` as a flag's name: `clip-range`. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A setting's value: from the flag, else from the config, else the default. */
function valueOf(
  name: string,
  setting: Setting<unknown>,
  { flags, config }: { readonly flags: Unread; readonly config: Unread },
): Result<readonly string[], unknown> {
  const flag = `--${kebab(name)}`;
  const words = [flags[kebab(name)] ?? []].flat();
  const must = (place: string, rule: string, value: string): Result<readonly string[], never> =>
    left([`Cannot read ${place} as it must be ${rule}: current value is ${value}`]);
  if (words.length > 1) return must(flag, "given once", words.join(" and "));
  if (words.length === 1) {
    const [word] = words;
    if (word === "") return left([`Cannot read ${flag} as it needs a value: ${flag} ${setting.takes}`]);
    const value = setting.read(typeof word === "string" ? setting.fromText(word) : word);
    return value._tag === "Left" ? must(flag, value.left, String(word)) : value;
  }
  if (!Object.hasOwn(config, name)) return right(defaultOf(setting, { flags, config }));
  const value = setting.read(config[name]);
  return value._tag === "Left" ? must(`"${name}" in the config`, value.left, JSON.stringify(config[name])) : value;
}

/** A setting's default, which may be another one where another setting is given. */
function defaultOf(setting: Setting<unknown>, given: { readonly flags: Unread; readonly config: Unread }): unknown {
  const isGiven = (name: string): boolean =>
    [given.flags[kebab(name)] ?? []].flat().length > 0 || (given.config[name] ?? null) !== null;
  const other = Object.entries(setting.defaultWith ?? {}).find(([names]) => names.split(" ").every(isGiven));
  return other === undefined ? setting.default : other[1];
}

function unknownFlags(fields: SettingFields, flags: Unread): readonly string[] {
  const known = Object.entries(fields).flatMap(([name, { takes }]) =>
    takes ? [kebab(name)] : [kebab(name), `no-${kebab(name)}`]
  );
  const files = Object.entries(fields).filter(([, setting]) => setting.takes === "<file>").map(([name]) => kebab(name));
  const loose = [flags._ ?? []].flat().map((word) =>
    `Cannot read "${word}" as every argument must belong to a flag` +
    (files.length === 1 ? `: did you mean --${files[0]} ${word}?` : "")
  );
  const strangers = Object.keys(flags).filter((flag) => flag !== "_" && !known.includes(flag)).map((flag) => {
    const meant = nearest(flag, known) ?? nearest(flag.replace(/^no-/, ""), known);
    const dashes = flag.length === 1 ? "-" : "--";
    return `Cannot read ${dashes}${flag} as there is no such flag: ` +
      (meant === undefined ? "--help lists them all" : `did you mean --${meant}?`);
  });
  return [...strangers, ...loose];
}

function unknownKeys(fields: SettingFields, config: Unread): readonly string[] {
  return Object.keys(config).filter((key) => !Object.hasOwn(fields, key)).map((key) => {
    const meant = nearest(key, Object.keys(fields));
    return `Cannot read "${key}" in the config as there is no such setting: ` +
      (meant === undefined ? `they are ${Object.keys(fields).join(", ")}` : `did you mean "${meant}"?`);
  });
}

/** The longest flag that stands beside its meaning: what a longer one means is in the line below it. */
const COLUMN = 48;

/** The help: flags in one column, meaning with range and default in the other. */
function helpOf(fields: SettingFields): string {
  const rows = Object.entries(fields).map(([name, { takes, help, range, default: value, defaultWith = {} }]) => {
    const flag = takes === undefined ? `--${value === true ? "no-" : ""}${kebab(name)}` : `--${kebab(name)} ${takes}`;
    const others = Object.entries(defaultWith).map(([names, value]) =>
      `, with ${names.split(" ").map((name) => `--${kebab(name)}`).join(" and ")} ${value}`
    ).join("");
    const facts = [range, value === null || value === "" || takes === undefined ? "" : `default ${value}${others}`]
      .filter((fact) => fact !== "");
    return [flag, help + (facts.length === 0 ? "" : ` (${facts.join("; ")})`)] as const;
  });
  const width = Math.max(0, ...rows.map(([flag]) => flag.length).filter((length) => length <= COLUMN));
  const gap = (flag: string): string => flag.length <= width ? flag.padEnd(width) : `${flag}\n  ${" ".repeat(width)}`;
  return rows.map(([flag, text]) => `  ${gap(flag)}  ${text}`).join("\n");
}
