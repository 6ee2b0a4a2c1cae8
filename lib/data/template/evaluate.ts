/** The value of an expression, with Python's meaning. */
import type { Budget } from "./budget.ts";
import { FILTERS } from "./filters.ts";
import { methodOf } from "./methods.ts";
import { binary, undefinedFault } from "./operators.ts";
import type { Call, Expression, Filter, Member, Slice } from "./syntax.ts";
import { fault, unsupported } from "./template_error.ts";
import { TESTS } from "./testers.ts";
import {
  type Args,
  integer,
  isDict,
  isKind,
  isList,
  itemsOf,
  type Key,
  keyOf,
  string,
  truth,
  tuple,
  typeName,
  undefinedValue,
  type Value,
} from "./values.ts";

/** Names and their values, inside others. */
export interface Scope {
  readonly names: Map<string, Value>;
  readonly outer?: Scope;
  readonly budget: Budget;
}

/** A fresh scope inside another. */
export function inside(outer: Scope): Scope {
  return { names: new Map(), outer, budget: outer.budget };
}

function lookUp(name: string, scope: Scope): Value {
  for (let at: Scope | undefined = scope; at; at = at.outer) {
    const value = at.names.get(name);
    if (value !== undefined) return value;
  }
  return undefinedValue(`'${name}'`);
}

const CONSTANTS: Readonly<Record<string, Value>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};

/** The value of an expression. */
export function evaluate(expression: Expression, scope: Scope): Value {
  const of = (part: Expression): Value => evaluate(part, scope);
  scope.budget.spend(1);
  switch (expression.type) {
    case "Identifier":
      return Object.hasOwn(CONSTANTS, expression.value)
        ? CONSTANTS[expression.value] as Value
        : lookUp(expression.value, scope);
    case "StringLiteral":
    case "FloatLiteral":
      return expression.value;
    case "IntegerLiteral":
      return BigInt(expression.value);
    case "ArrayLiteral":
      return expression.value.map(of);
    case "TupleLiteral":
      return tuple(...expression.value.map(of));
    case "ObjectLiteral":
      return new Map<Key, Value>(Array.from(expression.value, ([key, value]) => [keyOf(of(key)), of(value)]));
    case "BinaryExpression": {
      const operator = expression.operator.value;
      const left = of(expression.left);
      if (operator === "and") return truth(left) ? of(expression.right) : left;
      if (operator === "or") return truth(left) ? left : of(expression.right);
      return binary(operator, left, of(expression.right), scope.budget);
    }
    case "UnaryExpression":
      return unary(expression.operator.value, of(expression.argument));
    case "TestExpression":
      return (TESTS[expression.test.value] as (value: Value) => boolean)(of(expression.operand)) !== expression.negate;
    case "Ternary":
      return of(truth(of(expression.condition)) ? expression.trueExpr : expression.falseExpr);
    case "SelectExpression":
      return truth(of(expression.test)) ? of(expression.lhs) : undefinedValue("the value without else");
    case "FilterExpression":
      return filtered(of(expression.operand), expression.filter, scope);
    case "CallExpression":
      return called(expression, scope);
    case "MemberExpression":
      return member(expression, scope);
    default:
      throw unsupported(`${expression.type} here`);
  }
}

function unary(operator: string, value: Value): Value {
  if (operator === "not") return !truth(value);
  if (isKind(value, "undefined")) throw undefinedFault(value);
  if (typeof value !== "bigint" && typeof value !== "number") {
    throw fault(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  }
  return operator === "-" ? -value : value;
}

/** The arguments of a call. */
export function argsOf({ args }: Call, scope: Scope): Args {
  const positional: Value[] = [];
  const named = new Map<string, Value>();
  for (const arg of args) {
    if (arg.type === "KeywordArgumentExpression") named.set(arg.key.value, evaluate(arg.value, scope));
    else positional.push(evaluate(arg, scope));
  }
  return { positional, named };
}

/** Filters that may have a text that is marked as safe. */
const MARKED = ["safe", "e", "escape", "default", "d"];

/** What a filter makes of a value. */
export function filtered(value: Value, filter: Filter["filter"], scope: Scope): Value {
  const [name, args] = filter.type === "Identifier"
    ? [filter.value, { positional: [], named: new Map<string, Value>() }]
    : [filter.callee.type === "Identifier" ? filter.callee.value : "", argsOf(filter, scope)];
  scope.budget.look(value);
  if (isKind(value, "marked") && !MARKED.includes(name)) throw unsupported(`${name} of a text that is marked as safe`);
  return (FILTERS[name] as (typeof FILTERS)[string])(value, args, scope.budget);
}

/** What a call gives. */
export function called(call: Call, scope: Scope, caller?: Value): Value {
  const callee = evaluate(call.callee, scope);
  if (isKind(callee, "undefined")) throw undefinedFault(callee);
  if (!isKind(callee, "function")) throw fault(`'${typeName(callee)}' object is not callable`);
  return callee.call({ ...argsOf(call, scope), ...caller !== undefined && { caller } });
}

function member({ object, property, computed }: Member, scope: Scope): Value {
  const value = evaluate(object, scope);
  if (isKind(value, "undefined")) throw undefinedFault(value);
  if (property.type === "SliceExpression") return sliced(value, property, scope);
  if (computed || property.type === "IntegerLiteral") return subscript(value, evaluate(property, scope), scope.budget);
  const name = property.type === "Identifier" ? property.value : string(evaluate(property, scope));
  const attribute = attributeOf(value, name, scope.budget);
  if (attribute !== undefined) return attribute;
  return isDict(value) && value.has(name) ? value.get(name) as Value : missing(value, name);
}

function missing(value: Value, name: string): Value {
  return undefinedValue(`'${typeName(value)} object' has no attribute '${name}', which`);
}

function attributeOf(value: Value, name: string, budget: Budget): Value | undefined {
  if (name.startsWith("_")) return undefined;
  if (isKind(value, "namespace")) return value.fields.get(name);
  if (isKind(value, "loop")) return value.attribute(name);
  return methodOf(value, name, budget);
}

function subscript(value: Value, key: Value, budget: Budget): Value {
  if (isDict(value) && (typeof key === "string" || typeof key === "bigint") && value.has(key)) {
    return value.get(key) as Value;
  }
  if (typeof key === "string") return attributeOf(value, key, budget) ?? missing(value, key);
  if (isKind(value, "marked")) throw unsupported("an item of a text that is marked as safe");
  const isSequence = typeof value === "string" || isList(value) || isKind(value, "tuple", "range");
  if (!isSequence || typeof key !== "bigint" && typeof key !== "boolean") return undefinedValue(`the item ${key}`);
  const items = itemsOf(value);
  budget.spend(typeof value === "string" ? items.length / 64 : 1);
  const item = items.at(integer(key));
  return item === undefined ? undefinedValue(`the item ${key}`) : item;
}

function sliced(value: Value, { start, stop, step }: Slice, scope: Scope): Value {
  if (typeof value !== "string" && !isList(value) && !isKind(value, "tuple")) {
    throw unsupported(`a slice of a ${typeName(value)}`);
  }
  const bound = (part: Expression | undefined): number | undefined => {
    const given = part === undefined ? null : evaluate(part, scope);
    return given === null ? undefined : integer(given);
  };
  const items = scope.budget.list(itemsOf(value));
  const by = bound(step) ?? 1;
  if (by === 0) throw fault("slice step cannot be zero");
  const [least, most] = by > 0 ? [0, items.length] : [-1, items.length - 1];
  const place = (at: number | undefined, otherwise: number): number =>
    at === undefined ? otherwise : Math.min(most, Math.max(least, at < 0 ? at + items.length : at));
  const [from, to] = [place(bound(start), by > 0 ? least : most), place(bound(stop), by > 0 ? most : least)];
  const taken: Value[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) taken.push(items[i] as Value);
  return typeof value === "string" ? taken.join("") : isList(value) ? taken : tuple(...taken);
}
