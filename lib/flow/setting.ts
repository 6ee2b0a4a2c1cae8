/** The kinds of a setting: what each takes, and the rule that its value must keep. */
import { left, type Result, right } from "../result.ts";

/** One setting: a default, its meaning, and how a value is read. */
export interface Setting<T> {
  /** The value if none is given. */
  readonly default: T;
  /** The value if none is given but another setting is, by the name of that one, or of several with spaces between. */
  readonly defaultWith?: Readonly<Record<string, T>>;
  /** What it means. */
  readonly help: string;
  /** What stands for the value in the help, `<number>`; absent if the flag takes none. */
  readonly takes?: string;
  /** Whether its value is the path of a file or a folder, or what stands for one. */
  readonly isPath?: true;
  /** The range in words, for the help; may be empty. */
  readonly range: string;
  /** What a word of the command line stands for. */
  readonly fromText: (text: string) => unknown;
  /** The value, or the rule that it breaks: `must be …`. */
  readonly read: (value: unknown) => Result<string, T>;
}

/** What a setting means. */
export interface Help {
  /** In a few words, for `--help`. */
  readonly help: string;
}

/** The range of a number, and the unit it is in. */
export interface NumberOptions extends Help {
  /** It must be greater. */
  readonly above?: number;
  /** It must be this or greater. */
  readonly atLeast?: number;
  /** It must be less. */
  readonly below?: number;
  /** It must be this or less. */
  readonly atMost?: number;
  /** Stands for the number in the help: `--timeout <seconds>`. */
  readonly unit?: string;
  /** The default where another setting is given, by its name: a model to go on with is not trained as one from nothing. */
  readonly defaultWith?: Readonly<Record<string, number>>;
}

/** A number in a range. @throws {RangeError} if the default is outside */
export function number(value: number, options: NumberOptions): Setting<number> {
  return numeric("a number", value, options);
}

/** A whole number from 0, or in a narrower range. @throws {RangeError} if the default is outside */
export function count(value: number, options: NumberOptions): Setting<number> {
  const { atLeast = 0 } = options;
  return numeric("a whole number", value, { unit: "count", ...options, atLeast });
}

/** A text. */
export function text(value: string, { help }: Help): Setting<string> {
  return {
    default: value,
    help,
    takes: "<text>",
    range: "",
    fromText: (word) => word,
    read: (given) => typeof given === "string" ? right(given) : left("a text"),
  };
}

/** What a path means, and what it leads to. */
export interface FileOptions extends Help {
  /** Stands for the path in the help: `--out <folder>`. Default `file`. */
  readonly kind?: string;
}

/** The path of a file that the user may name: `null` if not. */
export function file({ help, kind = "file" }: FileOptions): Setting<string | null> {
  return {
    default: null,
    help,
    takes: `<${kind}>`,
    isPath: true,
    range: "",
    fromText: (word) => word,
    read: (given) => typeof given === "string" || given === null ? right(given) : left("the path of a file"),
  };
}

/** One of a few names; the first is the default. */
export function oneOf<const T extends string>(
  names: readonly [T, ...T[]],
  { help, defaultWith }: Help & Pick<Setting<NoInfer<T>>, "defaultWith">,
): Setting<T> {
  return {
    ...defaultWith && { defaultWith },
    default: names[0],
    help,
    takes: `<${names.join("|")}>`,
    range: "",
    fromText: (word) => word,
    read: (value) => names.includes(value as T) ? right(value as T) : left(`one of ${names.join(", ")}`),
  };
}

/** On or off. The flag alone turns it on, `--no-…` off. */
export function toggle(value: boolean, { help }: Help): Setting<boolean> {
  return {
    default: value,
    help,
    range: "",
    fromText: (word) => word,
    read: (given) => typeof given === "boolean" ? right(given) : left("true or false"),
  };
}

function numeric(kind: string, value: number, options: NumberOptions): Setting<number> {
  const { help, unit = "number", above = -Infinity, atLeast = -Infinity, below = Infinity, atMost = Infinity } =
    options;
  const { defaultWith = {} } = options;
  const range = [
    ...above > -Infinity ? [`above ${above}`] : [],
    ...atLeast > -Infinity ? [`at least ${atLeast}`] : [],
    ...below < Infinity ? [`below ${below}`] : [],
    ...atMost < Infinity ? [`at most ${atMost}`] : [],
  ].join(" and ");
  const rule = range === "" ? kind : `${kind}${range.startsWith("at") ? " of " : " "}${range}`;
  const isRight = (x: unknown): x is number =>
    typeof x === "number" && Number.isFinite(x) && x > above && x >= atLeast && x < below && x <= atMost &&
    (kind === "a number" || Number.isSafeInteger(x));
  for (const one of [value, ...Object.values(defaultWith)]) {
    if (isRight(one)) continue;
    throw new RangeError(`Cannot define a setting as its default must be ${rule}: current value is ${one}`);
  }
  return {
    default: value,
    defaultWith,
    help,
    takes: `<${unit}>`,
    range: kind === "a number" || atLeast !== 0 ? range : range.replace(/^at least 0( and )?/, ""),
    fromText: (word) => word.trim() === "" ? word : Number(word),
    read: (x) => isRight(x) ? right(x) : left(rule),
  };
}
