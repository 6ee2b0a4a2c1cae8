/**
 * A template's source as text and tags, with Jinja's rules of white space: `trim_blocks` and `lstrip_blocks`, as
 * transformers renders chat templates.
 *
 * @see Jinja 3.1, `jinja2/lexer.py`
 */
import { SPACE, strip } from "./space.ts";
import { fault } from "./template_error.ts";

/** A stretch of text, the code of `{{ … }}`, or the code of `{% … %}`. */
export interface Piece {
  readonly kind: "text" | "output" | "statement";
  readonly content: string;
}

const OPEN = /\{([{%#])([-+]?)/g;
const RAW = new RegExp(String.raw`^${SPACE}*raw${SPACE}*(?:-%\}${SPACE}*|%\})`);
const END_RAW = new RegExp(String.raw`\{%([-+]?)${SPACE}*endraw${SPACE}*(?:\+%\}|-%\}${SPACE}*|%\}\n?)`);
const ENDS: Readonly<Record<string, RegExp>> = {
  "{": new RegExp(String.raw`-\}\}${SPACE}*|\}\}`, "y"),
  "%": new RegExp(String.raw`\+%\}|-%\}${SPACE}*|%\}\n?`, "y"),
  "#": new RegExp(String.raw`\+#\}|-#\}${SPACE}*|#\}\n?`, "g"),
};
const STRING = /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"/y;
const BLANK = new RegExp(`^${SPACE}*$`);

/** The pieces of a template. */
export function pieces(source: string): readonly Piece[] {
  const text = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const found: Piece[] = [];
  const add = (kind: Piece["kind"], content: string): void => {
    if (kind !== "text" || content !== "") found.push({ kind, content });
  };
  let at = 0;
  let lineStarts = true;
  while (at < text.length) {
    OPEN.lastIndex = at;
    const open = OPEN.exec(text);
    if (open === null) break;
    const [tag, type = "", sign = ""] = open;
    const inside = open.index + tag.length;
    add("text", before(text.slice(at, open.index), { type, sign, lineStarts }));
    const raw = type === "%" ? RAW.exec(text.slice(inside)) : null;
    if (raw) {
      const rest = text.slice(inside + raw[0].length);
      const end = END_RAW.exec(rest);
      if (end === null) throw fault("a raw block is not closed");
      add(
        "text",
        before(rest.slice(0, end.index), { type, sign: end[1] as string, lineStarts: raw[0].endsWith("\n") }),
      );
      at = inside + raw[0].length + end.index + end[0].length;
    } else {
      const end = type === "#" ? endOfComment(text, inside) : endOfCode(text, inside, type);
      if (type !== "#") add(type === "{" ? "output" : "statement", text.slice(inside, end.index));
      at = end.index + end.length;
    }
    lineStarts = text[at - 1] === "\n";
  }
  add("text", text.slice(at));
  return found;
}

/** What is left of the text before a tag: `-` takes all white space, else a block takes the blanks of its own line. */
function before(
  text: string,
  { type, sign, lineStarts }: { readonly type: string; readonly sign: string; readonly lineStarts: boolean },
): string {
  if (sign === "-") return strip(text, "right");
  if (sign === "+" || type === "{") return text;
  const line = text.lastIndexOf("\n") + 1;
  return (line > 0 || lineStarts) && BLANK.test(text.slice(line)) ? text.slice(0, line) : text;
}

interface End {
  readonly index: number;
  readonly length: number;
}

function endOfComment(text: string, from: number): End {
  const end = ENDS["#"] as RegExp;
  end.lastIndex = from;
  const found = end.exec(text);
  if (found === null) throw fault("a comment is not closed");
  return { index: found.index, length: found[0].length };
}

/** Where code ends: not in a string, and not where a bracket is open. */
function endOfCode(text: string, from: number, type: string): End {
  const end = ENDS[type] as RegExp;
  let open = 0;
  for (let at = from; at < text.length; at++) {
    end.lastIndex = STRING.lastIndex = at;
    const closing = open === 0 ? end.exec(text) : null;
    if (closing) return { index: at, length: closing[0].length };
    const character = text[at] as string;
    const string = character === "'" || character === '"' ? STRING.exec(text) : null;
    if (string) at += string[0].length - 1;
    else if ("([{".includes(character)) open++;
    else if (")]}".includes(character)) open--;
  }
  throw fault("a tag is not closed");
}
