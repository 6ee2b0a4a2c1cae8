/**
 * The tokens of a tag as Jinja understands them: what the parser of `@huggingface/jinja` would read in another way is put
 * into brackets, or refused by its name.
 */
import { unsupported } from "./template_error.ts";

/** A token of that package's lexer. */
export interface Token {
  readonly type: string;
  readonly value: string;
}

/**
 * The tokens for the parser.
 *
 * @throws {TemplateError} if there is a construct that it cannot read
 */
export function asJinja(tokens: readonly Token[]): readonly Token[] {
  checkNumbers(tokens);
  checkSigns(tokens);
  checkTuples(tokens);
  checkComparisons(tokens);
  checkTests(tokens);
  checkLoop(tokens);
  return bracketed(tokens);
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

/** Behind a dict the lexer takes a sign for that of a number. */
function checkSigns(tokens: readonly Token[]): void {
  if (tokens.some(({ value }, i) => /^[-+]/.test(value) && tokens[i - 1]?.type === "CloseCurlyBracket")) {
    throw unsupported("a sign behind a dict");
  }
}

/** `()` and `(a,)`; a call may end so. */
function checkTuples(tokens: readonly Token[]): void {
  const calls: boolean[] = [];
  tokens.forEach(({ type }, i) => {
    const before = tokens[i - 1]?.type ?? "";
    if (OPENING.includes(type)) calls.push(["Identifier", "CloseParen", "CloseSquareBracket"].includes(before));
    if (!CLOSING.includes(type)) return;
    const isCall = calls.pop();
    if (type !== "CloseParen" || isCall) return;
    if (before === "OpenParen") throw unsupported("an empty tuple");
    if (before === "Comma") throw unsupported("a tuple with a comma at its end");
  });
}

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
    if (isName(next, "is")) throw unsupported("a test of a test");
    if (next?.type === "Pipe") throw unsupported("a filter behind a test");
    const literal = ["NumericLiteral", "StringLiteral", ...OPENING].includes(next?.type ?? "");
    const name = next?.type === "Identifier" && !["and", "or", "else"].includes(next.value);
    if (literal || name || isName(test, "in")) throw unsupported(`the test ${test?.value} with an argument`);
  });
}

/** `for x in (a if b)` is a condition in brackets, which are gone in the tree: there it is a filter of a's items. */
function checkLoop(tokens: readonly Token[]): void {
  if (!isName(tokens[1], "for")) return;
  if (isName(tokens.at(-2), "recursive")) throw unsupported("a recursive loop");
  const from = tokens.findIndex((token) => isName(token, "in")) + 1;
  if (tokens[from]?.type !== "OpenParen" || tokens.at(-2)?.type !== "CloseParen") return;
  const inside = tokens.slice(from + 1, -2);
  if (inside.some((token) => isName(token, "if")) && !inside.some((token) => isName(token, "else"))) {
    throw unsupported("a loop over a condition in brackets");
  }
}

const isOperator = (token: Token, ...values: readonly string[]): boolean =>
  token.type === "AdditiveBinaryOperator" && values.includes(token.value);

/** What ends an operand of `+`, `-` and `~`. */
function isLooser(token: Token, next: Token | undefined): boolean {
  return ["Comma", "Colon", "Equals", "ComparisonBinaryOperator", ...OPENING, ...CLOSING].includes(token.type) ||
    /^(?:Open|Close)(?:Statement|Expression)$/.test(token.type) ||
    isName(token, "and", "or", "if", "else", "in", "set", "elif") || isName(token, "not") && next !== undefined;
}

/** `a + b ~ c` means `a + (b ~ c)`, and is parsed as `(a + b) ~ c`: brackets around what `~` joins say so. */
function bracketed(tokens: readonly Token[]): readonly Token[] {
  if (!tokens.some((token) => isOperator(token, "~")) || !tokens.some((token) => isOperator(token, "+", "-"))) {
    return tokens;
  }
  const [opens, closes] = [new Set<number>(), new Set<number>()];
  const runs: { start: number; joined: boolean }[] = [{ start: 0, joined: false }];
  const end = (at: number): void => {
    const run = runs.at(-1) as { start: number; joined: boolean };
    if (run.joined) opens.add(run.start), closes.add(at);
    Object.assign(run, { start: at + 1, joined: false });
  };
  tokens.forEach((token, i) => {
    if (OPENING.includes(token.type)) return runs.push({ start: i + 1, joined: false });
    if (CLOSING.includes(token.type)) return end(i), runs.pop();
    if (isOperator(token, "~")) (runs.at(-1) as { joined: boolean }).joined = true;
    else if (isOperator(token, "+", "-") || isLooser(token, tokens[i + 1])) end(i);
  });
  return tokens.flatMap((token, i) => [
    ...closes.has(i) ? [{ type: "CloseParen", value: ")" }] : [],
    ...opens.has(i) ? [{ type: "OpenParen", value: "(" }] : [],
    token,
  ]);
}
