/** The fields of a `config.json`, each read with the rule it must keep; those that nobody asked for are known at the end. */
import { nearest } from "../../nearest.ts";

/** A record of JSON. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** Between which numbers, both included. */
export interface Range {
  readonly least?: number;
  readonly most?: number;
}

/** Reads the fields of a record. What breaks its rule is a fault and counts as its default. */
export interface ConfigReader {
  /** Whether a field is there and not null. */
  readonly has: (name: string) => boolean;
  /** A whole number from 1; absent or null, the default. */
  readonly count: (name: string, fallback: number, range?: Range) => number;
  /** A whole number from 1, or null for none; absent, the default. */
  readonly countOrNone: (name: string, fallback: number | null) => number | null;
  /** A number above 0; absent or null, the default. */
  readonly number: (name: string, fallback: number) => number;
  /** A number above 0 or null for none; absent, the default. */
  readonly numberOrNone: (name: string, fallback: number | null) => number | null;
  /** True or false; absent or null, the default. */
  readonly flag: (name: string, fallback: boolean) => boolean;
  /** One of several texts; absent or null, the default. */
  readonly choice: <const T extends string>(name: string, choices: readonly T[], fallback: NoInfer<T>) => T;
  /** A list of one of several values for each layer; absent or null, none. */
  readonly list: <const T extends string | number>(
    name: string,
    choices: readonly T[],
    length: number,
  ) => readonly T[] | null;
  /** A list of so many numbers above 0; absent or null, none. */
  readonly numbers: (name: string, length: number) => readonly number[] | null;
  /** The fields of a record within; absent or null, none. */
  readonly record: (name: string) => ConfigReader | null;
  /** The fields that are there. */
  readonly names: readonly string[];
  /** Says which of these fields are not there. */
  readonly needed: (names: readonly string[]) => void;
  /** Says a rule that fields break together. */
  readonly fault: (rule: string) => void;
  /** Marks fields that need no look: they change nothing that is computed here, whatever they hold. */
  readonly harmless: (names: readonly string[]) => void;
  /** Marks a field that must have this value, or null, where it is there. */
  readonly only: (name: string, value: unknown) => void;
  /** All faults, the fields that nobody asked for among them. */
  readonly faults: () => readonly string[];
}

/** The largest count that a config may hold. */
const MOST = 2 ** 31 - 1;

/** A reader of a record; `path` stands before its fields' names. */
export function configReader(json: JsonRecord, path = ""): ConfigReader {
  const asked = new Set<string>(), faults: string[] = [], within: ConfigReader[] = [];
  const at = (name: string): unknown => {
    asked.add(name);
    return Object.hasOwn(json, name) ? json[name] : undefined;
  };
  const read = <T>(name: string, fallback: T, rule: string, keeps: (value: unknown) => boolean): T => {
    const value = at(name);
    if (value === undefined || value === null) return fallback;
    if (keeps(value)) return value as T;
    faults.push(`${path}${name} must be ${rule}: it is ${shown(value)}`);
    return fallback;
  };
  const isCount = (value: unknown, least: number, most: number): boolean =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  const isNumber = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;
  return {
    has: (name) => (at(name) ?? null) !== null,
    count: (name, fallback, range = {}) => {
      const { least = 1, most = MOST } = range;
      return read(name, fallback, `a whole number from ${least} to ${most}`, (value) => isCount(value, least, most));
    },
    countOrNone: (name, fallback) =>
      at(name) === null ? null : read(name, fallback, `a whole number from 1 to ${MOST} or null`, (value) => {
        return isCount(value, 1, MOST);
      }),
    number: (name, fallback) => read(name, fallback, "a number > 0", isNumber),
    numberOrNone: (name, fallback) => at(name) === null ? null : read(name, fallback, "a number > 0 or null", isNumber),
    flag: (name, fallback) => read(name, fallback, "true or false", (value) => typeof value === "boolean"),
    choice: (name, choices, fallback) =>
      read(name, fallback, oneOf(choices), (value) => choices.some((choice) => choice === value)),
    list: (name, choices, length) =>
      read(
        name,
        null,
        `a list of ${length} values, each ${oneOf(choices)}`,
        (value) =>
          Array.isArray(value) && value.length === length &&
          value.every((item) => choices.some((choice) => choice === item)),
      ),
    numbers: (name, length) =>
      read(name, null, `a list of ${length} numbers > 0`, (value) => {
        return Array.isArray(value) && value.length === length && value.every(isNumber);
      }),
    record: (name) => {
      const found = read<JsonRecord | null>(name, null, "a record", isJsonRecord);
      if (found === null) return null;
      within.push(configReader(found, `${path}${name}.`));
      return within.at(-1) as ConfigReader;
    },
    names: Object.keys(json),
    needed: (names) =>
      names.forEach((name) => (at(name) ?? null) === null && faults.push(`${path}${name} must be there`)),
    fault: (rule) => void faults.push(rule),
    harmless: (names) => names.forEach((name) => asked.add(name)),
    only: (name, expected) => {
      const value = at(name) ?? null;
      if (value !== null && JSON.stringify(value) !== JSON.stringify(expected)) {
        faults.push(
          `${path}${name} must be ${JSON.stringify(expected)}, other values are not computed: it is ${shown(value)}`,
        );
      }
    },
    faults: () => {
      const known = [...asked];
      const unknown = Object.keys(json).filter((name) => !asked.has(name) && json[name] !== null);
      return [
        ...faults,
        ...within.flatMap((reader) => reader.faults()),
        ...unknown.map((name) => unknownField(`${path}${name}`, json[name], known)),
      ];
    },
  };
}

/** Why a field is refused that no one asked for. */
function unknownField(name: string, value: unknown, known: readonly string[]): string {
  const meant = nearest(name.slice(name.lastIndexOf(".") + 1), known);
  const hint = meant === undefined ? "; take it out if it changes nothing" : `, did you mean ${meant}?`;
  const field = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  return `its fields must be known, others may change what the model computes: ${field} is ${shown(value)}${hint}`;
}

function oneOf(choices: readonly (string | number)[]): string {
  return choices.length === 1 ? `${choices[0]}` : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}

/** A value in a sentence, not for ever. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Whether a value is a record of JSON. */
export function isJsonRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
