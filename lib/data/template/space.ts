/** Python's white space; JavaScript's counts U+FEFF, and not U+001C to U+001F and U+0085. */

/** A character class for regular expressions. */
export const SPACE = String.raw`[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;

const one = new RegExp(SPACE);

/** Which ends of a text to strip. */
export type Sides = "both" | "left" | "right";

/** A text without the characters at its ends that are white space, or that are in a set. */
export function strip(
  text: string,
  sides: Sides = "both",
  goes: (character: string) => boolean = (c) => one.test(c),
): string {
  const all = Array.from(text);
  let [from, to] = [0, all.length];
  if (sides !== "right") { while (from < to && goes(all[from] as string)) from++; }
  if (sides !== "left") { while (to > from && goes(all[to - 1] as string)) to--; }
  return all.slice(from, to).join("");
}
