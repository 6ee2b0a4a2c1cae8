/**
 * Where a text stops being JSON. `JSON.parse` says so for some errors only, and in words that change between engines.
 *
 * @see RFC 8259, "The JavaScript object notation (JSON) data interchange format"
 */

const SPACE = /[ \t\n\r]*/y;
// deno-lint-ignore no-control-regex -- control characters are what a string must not hold
const STRING_STOP = /["\\\u0000-\u001f]/g; // one character at a time: a long string must not fill a stack
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** What may come next, `first…` where a list or an object may also end at once. */
type Expected = "value" | "firstValue" | "key" | "firstKey" | "colon" | "more";

/**
 * The index of the first character that no JSON can have there, `text.length` if the text breaks off, and `undefined` if
 * it is JSON.
 */
export function jsonFault(text: string): number | undefined {
  const closers: string[] = []; // the brackets that are still to close
  let expected: Expected | undefined = "value";
  let at = endOf(SPACE, text, 0);
  while (expected !== "more" || closers.length > 0) {
    const start = at;
    if (text[at] === '"') {
      at = endOfString(text, at + 1);
      if (text[at] !== '"') return at;
    }
    at = Math.max(endOf(SCALAR, text, at), at + 1);
    expected = follow(expected, closers, text.slice(start, at));
    if (expected === undefined) return start;
    at = endOf(SPACE, text, at);
  }
  return at < text.length ? at : undefined;
}

function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** Where a string ends: at its closing quotes, the first character that it must not hold, or the end of the text. */
function endOfString(text: string, at: number): number {
  for (;;) {
    STRING_STOP.lastIndex = at;
    const stop = STRING_STOP.exec(text);
    if (stop === null) return text.length;
    const end = endOf(ESCAPE, text, stop.index);
    if (end === stop.index) return end;
    at = end;
  }
}

/** What may come after a token: a bracket, comma, colon, string or scalar; `undefined` if the token cannot come. */
function follow(expected: Expected, closers: string[], token: string): Expected | undefined {
  const mayClose = expected === "more" || expected === "firstKey" || expected === "firstValue";
  if (mayClose && token === closers.at(-1)) {
    closers.pop();
    return "more";
  }
  if (expected === "more") return token !== "," ? undefined : closers.at(-1) === "}" ? "key" : "value";
  if (expected === "colon") return token === ":" ? "value" : undefined;
  if (expected === "key" || expected === "firstKey") return token[0] === '"' ? "colon" : undefined;
  if (token === "{" || token === "[") {
    closers.push(token === "{" ? "}" : "]");
    return token === "{" ? "firstKey" : "firstValue";
  }
  return token.length > 1 || /\d/.test(token) ? "more" : undefined;
}
