/** The methods of texts, dicts and lists that templates may call; Python's others are refused by name. */
import type { Budget } from "./budget.ts";
import { type Sides, SPACE, strip } from "./space.ts";
import { fault, unsupported } from "./template_error.ts";
import {
  type Args,
  bind,
  type Dict,
  equal,
  integer,
  isDict,
  isKind,
  isList,
  itemsOf,
  type Iterable,
  string,
  tuple,
  type Value,
} from "./values.ts";

type Method<T> = (value: T, args: Args, budget: Budget) => Value;

const BETWEEN = new RegExp(`${SPACE}+`);

/** Python's `strip`, `lstrip`, `rstrip`: white space, or any of the characters. */
export function stripped(text: string, sides: Sides, characters: Value | undefined): string {
  if (characters === undefined || characters === null) return strip(text, sides);
  const set = new Set(Array.from(string(characters)));
  return strip(text, sides, (character) => set.has(character));
}

/** Python's `capitalize`. */
export function capitalized(text: string): string {
  const [first = "", ...rest] = Array.from(text);
  return first.toUpperCase() + rest.join("").toLowerCase();
}

/** Python's `replace`. */
export function replaced(text: string, [from, to, count]: readonly (Value | undefined)[], budget: Budget): string {
  const [old, fresh] = [string(from as Value), string(to as Value)];
  if (old === "") throw unsupported("replacing an empty text");
  const most = count === undefined || count === null ? -1 : integer(count);
  const parts = text.split(old);
  const kept = most < 0 || most >= parts.length ? parts : [...parts.slice(0, most), parts.slice(most).join(old)];
  budget.length(text.length + (kept.length - 1) * fresh.length);
  return kept.join(fresh);
}

function split(text: string, [separator, limit]: readonly (Value | undefined)[]): readonly string[] {
  const most = limit === undefined ? -1 : integer(limit);
  if (separator === undefined || separator === null) {
    if (most >= 0) throw unsupported("split at white space with a limit");
    const parts = stripped(text, "both", undefined).split(BETWEEN);
    return parts[0] === "" ? [] : parts;
  }
  const by = string(separator);
  if (by === "") throw fault("empty separator");
  const parts = text.split(by);
  return most < 0 || most >= parts.length ? parts : [...parts.slice(0, most), parts.slice(most).join(by)];
}

/** How often a text occurs in another, without overlap. */
function count(text: string, part: string): bigint {
  return BigInt(part === "" ? Array.from(text).length + 1 : text.split(part).length - 1);
}

const oneOf = (value: Value): readonly string[] => isKind(value, "tuple") ? value.items.map(string) : [string(value)];
const needed = (name: string, args: Args, parameters: readonly string[]): readonly Value[] => {
  const bound = bind(name, args, parameters);
  if (bound.some((value) => value === undefined)) throw fault(`${name}() takes ${parameters.length} arguments`);
  return bound as readonly Value[];
};
const bare = (f: (text: string) => Value): Method<string> => (text, args) => (needed("method", args, []), f(text));

const STRING: Readonly<Record<string, Method<string>>> = {
  strip: (text, args) => stripped(text, "both", bind("strip", args, ["chars"])[0]),
  lstrip: (text, args) => stripped(text, "left", bind("lstrip", args, ["chars"])[0]),
  rstrip: (text, args) => stripped(text, "right", bind("rstrip", args, ["chars"])[0]),
  upper: bare((text) => text.toUpperCase()),
  lower: bare((text) => text.toLowerCase()),
  capitalize: bare(capitalized),
  title: bare((text) => text.replace(/\p{Cased}+/gu, capitalized)),
  split: (text, args, budget) => budget.list(split(text, bind("split", args, ["sep", "maxsplit"]))),
  replace: (text, args, budget) => replaced(text, bind("replace", args, ["old", "new", "count"]), budget),
  startswith: (text, args) => oneOf(needed("startswith", args, ["prefix"])[0]!).some((part) => text.startsWith(part)),
  endswith: (text, args) => oneOf(needed("endswith", args, ["suffix"])[0]!).some((part) => text.endsWith(part)),
  find: (text, args) => {
    const at = text.indexOf(string(needed("find", args, ["sub"])[0]!));
    return BigInt(at === -1 ? -1 : Array.from(text.slice(0, at)).length);
  },
  count: (text, args) => count(text, string(needed("count", args, ["sub"])[0]!)),
  join: (text, args, budget) => {
    const parts = itemsOf(needed("join", args, ["iterable"])[0]!).map(string);
    budget.length(parts.reduce((n, part) => n + part.length + text.length, 0));
    return parts.join(text);
  },
  removeprefix: (text, args) => {
    const prefix = string(needed("removeprefix", args, ["prefix"])[0]!);
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  },
  removesuffix: (text, args) => {
    const suffix = string(needed("removesuffix", args, ["suffix"])[0]!);
    return suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  },
};

const view = (items: readonly Value[]): Iterable => ({ kind: "view", items });

const DICT: Readonly<Record<string, Method<Dict>>> = {
  get: (dict, args) => {
    const [key, otherwise] = bind("get", args, ["key", "default"]);
    const isKey = typeof key === "string" || typeof key === "bigint";
    return isKey && dict.has(key) ? dict.get(key) as Value : otherwise ?? null;
  },
  items: (dict) => view(Array.from(dict, ([key, item]) => tuple(key, item))),
  keys: (dict) => view([...dict.keys()]),
  values: (dict) => view([...dict.values()]),
};

const LIST: Readonly<Record<string, Method<readonly Value[]>>> = {
  count: (list, args) => BigInt(list.filter((item) => equal(item, needed("count", args, ["value"])[0]!)).length),
  index: (list, args) => {
    const at = list.findIndex((item) => equal(item, needed("index", args, ["value"])[0]!));
    if (at === -1) throw fault("value is not in list");
    return BigInt(at);
  },
};

const REFUSED: Readonly<Record<"str" | "dict" | "list", readonly string[]>> = {
  str:
    ("casefold center encode expandtabs format format_map index isalnum isalpha isascii isdecimal isdigit isidentifier " +
      "islower isnumeric isprintable isspace istitle isupper ljust maketrans partition rfind rindex rjust rpartition rsplit " +
      "splitlines swapcase translate zfill").split(" "),
  dict: "clear copy fromkeys pop popitem setdefault update".split(" "),
  list: "append clear copy extend insert pop remove reverse sort".split(" "),
};

/** Names of methods that are computed here. */
export const METHODS: ReadonlySet<string> = new Set([STRING, DICT, LIST].flatMap((table) => Object.keys(table)));
/** Names of methods that Python has and this does not. */
export const REFUSED_METHODS: ReadonlySet<string> = new Set(
  Object.values(REFUSED).flat().filter((n) => !METHODS.has(n)),
);

/** The method of a value by that name; undefined if Python's has none either. */
export function methodOf(value: Value, name: string, budget: Budget): Value | undefined {
  const bound = <T extends Value>(
    self: T,
    table: Readonly<Record<string, Method<T>>>,
    type: keyof typeof REFUSED,
  ): Value | undefined => {
    if (REFUSED[type].includes(name)) throw unsupported(`the method ${name} of a ${type}`);
    const method = Object.hasOwn(table, name) ? table[name] : undefined;
    return method && { kind: "function", name, call: (args) => (budget.look(self), method(self, args, budget)) };
  };
  if (typeof value === "string") return bound(value, STRING, "str");
  if (isDict(value)) return bound(value, DICT, "dict");
  if (isList(value)) return bound(value, LIST, "list");
  if (isKind(value, "marked")) throw unsupported(`the attribute ${name} of a text that is marked as safe`);
  if (isKind(value, "tuple")) throw unsupported(`the attribute ${name} of a tuple`);
  return undefined;
}
