/**
 * Where a text stops being JSON. `JSON.parse` says so for some errors only, and in words that change between engines.
 *
 * @see RFC 8259, "The JavaScript object notation (JSON) data interchange format"
 */

const SPACE = /[ \t\n\r]*/y;
const STRING_PART = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*/y; // as far as a string is right
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** What may come next, `first…` where a list or an object may also end at once, and the brackets that are still to close. */
type State = {
  readonly expected: "value" | "firstValue" | "key" | "firstKey" | "colon" | "more";
  readonly closers: string; // the innermost first
};

/**
 * The index of the first character that no JSON can have there, `text.length` if the text breaks off, and `undefined` if
 * it is JSON.
 */
export function jsonFault(text: string): number | undefined {
  let state: State | undefined = { expected: "value", closers: "" };
  let at = endOf(SPACE, text, 0);
  while (state.expected !== "more" || state.closers !== "") {
    const start = at;
    if (text[at] === '"') {
      at = endOf(STRING_PART, text, at);
      if (text[at] !== '"') return at;
    }
    at = Math.max(endOf(SCALAR, text, at), at + 1);
    state = follow(state, text.slice(start, at));
    if (state === undefined) return start;
    at = endOf(SPACE, text, at);
  }
  return at < text.length ? at : undefined;
}

function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** The state after a token: a bracket, comma, colon, string or scalar; `undefined` if it cannot come. */
function follow({ expected, closers }: State, token: string): State | undefined {
  const mayClose = expected === "more" || expected === "firstKey" || expected === "firstValue";
  if (mayClose && token === closers[0]) return { expected: "more", closers: closers.slice(1) };
  if (expected === "more") {
    return token === "," ? { expected: closers[0] === "}" ? "key" : "value", closers } : undefined;
  }
  if (expected === "colon") return token === ":" ? { expected: "value", closers } : undefined;
  if (expected === "key" || expected === "firstKey") {
    return token[0] === '"' ? { expected: "colon", closers } : undefined;
  }
  if (token === "{") return { expected: "firstKey", closers: `}${closers}` };
  if (token === "[") return { expected: "firstValue", closers: `]${closers}` };
  return token.length > 1 || /\d/.test(token) ? { expected: "more", closers } : undefined;
}
