/** What the text of a safetensors header must be before it is parsed: small and plain, whoever made it. */

const MOST_NAMES = 1_000_000;
const MOST_AXES = 16;

/** The fields of a tensor's entry. */
const FIELDS: ReadonlySet<string> = new Set(["dtype", "shape", "data_offsets"]);

/** The name under which a header holds texts about the file. */
export const METADATA = "__metadata__";

/** A name from a file as a sentence shows it: on one line, and not for ever. */
export function showName(name: string): string {
  const clipped = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  return /^[\w.\-]+$/.test(name) ? clipped : JSON.stringify(clipped);
}

/**
 * The rule that a header's text breaks, if it breaks one that JSON's own parser does not see: a name that is there twice,
 * more depth, names or axes than weights have. One pass, and no memory but for the names.
 */
export function headerTextFault(text: string): string | undefined {
  const names = namesSeen();
  let depth = 0, commas = 0;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"') {
      const end = endOfString(text, i);
      if (end < 0) return "its header must be JSON: a text in it has no end";
      const fault = depth < 3 && isKey(text, end) ? names.add(text.slice(i, end), depth) : undefined;
      if (fault !== undefined) return fault;
      i = end - 1;
    } else if (letter === "{" || letter === "[") {
      // Records in a record, lists in those: anything else could be nested or listed without end.
      if ((letter === "{") !== depth < 2 || depth > 2) {
        return `its header must be a record of tensors: ${names.last()} is of another form`;
      }
      [depth, commas] = [depth + 1, 0];
    } else if (letter === "}" || letter === "]") depth--;
    else if (letter === "," && depth === 3 && ++commas >= MOST_AXES) {
      return `its tensors must have at most ${MOST_AXES} axes: ${names.last()} has more`;
    }
  }
  return undefined;
}

/** Where the string that begins at `start` ends, its quotes included; −1 if it does not. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
  return -1;
}

/** Whether a colon follows. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (" \n\r\t".includes(text[at] ?? "x")) at++;
  return text[at] === ":";
}

/** The names met so far: all of the outer record, and those of the record at hand. */
function namesSeen(): {
  readonly last: () => string;
  /** Takes a name in its quotes; tells the rule that it breaks, if any. */
  readonly add: (quoted: string, depth: number) => string | undefined;
} {
  const outer = new Set<string>();
  let inner = new Set<string>(), last = "it";
  return {
    last: () => last,
    add: (quoted, depth) => {
      const name = parsed(quoted);
      if (name === undefined) return `its header must be JSON: ${showName(quoted)} is no text`;
      if (depth > 1 && last !== METADATA && !FIELDS.has(name)) {
        return `its header must say dtype, shape and data_offsets of a tensor and no more: ${last} has ${
          showName(name)
        }`;
      }
      const names = depth > 1 ? inner : outer;
      if (names.has(name)) return `its header must hold every name once: ${showName(name)} is there twice`;
      if (names.add(name).size > MOST_NAMES) return `its header must have at most ${MOST_NAMES} names: it has more`;
      if (depth <= 1) [last, inner] = [showName(name), new Set()];
      return undefined;
    },
  };
}

function parsed(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted);
  } catch {
    return undefined;
  }
}
