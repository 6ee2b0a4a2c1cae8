/** Jinja's filters of what can be looped over. */
import type { Budget } from "./budget.ts";
import { undefinedFault } from "./operators.ts";
import { TESTS } from "./testers.ts";
import { fault, unsupported } from "./template_error.ts";
import { textOf } from "./text.ts";
import {
  type Args,
  bind,
  equal,
  isDict,
  isKind,
  isList,
  itemsOf,
  type Iterable,
  order,
  string,
  truth,
  tuple,
  undefinedValue,
  type Value,
} from "./values.ts";

type FilterFunction = (value: Value, args: Args, budget: Budget) => Value;

const iterator = (items: readonly Value[]): Iterable => ({ kind: "iterator", items });

/** `a.b.0` of an item: what is missing is undefined, and what is missing of that a fault. */
function attributeOf(item: Value, path: Value): Value {
  return string(path).split(".").reduce<Value>((value, part) => {
    if (isKind(value, "undefined")) throw undefinedFault(value);
    const key = /^\d+$/.test(part) ? BigInt(part) : part;
    const found = isDict(value)
      ? value.get(key)
      : (isList(value) || isKind(value, "tuple")) && typeof key === "bigint"
      ? itemsOf(value)[Number(key)]
      : undefined;
    return found === undefined ? undefinedValue(`'${part}'`) : found;
  }, item);
}

/** The test named first among arguments, or truth. */
function testOf(name: string, { positional, named }: Args): (value: Value) => boolean {
  if (named.size > 0) throw unsupported(`${name} with named arguments`);
  const [test, ...rest] = positional;
  if (test === undefined) return truth;
  const by = string(test);
  if (["equalto", "eq", "=="].includes(by) && rest.length === 1) return (value) => equal(value, rest[0] as Value);
  if (["ne", "!="].includes(by) && rest.length === 1) return (value) => !equal(value, rest[0] as Value);
  if (by === "in" && rest.length === 1) return (value) => itemsOf(rest[0] as Value).some((item) => equal(item, value));
  const known = Object.hasOwn(TESTS, by) ? TESTS[by] : undefined;
  if (known === undefined || rest.length > 0) throw unsupported(`the test ${by} in ${name}`);
  return known;
}

const selecting = (name: string, wanted: boolean): FilterFunction => (value, args) => {
  const test = testOf(name, args);
  return iterator(itemsOf(value).filter((item) => test(item) === wanted));
};

const selectingBy = (name: string, wanted: boolean): FilterFunction => (value, { positional, named }) => {
  const [attribute, ...rest] = positional;
  if (attribute === undefined) throw fault("Missing parameter for attribute name");
  const test = testOf(name, { positional: rest, named });
  return iterator(itemsOf(value).filter((item) => test(attributeOf(item, attribute)) === wanted));
};

/** Only what needs no filter of its own: an attribute, or a text of each. */
function map(value: Value, { positional, named }: Args): Value {
  if (positional.length === 1 && named.size === 0 && positional[0] === "string") {
    return iterator(itemsOf(value).map(textOf));
  }
  if (positional.length > 0) throw unsupported(`map by the filter ${textOf(positional[0] as Value)}`);
  const [attribute, otherwise] = bind("map", { positional, named }, ["attribute", "default"]);
  if (attribute === undefined) throw fault("map requires a filter argument");
  return iterator(
    itemsOf(value).map((item) => {
      const found = attributeOf(item, attribute);
      return isKind(found, "undefined") && otherwise !== undefined ? otherwise : found;
    }),
  );
}

function join(value: Value, args: Args, budget: Budget): string {
  const [by = "", attribute] = bind("join", args, ["d", "attribute"]);
  const items = itemsOf(value).map((item) => textOf(attribute === undefined ? item : attributeOf(item, attribute)));
  budget.length(items.reduce((n, item) => n + item.length, 0) + items.length * textOf(by).length);
  return items.join(textOf(by));
}

/** Jinja compares texts without case unless told otherwise. */
const folded = (value: Value, caseSensitive: Value): Value =>
  typeof value === "string" && !truth(caseSensitive) ? value.toLowerCase() : value;

function sorted(
  items: readonly Value[],
  key: (item: Value) => Value,
  reverse: Value,
  budget: Budget,
): readonly Value[] {
  const keyed = budget.list(items).map((item) => [key(item), item] as const);
  budget.spend(items.length * Math.log2(items.length + 1));
  const sign = truth(reverse) ? -1 : 1;
  return keyed.toSorted(([a], [b]) => sign * order(a, b)).map(([, item]) => item);
}

function sort(value: Value, args: Args, budget: Budget): Value {
  const [reverse = false, caseSensitive = false, attribute] = bind("sort", args, [
    "reverse",
    "case_sensitive",
    "attribute",
  ]);
  const key = (item: Value): Value =>
    folded(attribute === undefined ? item : attributeOf(item, attribute), caseSensitive);
  return sorted(itemsOf(value), key, reverse, budget);
}

function dictSort(value: Value, args: Args, budget: Budget): Value {
  const [caseSensitive = false, by = "key", reverse = false] = bind("dictsort", args, [
    "case_sensitive",
    "by",
    "reverse",
  ]);
  if (!isDict(value)) throw fault("dictsort needs a mapping");
  const at = by === "value" ? 1 : 0;
  const pairs = Array.from(value, ([key, item]) => tuple(key, item));
  return sorted(pairs, (pair) => folded(itemsOf(pair)[at] as Value, caseSensitive), reverse, budget);
}

function unique(value: Value, args: Args, budget: Budget): Value {
  const [caseSensitive = false, attribute] = bind("unique", args, ["case_sensitive", "attribute"]);
  const kept: (readonly [key: Value, item: Value])[] = [];
  for (const item of budget.list(itemsOf(value))) {
    const key = folded(attribute === undefined ? item : attributeOf(item, attribute), caseSensitive);
    if (typeof key === "object" && key !== null) throw unsupported("unique of lists or dicts");
    budget.spend(kept.length / 8);
    if (!kept.some(([other]) => equal(other, key))) kept.push([key, item]);
  }
  return iterator(kept.map(([, item]) => item));
}

const extreme = (name: string, sign: 1 | -1): FilterFunction => (value, args) => {
  const [caseSensitive = false, attribute] = bind(name, args, ["case_sensitive", "attribute"]);
  const key = (item: Value): Value =>
    folded(attribute === undefined ? item : attributeOf(item, attribute), caseSensitive);
  const [first, ...rest] = itemsOf(value);
  if (first === undefined) return undefinedValue("the extreme of no items");
  return rest.reduce((best, item) => sign * order(key(item), key(best)) < 0 ? item : best, first);
};

const itemOrNone = (item: Value | undefined, which: string): Value =>
  item === undefined ? undefinedValue(`the ${which} of no items`) : item;

/** Filters by name. */
export const ITEM_FILTERS: Readonly<Record<string, FilterFunction>> = {
  dictsort: dictSort,
  first: (value) => itemOrNone(itemsOf(value)[0], "first"),
  join,
  last: (value) => {
    if (isKind(value, "iterator")) throw unsupported("last of an iterator");
    return itemOrNone(itemsOf(value).at(-1), "last");
  },
  list: (value, args, budget) => (bind("list", args, []), budget.list([...itemsOf(value)])),
  map,
  max: extreme("max", -1),
  min: extreme("min", 1),
  reject: selecting("reject", false),
  rejectattr: selectingBy("rejectattr", false),
  select: selecting("select", true),
  selectattr: selectingBy("selectattr", true),
  sort,
  unique,
};
