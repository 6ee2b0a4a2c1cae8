/**
 * A chat template filled in: from messages to text, as transformers' `apply_chat_template` writes it.
 *
 * `@huggingface/jinja` parses the code inside tags. Its interpreter is not used, for it gives JavaScript's values where
 * templates were written for Python's (`true`, `[1, 2]`, lengths in UTF-16 units) and lets pass what fails there; which of
 * both a template would show depends on the messages, so that no look at the template alone could refuse it.
 */
import { budget } from "./budget.ts";
import { inside, type Scope } from "./evaluate.ts";
import { execute, output, type Span } from "./execute.ts";
import { parseTemplate } from "./parse.ts";
import { strftime } from "./strftime.ts";
import type { Body } from "./syntax.ts";
import { fault, TemplateError } from "./template_error.ts";
import { textOf } from "./text.ts";
import {
  bind,
  type Callable,
  type Dict,
  integer,
  isDict,
  itemsOf,
  type Key,
  type Namespace,
  string,
  type Value,
  valueOf,
} from "./values.ts";

/** A text, and the stretches of it that `{% generation %}` marks as the assistant's. */
export interface Rendered {
  /** The whole text. */
  readonly text: string;
  /** Stretches in UTF-16 units, in order. */
  readonly spans: readonly Span[];
}

const trees = new Map<string, Body>();
const MOST_TREES = 16;

/** Most templates are rendered many times. */
function treeOf(template: string): Body {
  const known = trees.get(template);
  if (known) return known;
  const tree = parseTemplate(template);
  if (trees.size >= MOST_TREES) trees.clear();
  trees.set(template, tree);
  return tree;
}

/**
 * A template with the values of its variables, and what `strftime_now` takes for now.
 *
 * @param variables JSON data by name
 * @param now a date and time without zone, as `2024-07-26T12:30:45`
 * @throws {TemplateError} if the template refuses, fails, has an unsupported construct, or does not come to an end
 */
export function renderTemplate(template: string, variables: Readonly<Record<string, unknown>>, now: string): Rendered {
  try {
    const tree = treeOf(template);
    const out = output();
    const names = new Map<string, Value>(Object.entries(globals(now)));
    for (const [name, value] of Object.entries(variables)) if (value !== undefined) names.set(name, valueOf(value));
    const all: Scope = { names, budget: budget() };
    const scope = inside(all);
    execute(tree, scope, out);
    return { text: out.parts.join(""), spans: out.spans };
  } catch (error) {
    if (error instanceof RangeError) {
      throw new TemplateError("limit", "it is nested too deeply, or writes too long a text");
    }
    throw error;
  }
}

const LONGEST_RANGE = 100_000;

function globals(now: string): Readonly<Record<string, Value>> {
  const named = (name: string, call: Callable["call"]): Callable => ({ kind: "function", name, call });
  return {
    range: named("range", ({ positional }) => {
      const [a = 0, b, step = 1] = positional.map(integer);
      const [from, to] = b === undefined ? [0, a] : [a, b];
      if (step === 0) throw fault("range() arg 3 must not be zero");
      const length = Math.max(0, Math.ceil((to - from) / step));
      if (length > LONGEST_RANGE) throw new TemplateError("limit", `a range must have at most ${LONGEST_RANGE} items`);
      return { kind: "range", items: Array.from({ length }, (_, i) => BigInt(from + i * step)) };
    }),
    namespace: named("namespace", ({ positional, named }): Namespace => {
      const from = positional.flatMap((value) => isDict(value) ? [...value] : []);
      return {
        kind: "namespace",
        fields: new Map([...from.map(([key, item]) => [`${key}`, item] as const), ...named]),
      };
    }),
    dict: named("dict", ({ positional, named }): Dict => {
      const from = positional.flatMap((value) =>
        isDict(value) ? [...value] : itemsOf(value).map((pair) => itemsOf(pair) as [Key, Value])
      );
      return new Map([...from, ...named]);
    }),
    raise_exception: named("raise_exception", (args) => {
      throw new TemplateError("raised", textOf(bind("raise_exception", args, ["message"])[0] ?? ""));
    }),
    strftime_now: named(
      "strftime_now",
      (args) => strftime(string(bind("strftime_now", args, ["format"])[0] ?? ""), now),
    ),
  };
}
