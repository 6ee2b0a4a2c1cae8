/**
 * From a template's source to its tree, by the lexer and the parser of `@huggingface/jinja`, which see the code inside
 * tags only; what they would read otherwise than Jinja is refused by its name.
 */
import { parse, tokenize } from "@huggingface/jinja";
import { asJinja, type Token } from "./code_tokens.ts";
import { checkNames } from "./names.ts";
import { pieces } from "./source.ts";
import { type Body, GENERATION } from "./syntax.ts";
import { fault, TemplateError, unsupported } from "./template_error.ts";

/** A template longer than this is none. */
const MOST_CHARACTERS = 1_000_000;

/** Nobody writes a longer tag, and the lexer's time grows with the square of it. */
const LONGEST_TAG = 20_000;

const STATEMENTS = ["set", "endset", "if", "elif", "else", "endif", "for", "endfor", "break", "continue"]
  .concat(["macro", "endmacro", "call", "endcall", "filter", "endfilter"]);

/**
 * The tree of a template.
 *
 * @throws {TemplateError} if it is no template, or has a construct that is not supported
 */
export function parseTemplate(source: string): Body {
  if (source.length > MOST_CHARACTERS) {
    throw new TemplateError("limit", `it must have at most ${MOST_CHARACTERS} characters: it has ${source.length}`);
  }
  try {
    const tokens = pieces(source).flatMap(({ kind, content }) =>
      kind === "text" ? [{ type: "Text", value: content }] : codeTokens(kind, content)
    );
    const { body } = parse(tokens as Parameters<typeof parse>[0]) as unknown as { readonly body: Body };
    checkNames(body);
    return body;
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    if (error instanceof RangeError) throw new TemplateError("limit", "it is nested too deeply");
    // The parser looks at the token after the last: a block was not closed.
    throw fault(error instanceof TypeError ? "a block is not closed" : (error as Error).message);
  }
}

function codeTokens(kind: "output" | "statement", code: string): readonly Token[] {
  if (code.length > LONGEST_TAG) throw new TemplateError("limit", `a tag must have at most ${LONGEST_TAG} characters`);
  if (/\{%-?\s*(?:end)?generation/.test(code)) throw unsupported("a generation tag inside a string");
  if (kind === "output") return asJinja(tokenize(`{{${code}}}`));
  const name = /\w+/.exec(code)?.[0] ?? "";
  if (name === "generation") return tokenize(`{% call ${GENERATION}() %}`);
  if (name === "endgeneration") return tokenize("{% endcall %}");
  if (!STATEMENTS.includes(name)) throw unsupported(`the statement ${name || code.trim()}`);
  return asJinja(tokenize(`{% ${code}%}`));
}
