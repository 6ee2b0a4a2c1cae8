/** Jinja's tests, as in `x is defined`. */
import { fault } from "./template_error.ts";
import { isDict, isKind, isList, type Value } from "./values.ts";

type Test = (value: Value) => boolean;

const whole = (value: Value): bigint => {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return BigInt(value);
  throw fault("not all arguments converted during string formatting");
};
const isSequence: Test = (value) =>
  typeof value === "string" || isList(value) || isDict(value) || isKind(value, "tuple", "range", "undefined");

/** Tests by name. */
export const TESTS: Readonly<Record<string, Test>> = {
  defined: (value) => !isKind(value, "undefined"),
  undefined: (value) => isKind(value, "undefined"),
  none: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  true: (value) => value === true,
  false: (value) => value === false,
  integer: (value) => typeof value === "bigint",
  float: (value) => typeof value === "number",
  number: (value) => ["bigint", "number", "boolean"].includes(typeof value),
  string: (value) => typeof value === "string" || isKind(value, "marked"),
  mapping: isDict,
  sequence: isSequence,
  iterable: (value) => isSequence(value) || isKind(value, "view", "iterator"),
  callable: (value) => isKind(value, "function", "undefined"),
  odd: (value) => (whole(value) % 2n + 2n) % 2n === 1n,
  even: (value) => whole(value) % 2n === 0n,
};
