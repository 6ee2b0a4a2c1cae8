/** Values as text: Python's `str`, `repr`, and JSON as `json.dumps` writes it. */
import { fault, unsupported } from "./template_error.ts";
import { isDict, isKind, isList, itemsOf, typeName, type Value } from "./values.ts";

/** Python's `str(value)`; an undefined value is written as nothing. */
export function textOf(value: Value): string {
  if (typeof value === "string") return value;
  if (isKind(value, "marked")) return value.text;
  return isKind(value, "undefined") ? "" : repr(value);
}

/** Python's `repr(value)`. */
export function repr(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "number") return floatText(value);
  if (typeof value === "string") return quoted(value);
  if (isList(value)) return `[${value.map(repr).join(", ")}]`;
  if (isKind(value, "tuple")) return `(${value.items.map(repr).join(", ")}${value.items.length === 1 ? "," : ""})`;
  if (isDict(value)) return `{${Array.from(value, ([key, item]) => `${repr(key)}: ${repr(item)}`).join(", ")}}`;
  if (isKind(value, "undefined")) return "Undefined";
  throw unsupported(`the text of a ${typeName(value)}`);
}

/** Python's shortest text of a float: an exponent below 1e-4 and from 1e16 on. */
export function floatText(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return Object.is(x, -0) ? "-0.0" : "0.0";
  const [digits = "", power = "0"] = x.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${digits}e${exponent < 0 ? "-" : "+"}${`${Math.abs(exponent)}`.padStart(2, "0")}`;
  }
  return Number.isInteger(x) ? `${BigInt(x)}.0` : `${x}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const hex = (point: number, mark: string, width: number): string =>
    `\\${mark}${point.toString(16).padStart(width, "0")}`;
  const body = Array.from(text, (character) => {
    const point = character.codePointAt(0) as number;
    if (character === quote) return `\\${character}`;
    if (ESCAPES[character] !== undefined) return ESCAPES[character];
    if (character === " " || !/[\p{C}\p{Z}]/u.test(character)) return character;
    return point < 0x100 ? hex(point, "x", 2) : point < 0x10000 ? hex(point, "u", 4) : hex(point, "U", 8);
  });
  return `${quote}${body.join("")}${quote}`;
}

/** How `json.dumps` is to write. */
export interface JsonStyle {
  readonly ascii: boolean;
  readonly indent: string | undefined;
  readonly separators: readonly [item: string, key: string];
  readonly sorted: boolean;
}

/** Python's `json.dumps(value)`. */
export function jsonText(value: Value, style: JsonStyle, margin = ""): string {
  if (value === null || typeof value === "boolean") return `${value}`;
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "number") {
    return Number.isFinite(value)
      ? floatText(value)
      : Number.isNaN(value)
      ? "NaN"
      : value > 0
      ? "Infinity"
      : "-Infinity";
  }
  if (typeof value === "string") return jsonString(value, style.ascii);
  const inner = style.indent === undefined ? margin : margin + style.indent;
  const wrapped = (open: string, items: readonly string[], close: string): string => {
    if (items.length === 0) return open + close;
    if (style.indent === undefined) return open + items.join(style.separators[0]) + close;
    return `${open}\n${inner}${items.join(`${style.separators[0]}\n${inner}`)}\n${margin}${close}`;
  };
  if (isList(value) || isKind(value, "tuple")) {
    return wrapped("[", itemsOf(value).map((item) => jsonText(item, style, inner)), "]");
  }
  if (isDict(value)) {
    const entries = Array.from(value, ([key, item]) => [`${key}`, item] as const);
    if (style.sorted) entries.sort(([a], [b]) => a < b ? -1 : 1);
    const write = ([key, item]: readonly [string, Value]): string =>
      `${jsonString(key, style.ascii)}${style.separators[1]}${jsonText(item, style, inner)}`;
    return wrapped("{", entries.map(write), "}");
  }
  if (isKind(value, "marked")) throw unsupported("JSON of a text that is marked as safe");
  throw fault(`Object of type ${typeName(value)} is not JSON serializable`);
}

/** JavaScript escapes the same characters but for U+007F, and lone surrogates. */
function jsonString(text: string, ascii: boolean): string {
  const json = JSON.stringify(text);
  if (!ascii) return json;
  return json.replace(
    /[\u007f-\uffff]/g,
    (c) => c === "\u007f" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
