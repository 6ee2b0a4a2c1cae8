/** Jinja's filters, as in `x | trim`, and `tojson` as transformers has it; the others are refused by name. */
import type { Budget } from "./budget.ts";
import { capitalized, replaced, stripped } from "./methods.ts";
import { binary, undefinedFault } from "./operators.ts";
import { ITEM_FILTERS } from "./item_filters.ts";
import { SPACE } from "./space.ts";
import { fault, unsupported } from "./template_error.ts";
import { jsonText, textOf } from "./text.ts";
import {
  type Args,
  bind,
  integer,
  isDict,
  isKind,
  itemsOf,
  lengthOf,
  string,
  truth,
  tuple,
  typeName,
  type Value,
} from "./values.ts";

/** A filter: of a value, with arguments. */
export type FilterFunction = (value: Value, args: Args, budget: Budget) => Value;

const onText =
  (f: (text: string) => string): FilterFunction => (value, args) => (bind("filter", args, []), f(textOf(value)));

const byDefault: FilterFunction = (value, args) => {
  const [otherwise = "", boolean = false] = bind("default", args, ["default_value", "boolean"]);
  return isKind(value, "undefined") || truth(boolean) && !truth(value) ? otherwise : value;
};

const length: FilterFunction = (value) => lengthOf(value);

/** Python's ends of lines. */
const LINE_END = new RegExp(String.raw`\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]`);
const WORD_START = new RegExp(`((?:${SPACE}|[-({\\[<])+)`);

/** Words begin after these; the rest of a word is in lower case. */
const title = (text: string): string => text.split(WORD_START).map(capitalized).join("");

function indent(value: Value, args: Args): string {
  const [width = 4n, first = false, blank = false] = bind("indent", args, ["width", "first", "blank"]);
  const margin = typeof width === "string" ? width : " ".repeat(Math.min(1000, Math.max(0, integer(width))));
  const [head = "", ...rest] = `${string(value)}\n`.split(LINE_END).slice(0, -1);
  const lines = rest.map((line) => line !== "" || truth(blank) ? margin + line : line);
  return `${truth(first) ? margin : ""}${[head, ...lines].join("\n")}`;
}

function toInteger(value: Value, args: Args): Value {
  const [otherwise = 0n] = bind("int", args, ["default"]);
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return BigInt(value);
  if (typeof value === "number" && Number.isFinite(value)) return BigInt(Math.trunc(value));
  if (typeof value === "string") {
    const text = stripped(value, "both", undefined);
    if (/^[-+]?\d+$/.test(text)) return BigInt(text.replace("+", ""));
    if (/^[-+]?\d+\.\d*$/.test(text)) return BigInt(Math.trunc(Number(text)));
    if (/[\d_]/.test(text)) throw unsupported(`int of the text ${text.slice(0, 40)}`);
  }
  if (isKind(value, "undefined")) throw undefinedFault(value);
  return otherwise;
}

function toFloat(value: Value, args: Args): Value {
  const [otherwise = 0] = bind("float", args, ["default"]);
  if (["bigint", "number", "boolean"].includes(typeof value)) return Number(value);
  if (typeof value === "string") {
    if (/^[-+]?\d+(\.\d*)?$/.test(value)) return Number(value);
    if (/[\d_]|nan|inf/i.test(value)) throw unsupported(`float of the text ${value.slice(0, 40)}`);
  }
  if (isKind(value, "undefined")) throw undefinedFault(value);
  return otherwise;
}

function toJson(value: Value, args: Args, budget: Budget): string {
  const [ascii = false, indent = null, separators = null, sorted = false] = bind("tojson", args, [
    "ensure_ascii",
    "indent",
    "separators",
    "sort_keys",
  ]);
  const margin = indent === null
    ? undefined
    : typeof indent === "string"
    ? indent
    : " ".repeat(Math.min(100, integer(indent)));
  const [item, key] = separators === null ? [margin === undefined ? ", " : ",", ": "] : itemsOf(separators).map(string);
  if (item === undefined || key === undefined) throw fault("separators must be two texts");
  return budget.text(
    jsonText(value, { ascii: truth(ascii), indent: margin, separators: [item, key], sorted: truth(sorted) }),
  );
}

function absolute(value: Value): Value {
  if (typeof value === "bigint") return value < 0n ? -value : value;
  if (typeof value === "number" || typeof value === "boolean") {
    return typeof value === "number" ? Math.abs(value) : BigInt(value);
  }
  throw fault(`bad operand type for abs(): '${typeName(value)}'`);
}

function reverse(value: Value, _args: Args, budget: Budget): Value {
  if (typeof value === "string") return Array.from(value).reverse().join("");
  return { kind: "iterator", items: budget.list(itemsOf(value).toReversed()) };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};

const escape: FilterFunction = (value) =>
  isKind(value, "marked")
    ? value
    : { kind: "marked", text: textOf(value).replace(/[&<>'"]/g, (c) => ENTITIES[c] as string) };

/** Filters by name. */
export const FILTERS: Readonly<Record<string, FilterFunction>> = {
  ...ITEM_FILTERS,
  abs: absolute,
  capitalize: onText(capitalized),
  count: length,
  d: byDefault,
  default: byDefault,
  float: toFloat,
  indent: (value, args, budget) => budget.text(indent(value, args)),
  int: toInteger,
  items: (value) => {
    if (isKind(value, "undefined")) return { kind: "iterator", items: [] };
    if (!isDict(value)) throw fault("Can only get item pairs from a mapping.");
    return { kind: "iterator", items: Array.from(value, ([key, item]) => tuple(key, item)) };
  },
  length,
  lower: onText((text) => text.toLowerCase()),
  replace: (value, args, budget) => replaced(textOf(value), bind("replace", args, ["old", "new", "count"]), budget),
  reverse,
  string: onText((text) => text),
  title: onText(title),
  tojson: toJson,
  trim: (value, args) => stripped(textOf(value), "both", bind("trim", args, ["chars"])[0]),
  upper: onText((text) => text.toUpperCase()),
  e: escape,
  escape,
  safe: (value) => ({ kind: "marked", text: textOf(value) }),
  sum: (value, args, budget) => {
    const [start = 0n] = bind("sum", args, ["start"]);
    return itemsOf(value).reduce((sum, item) => binary("+", sum, item, budget), start);
  },
};
