import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { renderTemplate } from "../../../lib/data/template/render.ts";
import { TemplateError } from "../../../lib/data/template/template_error.ts";
import { anyString } from "../texts.ts";
import { type Expected, fixture } from "./fixture.ts";

const render = (template: string, variables: Readonly<Record<string, unknown>> = {}): string =>
  renderTemplate(template, variables, fixture.now).text;

/** The text, or the error. */
function outcome(template: string, variables: Readonly<Record<string, unknown>> = {}): string | TemplateError {
  try {
    return render(template, variables);
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
}

const features = fixture.features as readonly (Expected & { readonly template: string })[];
const refusals = features.flatMap(({ template }) => {
  const found = outcome(template, fixture.variables);
  return typeof found !== "string" && found.reason === "unsupported" ? [{ template, message: found.message }] : [];
});

Deno.test("every one of 240 pieces of Jinja is written as Jinja writes it, fails where it fails, or is refused by name", () => {
  for (const { template, text } of features) {
    const found = outcome(template, fixture.variables);
    if (typeof found === "string") assertEquals([template, found], [template, text]);
    else if (found.reason !== "unsupported") assertEquals([template, undefined], [template, text], found.message);
  }
});

Deno.test("no more than 37 of the 240 are refused, each by the name of a construct that is in it", () => {
  assertEquals(refusals.length, 37);
  for (const { template, message } of refusals) {
    assert(/ is not supported$/.test(message), message);
    const named = /^(?:the (?:filter|method|function|statement|attribute) (\w+)|the test (\w+) with)/.exec(message);
    const word = named?.[1] ?? named?.[2];
    if (word !== undefined) assert(template.includes(word), `${message} in ${template}`);
  }
});

Deno.test("renderTemplate() refuses before it renders: a filter, test, method or statement in a branch not taken", () => {
  const cases = {
    "{% if false %}{{ x | wordwrap }}{% endif %}": "the filter wordwrap",
    "{% if false %}{{ x is sameas y }}{% endif %}": "the test sameas with an argument",
    "{% if false %}{{ x is lower }}{% endif %}": "the test lower",
    "{% if false %}{{ x.swapcase() }}{% endif %}": "the method swapcase",
    "{% if false %}{% include 'secret' %}{% endif %}": "the statement include",
    "{% if false %}{{ 0 < x < 9 }}{% endif %}": "a chained comparison",
    "{% if false %}{{ f(*x) }}{% endif %}": "unpacking arguments by * or **",
    "{% macro m() %}{% generation %}a{% endgeneration %}{% endmacro %}":
      "a generation block inside a macro or another block",
  };
  for (const [template, construct] of Object.entries(cases)) {
    assertThrows(() => render(template), TemplateError, `${construct} is not supported`);
  }
});

Deno.test("renderTemplate() reads no file, no environment and no object behind a value", () => {
  assertThrows(() => render("{{ open('/etc/passwd') }}"), TemplateError, "'open' is undefined");
  assertEquals(
    render("{{ ''.__class__ }}{{ [].constructor }}{{ {}['__proto__'] }}{{ toString }}{{ namespace().constructor }}"),
    "",
  );
  assertThrows(() => render("{{ ''.__class__.__mro__ }}"), TemplateError);
  assertEquals(render("{{ m.__proto__ }}|{{ m['constructor'] }}", { m: JSON.parse('{"a": 1}') }), "|");
  assertEquals(render("{{ m['__proto__'] }}", { m: JSON.parse('{"__proto__": "x"}') }), "x");
});

Deno.test("a text that is marked as safe is written as it is, and refused where Python would escape what is beside it", () => {
  assertEquals(render("{% set t = '<a>' | safe %}{{ t }}{{ t ~ '&' }}{{ 'x' if t is string and t }}"), "<a><a>&x");
  assertEquals(render("{{ '<a>&' | e }}{{ '<' | e | e }}"), "&lt;a&gt;&amp;&lt;");
  for (
    const use of ["t + '<'", "'<' + t", "t == '<'", "t | trim", "t | length", "t | tojson", "t.upper()", "t[0]", "[t]"]
  ) {
    assertThrows(() => render(`{% set t = '<a>' | safe %}{{ ${use} }}`), TemplateError, undefined, use);
  }
});

Deno.test("a template that goes on for ever, or writes without end, is stopped in a sentence", () => {
  const range = "range(100000)";
  const cases = [
    `{% for a in ${range} %}{% for b in ${range} %}{% for c in ${range} %}{% endfor %}{% endfor %}{% endfor %}`,
    `{% for a in ${range} %}{{ 'x' * 10000 }}{% endfor %}`,
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    `{% set ns = namespace(s='x') %}{% for i in ${range} %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}`,
    `{% set ns = namespace(s=[1]) %}{% for i in ${range} %}{% set ns.s = ns.s + ns.s %}{% endfor %}`,
    "{{ range(1000000000) | list }}",
    "{{ 'x' * 1000000000000 }}",
    `{{ ${range} | map('string') | join('x' * 10000) }}`,
    `{% set s = 'ab' * 1000000 %}{% for i in ${range} %}{{ s | length }}{% endfor %}`,
    `{% set s = 'ab' * 1000000 %}{% for i in ${range} %}{% set t = s.replace('a', 'b') %}{% endfor %}`,
    "x".repeat(1_000_001),
    "{{" + "(".repeat(50_000) + "1" + ")".repeat(50_000) + "}}",
    "{% if a %}".repeat(20_000) + "{% endif %}".repeat(20_000),
    "{{ " + "[".repeat(9_000) + "]".repeat(9_000) + " }}",
  ];
  for (const template of cases) {
    const found = outcome(template);
    assert(
      found instanceof TemplateError && found.reason === "limit",
      `${template.slice(0, 80)}: ${String(found).slice(0, 80)}`,
    );
  }
});

Deno.test("any source gives a text or a TemplateError, never another one", () => {
  const pieces = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-",
    "+",
    " ",
    "\n",
    "x",
    "'",
    '"',
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "|",
    "trim",
    "if",
  ]
    .concat([
      "for",
      "in",
      "endfor",
      "endif",
      "set",
      "=",
      "1",
      ".",
      "~",
      "not",
      "is",
      "none",
      "raw",
      "endraw",
      "generation",
      "\\",
      ",",
      ":",
    ]);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 24 }), (parts) => {
      outcome(parts.join(""), fixture.variables);
      outcome(parts.join(" "), fixture.variables);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("text without tags is itself, but for one line feed at its end", () => {
  fc.assert(fc.property(anyString, (text) => {
    const plain = text.replace(/[{]/g, "").replace(/\r\n?/g, "\n").toWellFormed();
    assertEquals(render(`${plain}\n`), plain);
    assertEquals(render("{{ x }}", { x: text }), text);
  }));
});
