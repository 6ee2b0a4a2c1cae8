/**
 * Rows to learn from and rows to judge by, with no prompt on both sides.
 */
import { fold, type Key } from "../tensor/random.ts";
import type { Prompt } from "./chat.ts";
import { promptName } from "./prompt_name.ts";

/** Two parts of some rows. */
export type PromptSplit<T> = { readonly train: readonly T[]; readonly heldOut: readonly T[] };

/**
 * Splits rows by prompt: all rows of a prompt fall on one side.
 *
 * The distinct prompts are put in the order of a keyed hash, and the first ones are held out. Which side a prompt falls on
 * does not depend on the order of the rows.
 *
 * @param key decides which prompts are held out
 * @param rows rows with prompts; those that differ in blanks alone are one, and so are a string and the same text as a single
 * user message
 * @param fraction share of the distinct prompts to hold out, 0 to 1; rounded, but neither side is left empty when there
 * are two prompts and the fraction is neither 0 nor 1
 * @throws {RangeError} if `fraction` is not from 0 to 1
 */
export function splitByPrompt<T extends { readonly prompt: Prompt | Int32Array }>(
  key: Key,
  rows: readonly T[],
  fraction: number,
): PromptSplit<T> {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new RangeError(`Cannot split by prompt as fraction must be from 0 to 1: current value is ${fraction}`);
  }
  const names = rows.map(({ prompt }) => promptName(prompt));
  const hashed = [...new Set(names)].map((name) => ({ name, hash: fold(key, name) }));
  hashed.sort((a, b) => a.hash[0] - b.hash[0] || a.hash[1] - b.hash[1] || (a.name < b.name ? -1 : 1));
  const inside = fraction > 0 && fraction < 1 && hashed.length > 1;
  const wanted = Math.round(fraction * hashed.length);
  const count = inside ? Math.min(Math.max(wanted, 1), hashed.length - 1) : wanted;
  const held = new Set(hashed.slice(0, count).map(({ name }) => name));
  return {
    train: rows.filter((_, i) => !held.has(names[i] as string)),
    heldOut: rows.filter((_, i) => held.has(names[i] as string)),
  };
}
