/**
 * From a template's source to its tree, by the lexer and the parser of `@huggingface/jinja`, which see the code inside
 * tags only; what they would read otherwise than Jinja is refused by its name.
 */
import { parse, tokenize } from "@huggingface/jinja";
import { checkNames } from "./names.ts";
import { pieces } from "./source.ts";
import { type Body, GENERATION } from "./syntax.ts";
import { fault, TemplateError, unsupported } from "./template_error.ts";

interface Token {
  readonly type: string;
  readonly value: string;
}

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
  if (kind === "output") return checked(tokenize(`{{${code}}}`));
  const name = /\w+/.exec(code)?.[0] ?? "";
  if (name === "generation") return tokenize(`{% call ${GENERATION}() %}`);
  if (name === "endgeneration") return tokenize("{% endcall %}");
  if (!STATEMENTS.includes(name)) throw unsupported(`the statement ${name || code.trim()}`);
  return checked(tokenize(`{% ${code}%}`));
}

/** Refuses what the parser understands in another way than Jinja does. */
function checked(tokens: readonly Token[]): readonly Token[] {
  checkNumbers(tokens);
  checkComparisons(tokens);
  checkTests(tokens);
  checkLoop(tokens);
  return tokens;
}

/** The lexer parts `1e3` and `1_000` in two. */
function checkNumbers(tokens: readonly Token[]): void {
  tokens.forEach(({ type, value }, i) => {
    if (tokens[i - 1]?.type !== "NumericLiteral" || type !== "Identifier") return;
    if (/^(?:e\d*|_\d.*|[xob][\da-f]+)$/i.test(value)) {
      throw unsupported(`a number written as ${tokens[i - 1]?.value}${value}`);
    }
  });
}

const OPENING = ["OpenParen", "OpenSquareBracket", "OpenCurlyBracket"];
const CLOSING = ["CloseParen", "CloseSquareBracket", "CloseCurlyBracket"];
const isName = (token: Token | undefined, ...names: readonly string[]): boolean =>
  token?.type === "Identifier" && names.includes(token.value);

/** `a < b < c` means `a < b and b < c`, and is parsed as `(a < b) < c`. */
function checkComparisons(tokens: readonly Token[]): void {
  const compared = [false];
  let isLoop = isName(tokens[1], "for"); // whose `in` compares nothing
  tokens.forEach((token, i) => {
    if (OPENING.includes(token.type)) return compared.push(false);
    if (CLOSING.includes(token.type)) return compared.pop();
    const isIn = isName(token, "in");
    if (isIn && isLoop && compared.length === 1) return isLoop = false;
    if (isIn || token.type === "ComparisonBinaryOperator") {
      if (compared.at(-1)) throw unsupported("a chained comparison");
      compared[compared.length - 1] = true;
    } else if (
      isName(token, "and", "or", "if", "else") || ["Comma", "Colon", "Equals"].includes(token.type) ||
      isName(token, "not") && !isName(tokens[i + 1], "in")
    ) compared[compared.length - 1] = false;
  });
}

/** Tests with an argument are not parsed at all: better to name them than to show what the parser says. */
function checkTests(tokens: readonly Token[]): void {
  tokens.forEach((token, i) => {
    if (!isName(token, "is") || tokens[i - 1]?.type === "Dot") return;
    const at = isName(tokens[i + 1], "not") ? i + 2 : i + 1;
    const [test, next] = [tokens[at], tokens[at + 1]];
    const literal = ["NumericLiteral", "StringLiteral", ...OPENING].includes(next?.type ?? "");
    const name = next?.type === "Identifier" && !["and", "or", "not", "if", "else", "in", "is"].includes(next.value);
    if (literal || name || isName(test, "in")) throw unsupported(`the test ${test?.value} with an argument`);
  });
}

/** `for x in (a if b)` is a condition in brackets, which are gone in the tree: there it is a filter of a's items. */
function checkLoop(tokens: readonly Token[]): void {
  if (!isName(tokens[1], "for")) return;
  const from = tokens.findIndex((token) => isName(token, "in")) + 1;
  if (tokens[from]?.type !== "OpenParen" || tokens.at(-2)?.type !== "CloseParen") return;
  const inside = tokens.slice(from + 1, -2);
  if (inside.some((token) => isName(token, "if")) && !inside.some((token) => isName(token, "else"))) {
    throw unsupported("a loop over a condition in brackets");
  }
}
