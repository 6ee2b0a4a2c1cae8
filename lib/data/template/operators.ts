/** Python's operators. */
import type { Budget } from "./budget.ts";
import { textOf } from "./text.ts";
import { fault, unsupported } from "./template_error.ts";
import {
  equal,
  isDict,
  isKind,
  isList,
  itemsOf,
  keyOf,
  order,
  tuple,
  typeName,
  type Undefined,
  type Value,
} from "./values.ts";

/** What using an undefined value says. */
export function undefinedFault({ what }: Undefined): Error {
  return fault(`${what} is undefined`);
}

/** `a operator b`, but for `and` and `or`, which may not look at b. */
export function binary(operator: string, a: Value, b: Value, budget: Budget): Value {
  budget.look(b);
  switch (operator) {
    case "~":
      return budget.text(textOf(a) + textOf(b));
  }
  if (isKind(a, "marked") || isKind(b, "marked")) throw unsupported(`${operator} with a text that is marked as safe`);
  switch (operator) {
    case "==":
      return equal(a, b);
    case "!=":
      return !equal(a, b);
    case "in":
      return contains(b, a, budget);
    case "not in":
      return !contains(b, a, budget);
  }
  for (const value of [a, b]) if (isKind(value, "undefined")) throw undefinedFault(value);
  switch (operator) {
    case "<":
      return order(a, b) < 0;
    case "<=":
      return order(a, b, "<=") <= 0;
    case ">":
      return order(a, b, ">") > 0;
    case ">=":
      return order(a, b, ">=") >= 0;
    case "+":
      return add(a, b, budget);
    case "*":
      return multiply(a, b, budget);
    case "%":
      if (typeof a === "string") return formatted(a, isKind(b, "tuple") ? b.items : [b]);
  }
  return arithmetic(operator, a, b);
}

function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === "string") {
    if (typeof item === "string") return container.includes(item);
    throw fault(`'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (isDict(container)) {
    if (isDict(item) || isList(item)) throw fault(`unhashable type: '${typeName(item)}'`);
    return typeof item === "string" || typeof item === "bigint" ? container.has(keyOf(item)) : false;
  }
  const items = budget.list(itemsOf(container));
  return items.some((other) => equal(other, item));
}

function add(a: Value, b: Value, budget: Budget): Value {
  if (typeof a === "string") {
    if (typeof b === "string") return budget.text(a + b);
    throw fault(`can only concatenate str (not "${typeName(b)}") to str`);
  }
  if (isList(a) && isList(b)) return budget.list([...a, ...b]);
  if (isKind(a, "tuple") && isKind(b, "tuple")) return tuple(...budget.list([...a.items, ...b.items]));
  return arithmetic("+", a, b);
}

function multiply(a: Value, b: Value, budget: Budget): Value {
  const [repeated, times] = typeof a === "bigint" || typeof a === "boolean" ? [b, a] : [a, b];
  if (typeof repeated !== "string" && !isList(repeated)) return arithmetic("*", a, b);
  if (typeof times !== "bigint" && typeof times !== "boolean") {
    throw fault(`can't multiply sequence by non-int of type '${typeName(times)}'`);
  }
  const n = Math.max(0, Number(times));
  budget.length(repeated.length * n);
  return typeof repeated === "string"
    ? repeated.repeat(n)
    : budget.list(Array.from({ length: n }, () => repeated).flat());
}

const numberOf = (value: Value, operator: string): bigint | number => {
  if (typeof value === "boolean") return BigInt(value);
  if (typeof value === "bigint" || typeof value === "number") return value;
  throw fault(`unsupported operand type for ${operator}: '${typeName(value)}'`);
};

function arithmetic(operator: string, left: Value, right: Value): Value {
  const [a, b] = [numberOf(left, operator), numberOf(right, operator)];
  if (["/", "//", "%"].includes(operator) && Number(b) === 0) throw fault("division by zero");
  if (typeof a === "bigint" && typeof b === "bigint" && operator !== "/") return integers(operator, a, b);
  const [x, y] = [Number(a), Number(b)];
  switch (operator) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      return x / y;
    default:
      throw unsupported(`${operator} of floats`);
  }
}

function integers(operator: string, a: bigint, b: bigint): Value {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return bounded(a * b);
    case "%":
      return (a % b + b) % b;
    case "//":
      return (a - (a % b + b) % b) / b;
    default:
      if (b < 0n) throw unsupported("** with a negative exponent");
      if (b > 1000n) throw unsupported("** with an exponent above 1000");
      return bounded(a ** b);
  }
}

function bounded(value: bigint): bigint {
  if (value > 2n ** 1000n || value < -(2n ** 1000n)) throw unsupported("an integer of more than 1000 bits");
  return value;
}

/** `format % values` with `%s`, `%d` and `%.2f`. */
function formatted(format: string, values: readonly Value[]): string {
  let used = 0;
  const text = format.replace(
    /%(%|(?:\.(\d+))?([a-zA-Z])|.|$)/g,
    (whole, kind: string, digits?: string, letter?: string) => {
      if (kind === "%") return "%";
      const value = values[used++];
      if (value === undefined) throw fault("not enough arguments for format string");
      if (letter === "s" && digits === undefined) return textOf(value);
      if (letter === "d" && digits === undefined && typeof value === "bigint") return `${value}`;
      throw unsupported(`the format ${whole} of a ${typeName(value)}`);
    },
  );
  if (used < values.length) throw fault("not all arguments converted during string formatting");
  return text;
}
