/**
 * Python's values, as templates see them: an `int` is a bigint, a `float` a number, a `str` a string, a `dict` a map.
 */
import { fault, unsupported } from "./template_error.ts";

/** A key of a dict. */
export type Key = string | bigint;

/** Arguments of a call. */
export interface Args {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
  /** What a macro called by `{% call %}` finds under this name. */
  readonly caller?: Value;
}

/** A function, a macro or a method. */
export interface Callable {
  readonly kind: "function";
  readonly name: string;
  readonly call: (args: Args) => Value;
}

/** What a name without a value has. */
export interface Undefined {
  readonly kind: "undefined";
  /** What is undefined, for the message when it is used. */
  readonly what: string;
}

/** Items that are no list: they can be looped over, some only once, and have no text. */
export type Iterable<K = "tuple" | "view" | "range" | "iterator"> = K extends string
  ? { readonly kind: K; readonly items: readonly Value[] }
  : never;

/** `namespace()`, whose attributes can be set from inside a loop. */
export interface Namespace {
  readonly kind: "namespace";
  readonly fields: Map<string, Value>;
}

/** The `loop` of a loop. */
export interface Loop {
  readonly kind: "loop";
  readonly attribute: (name: string) => Value | undefined;
}

/** A text that a filter has marked as safe: Python escapes what is added to it, so it can only be written here. */
export interface Marked {
  readonly kind: "marked";
  readonly text: string;
}

/** A dict. */
export type Dict = ReadonlyMap<Key, Value>;

/** Any value. */
export type Value =
  | null
  | boolean
  | string
  | bigint
  | number
  | readonly Value[]
  | Dict
  | Undefined
  | Iterable
  | Namespace
  | Loop
  | Marked
  | Callable;

/** A value that has a name of its kind: all but Python's simple ones, lists and dicts. */
type Kinded = Extract<Value, { readonly kind: string }>;

/** Nothing, by name. */
export const undefinedValue = (what: string): Undefined => ({ kind: "undefined", what });
/** A tuple. */
export const tuple = (...items: readonly Value[]): Iterable<"tuple"> => ({ kind: "tuple", items });

/** Whether a value is a dict. */
export function isDict(value: Value): value is Dict {
  return value instanceof Map;
}

/** Whether a value is a list. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether a value has one of the given kinds. */
export function isKind<K extends Kinded["kind"]>(
  value: Value,
  ...kinds: readonly K[]
): value is Extract<Kinded, { kind: K }> {
  return typeof value === "object" && value !== null && "kind" in value && kinds.includes(value.kind as K);
}

/** The name of a value's type in Python. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (isList(value)) return "list";
  if (isDict(value)) return "dict";
  if (typeof value === "object") return value.kind;
  return ({ boolean: "bool", string: "str", bigint: "int", number: "float" } as Record<string, string>)[typeof value]!;
}

/** JSON data as a value; a whole number is an int. */
export function valueOf(json: unknown): Value {
  if (json === undefined) return undefinedValue("value");
  if (json === null || typeof json === "boolean" || typeof json === "string") return json;
  if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (Array.isArray(json)) return json.map(valueOf);
  return new Map(Object.entries(json as object).map(([name, item]) => [name, valueOf(item)]));
}

/** Python's `bool(value)`. */
export function truth(value: Value): boolean {
  if (isKind(value, "undefined")) return false;
  if (isList(value)) return value.length > 0;
  if (isDict(value)) return value.size > 0;
  if (isKind(value, "tuple", "view", "range")) return value.items.length > 0;
  if (isKind(value, "marked")) return value.text !== "";
  return Boolean(value);
}

/** The items of a loop over a value. */
export function itemsOf(value: Value): readonly Value[] {
  if (isList(value)) return value;
  if (typeof value === "string") return Array.from(value);
  if (isDict(value)) return [...value.keys()];
  if (isKind(value, "undefined")) return [];
  if (isKind(value, "tuple", "view", "range")) return value.items;
  if (isKind(value, "iterator")) return taken(value);
  throw fault(`'${typeName(value)}' object is not iterable`);
}

const exhausted = new WeakSet<Iterable>();

/** An iterator gives its items once. */
function taken(iterator: Iterable): readonly Value[] {
  if (exhausted.has(iterator)) return [];
  exhausted.add(iterator);
  return iterator.items;
}

/** Python's `len(value)`. */
export function lengthOf(value: Value): bigint {
  if (isKind(value, "iterator", "namespace", "loop", "function")) {
    throw fault(`object of type '${typeName(value)}' has no len()`);
  }
  if (value === null || ["boolean", "bigint", "number"].includes(typeof value)) {
    throw fault(`object of type '${typeName(value)}' has no len()`);
  }
  return BigInt(itemsOf(value).length);
}

const asNumber = (value: Value): bigint | number | undefined =>
  typeof value === "boolean"
    ? BigInt(value)
    : typeof value === "bigint" || typeof value === "number"
    ? value
    : undefined;

/** Python's `a == b`. */
export function equal(a: Value, b: Value): boolean {
  const [x, y] = [asNumber(a), asNumber(b)];
  // deno-lint-ignore eqeqeq -- 1 == 1.0, across bigint and number
  if (x !== undefined && y !== undefined) return x == y;
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i] as Value));
  if (isKind(a, "tuple") && isKind(b, "tuple")) return equal(a.items, b.items);
  if (isDict(a) && isDict(b)) {
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key) as Value));
  }
  if (isKind(a, "undefined")) return isKind(b, "undefined");
  if (isKind(a, "view", "range") || isKind(b, "view", "range")) throw unsupported(`comparing a ${typeName(a)}`);
  return a === b;
}

/** The order of two values, negative when a comes first; NaN, as Python has it, before and after nothing. */
export function order(a: Value, b: Value, operator = "<"): number {
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x == y ? 0 : NaN;
  if (typeof a === "string" && typeof b === "string") return orderOfTexts(a, b);
  if (isList(a) && isList(b) || isKind(a, "tuple") && isKind(b, "tuple")) {
    const [left, right] = [itemsOf(a), itemsOf(b)];
    const differs = left.findIndex((item, i) => i >= right.length || !equal(item, right[i] as Value));
    if (differs === -1 || differs >= right.length) return left.length - right.length;
    return order(left[differs] as Value, right[differs] as Value, operator);
  }
  throw fault(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** By code points, where JavaScript compares UTF-16 units. */
function orderOfTexts(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const differs = x.findIndex((character, i) => character !== y[i]);
  if (differs === -1) return x.length - y.length;
  return differs >= y.length ? 1 : (x[differs] as string).codePointAt(0)! - (y[differs] as string).codePointAt(0)!;
}

/** A key of a dict; only texts and integers are taken. */
export function keyOf(value: Value): Key {
  if (typeof value === "string" || typeof value === "bigint") return value;
  throw unsupported(`a ${typeName(value)} as a key of a dict`);
}

/** The arguments of a function with these parameters. */
export function bind(
  name: string,
  { positional, named }: Args,
  parameters: readonly string[],
): readonly (Value | undefined)[] {
  if (positional.length > parameters.length) {
    throw fault(`${name}() takes ${parameters.length} arguments but ${positional.length} were given`);
  }
  for (const key of named.keys()) {
    const at = parameters.indexOf(key);
    if (at === -1) throw unsupported(`the argument ${key} of ${name}`);
    if (at < positional.length) throw fault(`${name}() got multiple values for argument '${key}'`);
  }
  return parameters.map((parameter, i) => i < positional.length ? positional[i] : named.get(parameter));
}

/** An argument that must be an integer. */
export function integer(value: Value): number {
  const number = asNumber(value);
  if (typeof number !== "bigint") throw fault(`'${typeName(value)}' object cannot be interpreted as an integer`);
  if (number > 2n ** 31n || number < -(2n ** 31n)) throw fault(`integer out of range: ${number}`);
  return Number(number);
}

/** An argument that must be a text. */
export function string(value: Value): string {
  if (typeof value === "string") return value;
  throw fault(`expected str instance, ${typeName(value)} found`);
}
