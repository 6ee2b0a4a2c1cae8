/** Markup that is safe by construction: whatever is not markup already is escaped, and nothing else makes markup. */

/** A piece of a page: a function of nothing, its characters. No data read from a file is a function. */
export type Markup = () => string;

/** What may stand in a page: text is escaped, lists are joined, `null` is nothing. */
export type Inside = string | number | null | Markup | readonly Inside[];

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Characters that no page may hold: controls but tab and line feed. */
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]/g;

function written(inside: Inside): string {
  if (inside === null) return "";
  if (typeof inside === "function") return inside();
  if (typeof inside === "object") return inside.map(written).join("");
  const text = String(inside).toWellFormed().replace(/\r\n?/g, "\n").replace(FORBIDDEN, "\ufffd");
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string);
}

/**
 * Markup of a template: its letters are kept, what is put in is escaped unless it is markup. It may stand between tags
 * and in quoted attributes.
 *
 * @example
 * ```ts
 * import { markup } from "@logratio/logratio";
 * const cell = (text: string) => markup`<td title="${text}">${text}</td>`;
 * markup`<tr>${["a < b", "c"].map(cell)}</tr>`(); // <tr><td title="a &lt; b">a &lt; b</td>…
 * ```
 */
export function markup(letters: TemplateStringsArray, ...inside: readonly Inside[]): Markup {
  const text = letters.reduce((before, after, i) => before + written(inside[i - 1] ?? null) + after);
  return () => text;
}
