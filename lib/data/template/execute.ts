/** A template carried out: statement by statement, into a text and the spans that `{% generation %}` marks. */
import { called, evaluate, filtered, inside, type Scope } from "./evaluate.ts";
import {
  type Body,
  type CallStatement,
  type Expression,
  type For,
  GENERATION,
  type Macro,
  type SetStatement,
  type Statement,
} from "./syntax.ts";
import { fault, unsupported } from "./template_error.ts";
import { textOf } from "./text.ts";
import { type Args, type Callable, equal, isKind, itemsOf, type Loop, truth, tuple, type Value } from "./values.ts";

/** From the first to behind the last UTF-16 unit of a span. */
export type Span = readonly [start: number, end: number];

/** What a template has written so far. */
export interface Output {
  readonly parts: string[];
  length: number;
  readonly spans: Span[];
}

/** What jumps out of a loop's body. */
type Jump = "break" | "continue" | undefined;

/** An empty output. */
export const output = (): Output => ({ parts: [], length: 0, spans: [] });

function write(text: string, out: Output, scope: Scope): void {
  out.parts.push(text);
  out.length += text.length;
  scope.budget.write(text);
}

/** Carries statements out, up to a jump. */
export function execute(body: Body, scope: Scope, out: Output): Jump {
  for (const statement of body) {
    scope.budget.spend(1);
    const jump = one(statement, scope, out);
    if (jump !== undefined) return jump;
  }
  return undefined;
}

function one(statement: Statement, scope: Scope, out: Output): Jump {
  switch (statement.type) {
    case "If":
      return execute(truth(evaluate(statement.test, scope)) ? statement.body : statement.alternate, scope, out);
    case "For":
      loop(statement, scope, out);
      return undefined;
    case "Set":
      assign(statement, scope);
      return undefined;
    case "Macro":
      scope.names.set(statement.name.value, macro(statement, scope));
      return undefined;
    case "CallStatement":
      callWithBody(statement, scope, out);
      return undefined;
    case "FilterStatement":
      write(textOf(filtered(captured(statement.body, inside(scope)), statement.filter, scope)), out, scope);
      return undefined;
    case "Break":
      return "break";
    case "Continue":
      return "continue";
    default:
      write(textOf(evaluate(statement, scope)), out, scope);
      return undefined;
  }
}

/** The text that a body writes. */
function captured(body: Body, scope: Scope): string {
  const out = output();
  if (execute(body, scope, out) !== undefined) throw fault("a jump must be inside a loop");
  return out.parts.join("");
}

function assign({ assignee, value, body }: SetStatement, scope: Scope): void {
  const given = value === null ? captured(body, inside(scope)) : evaluate(value, scope);
  bindTo(assignee, given, scope);
}

/** Gives values to names: to one, to several, or to an attribute of a namespace. */
function bindTo(target: Expression, value: Value, scope: Scope): void {
  if (target.type === "Identifier") {
    scope.names.set(target.value, value);
  } else if (target.type === "TupleLiteral") {
    const items = itemsOf(value);
    if (items.length !== target.value.length) {
      throw fault(`cannot unpack ${items.length} values into ${target.value.length} names`);
    }
    target.value.forEach((name, i) => bindTo(name, items[i] as Value, scope));
  } else if (target.type === "MemberExpression" && !target.computed && target.property.type === "Identifier") {
    const space = evaluate(target.object, scope);
    if (!isKind(space, "namespace")) throw fault("cannot assign attribute on non-namespace object");
    space.fields.set(target.property.value, value);
  } else throw unsupported(`an assignment to ${target.type}`);
}

function loop({ loopvar, iterable, body, defaultBlock }: For, scope: Scope, out: Output): void {
  const isFiltered = iterable.type === "SelectExpression";
  const source = evaluate(isFiltered ? iterable.lhs : iterable, scope);
  const items = scope.budget.list(itemsOf(source)).filter((item) => {
    if (!isFiltered) return true;
    const trial = inside(scope);
    bindTo(loopvar, item, trial);
    return truth(evaluate(iterable.test, trial));
  });
  if (items.length === 0) return void execute(defaultBlock, inside(scope), out);
  const seen: { changed?: Value } = {};
  for (let at = 0; at < items.length; at++) {
    scope.budget.spend(4);
    const turn = inside(scope);
    turn.names.set("loop", loopAt(items, at, seen));
    bindTo(loopvar, items[at] as Value, turn);
    if (execute(body, turn, out) === "break") break;
  }
}

/** The `loop` of one turn; `seen` is what `loop.changed` was last asked about. */
function loopAt(items: readonly Value[], at: number, seen: { changed?: Value }): Loop {
  return { kind: "loop", attribute: (name) => loopAttribute(name, items, at, seen) };
}

function loopAttribute(
  name: string,
  items: readonly Value[],
  at: number,
  seen: { changed?: Value },
): Value | undefined {
  const neighbour = (index: number, which: string): Value =>
    items[index] === undefined ? { kind: "undefined", what: `the ${which} item of a loop's end, which` } : items[index];
  switch (name) {
    case "index":
      return BigInt(at + 1);
    case "index0":
      return BigInt(at);
    case "revindex":
      return BigInt(items.length - at);
    case "revindex0":
      return BigInt(items.length - at - 1);
    case "first":
      return at === 0;
    case "last":
      return at === items.length - 1;
    case "length":
      return BigInt(items.length);
    case "previtem":
      return neighbour(at - 1, "previous");
    case "nextitem":
      return neighbour(at + 1, "next");
    case "cycle":
      return method("cycle", ({ positional }) => {
        if (positional.length === 0) throw fault("no items for cycling given");
        return positional[at % positional.length] as Value;
      });
    case "changed":
      return method("changed", ({ positional }) => {
        const now = tuple(...positional);
        const changed = seen.changed === undefined || !equal(seen.changed, now);
        seen.changed = now;
        return changed;
      });
    case "depth":
    case "depth0":
      throw unsupported(`loop.${name}`);
  }
  return undefined;
}

const method = (name: string, call: Callable["call"]): Callable => ({ kind: "function", name, call });

function macro({ name, args: parameters, body }: Omit<Macro, "type">, scope: Scope): Callable {
  return method(name.value, (args: Args) => {
    const own = inside(scope);
    const names = parameters.map((parameter) =>
      parameter.type === "Identifier" ? parameter.value : parameter.key.value
    );
    if (args.positional.length > names.length) {
      throw fault(`macro '${name.value}' takes not more than ${names.length} argument(s)`);
    }
    for (const given of args.named.keys()) {
      if (!names.includes(given)) throw fault(`macro '${name.value}' takes no keyword argument '${given}'`);
    }
    if (args.caller !== undefined) own.names.set("caller", args.caller);
    parameters.forEach((parameter, i) => {
      const given = i < args.positional.length ? args.positional[i] : args.named.get(names[i] as string);
      const otherwise = (): Value =>
        parameter.type === "Identifier"
          ? { kind: "undefined", what: `parameter '${parameter.value}' was not provided, which` }
          : evaluate(parameter.value, own);
      own.names.set(names[i] as string, given === undefined ? otherwise() : given);
    });
    return scope.budget.deeper(() => captured(body, own));
  });
}

function callWithBody({ call, callerArgs, body }: CallStatement, scope: Scope, out: Output): void {
  if (call.callee.type === "Identifier" && call.callee.value === GENERATION) {
    const text = captured(body, inside(scope));
    out.spans.push([out.length, out.length + text.length]);
    return write(text, out, scope);
  }
  const caller = macro({ name: { type: "Identifier", value: "caller" }, args: callerArgs ?? [], body }, scope);
  write(textOf(called(call, scope, caller)), out, scope);
}
