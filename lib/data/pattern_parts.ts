/** Regular expressions, taken apart as far as it matters how long they take. */

/**
 * A part of a regular expression. What it matches does not matter, but whether it must, and in how many ways; so of an atom
 * only its letter is told, lower case, or its digit: no flag makes it match a text that begins with another one.
 */
export type Part =
  | { readonly type: "atom"; readonly letter?: string }
  | { readonly type: "nothing" }
  | { readonly type: "look"; readonly body: Part }
  | { readonly type: "all"; readonly parts: readonly Part[] }
  | { readonly type: "one"; readonly parts: readonly Part[] }
  | { readonly type: "repeat"; readonly body: Part; readonly min: number; readonly max: number };

/** Groups within groups, at most. */
const DEEPEST = 100;

/** What begins a group that is none of the text: `(?=`, `(?!`, `(?<=`, `(?<!`. */
const LOOK = /^\(\?<?[=!]/;
/** What begins any other group: `(`, `(?:`, `(?>`, `(?i-s:`, `(?<name>`. */
const GROUP = /^\((?:\?(?:<[^=!>][^>]*>|>|[a-zA-Z-]*:))?/;
/** Flags for what follows, and comments. */
const SILENT = /^\(\?(?:[a-zA-Z-]*|#[^)]*)\)/;
/** A character class: up to the first bracket that closes, as JavaScript reads it, or with classes in it, as Rust does. */
const CLASSES = [/^\[(?:\\[\s\S]|[^\]\\])*\]/, /^\[(?:\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|[^\]\\])*\]/];
/** An escape with what belongs to it. */
const ESCAPE = /^\\(?:[pPxu]\{[^}]*\}|k<[^>]*>|[\s\S])/;
const QUANTIFIER = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})[?+]?/;

/** The parts of a regular expression; undefined if it is none. */
export function partsOf(pattern: string): Part | undefined {
  return CLASSES.map((characters) => readParts(pattern, characters)).find((parts) => parts !== undefined);
}

function readParts(pattern: string, characters: RegExp): Part | undefined {
  let at = 0;
  const taken = (what: RegExp): RegExpExecArray | undefined => {
    const found = what.exec(pattern.slice(at)) ?? undefined;
    at += found?.[0].length ?? 0;
    return found;
  };
  const closed = (depth: number): Part | undefined => {
    const body = depth < DEEPEST ? choice(depth + 1) : undefined;
    return body !== undefined && pattern[at++] === ")" ? body : undefined;
  };
  const single = (depth: number): Part | undefined => {
    if (taken(SILENT)) return { type: "nothing" };
    if (taken(LOOK)) {
      const body = closed(depth);
      return body && { type: "look", body };
    }
    if (taken(GROUP)) return closed(depth);
    if (taken(characters) === undefined && taken(ESCAPE) === undefined) {
      if (/[[*+?\\]/.test(pattern[at] as string)) return undefined;
      const character = String.fromCodePoint(pattern.codePointAt(at) as number);
      at += character.length;
      if (/[a-zA-Z0-9]/.test(character)) return { type: "atom", letter: character.toLowerCase() };
    }
    return { type: "atom" };
  };
  const row = (depth: number): Part | undefined => {
    const parts: Part[] = [];
    while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") {
      const part = single(depth);
      if (part === undefined) return undefined;
      parts.push(repeated(part, taken(QUANTIFIER)));
    }
    return { type: "all", parts };
  };
  const choice = (depth: number): Part | undefined => {
    const parts: Part[] = [];
    do {
      const part = row(depth);
      if (part === undefined) return undefined;
      parts.push(part);
    } while (pattern[at] === "|" && ++at);
    return { type: "one", parts };
  };
  const whole = choice(0);
  return at === pattern.length ? whole : undefined;
}

/** A part with its quantifier, if it has one. */
function repeated(body: Part, quantifier: RegExpExecArray | undefined): Part {
  if (quantifier === undefined) return body;
  const [text, least, comma, most] = quantifier;
  switch (text[0]) {
    case "*":
      return { type: "repeat", body, min: 0, max: Infinity };
    case "+":
      return { type: "repeat", body, min: 1, max: Infinity };
    case "?":
      return { type: "repeat", body, min: 0, max: 1 };
    default: {
      const min = Number(least);
      return { type: "repeat", body, min, max: comma === "" ? min : most === "" ? Infinity : Number(most) };
    }
  }
}
