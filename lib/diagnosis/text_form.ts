/** Texts as they are compared: without what a retyped copy changes. */
import { type Prompt, promptMessages } from "../data/chat.ts";
import type { Pair } from "../data/pair.ts";

/**
 * A text in lower case and compatible form, without space at its ends, with one blank for any space and for what ends,
 * quotes or brackets a clause. Other signs stay, for `2 + 2` is not `2 - 2`; a text of such marks alone stays itself.
 */
export function normalForm(text: string): string {
  const plain = !/[^\s!-~]/.test(text); // compatible with itself, which is quicker to see than to bring about
  const form = (plain ? text : text.normalize("NFKC")).toLowerCase().replace(MARKS, " ").trim();
  return form === "" ? text.trim() : form;
}

const MARKS = /[\s.,;:!?'"()[\]{}…“”„‘’‚«»¿¡。、，！？：；「」（）]+/g;

/** A prompt as one text: its only turn, or all turns with their roles. */
export function promptText(prompt: Prompt): string {
  if (typeof prompt === "string") return prompt;
  const messages = promptMessages(prompt);
  const [first] = messages;
  return messages.length === 1 && first?.role === "user"
    ? first.content
    : messages.map(({ role, content }) => `${role}: ${content}`).join("\n\n");
}

/** Every text of the pairs as a number; equal numbers are equal normal forms. `[rows]` each. */
export interface Forms {
  readonly prompt: Int32Array;
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
  /** What rows share that are one case to statistics: their prompt, or in data of few prompts their two replies. */
  readonly unit: Int32Array;
}

/** With fewer distinct prompts the replies tell cases apart. */
const FEW_PROMPTS = 50;

/** Numbers normal forms in the order met; a numbering may go on over several data sets. */
export function formsOf(pairs: readonly Pair[], numbers: Map<string, number> = new Map()): Forms {
  const numberOf = (text: string): number => {
    const form = normalForm(text);
    const number = numbers.get(form) ?? numbers.size;
    if (number === numbers.size) numbers.set(form, number);
    return number;
  };
  const forms = { prompt: new Int32Array(pairs.length), chosen: new Int32Array(pairs.length) };
  const rejected = new Int32Array(pairs.length);
  pairs.forEach((pair, row) => {
    forms.prompt[row] = numberOf(promptText(pair.prompt));
    forms.chosen[row] = numberOf(pair.chosen);
    rejected[row] = numberOf(pair.rejected);
  });
  return { ...forms, rejected, unit: unitsOf({ ...forms, rejected }) };
}

function unitsOf({ prompt, chosen, rejected }: Omit<Forms, "unit">): Int32Array {
  if (new Set(prompt).size >= FEW_PROMPTS) return prompt;
  const seen = new Map<string, number>();
  return prompt.map((p, row) => {
    const name = comparisonName(p, chosen[row]!, rejected[row]!);
    if (!seen.has(name)) seen.set(name, row);
    return seen.get(name)!;
  });
}

/** The name of a prompt with two replies, whichever is chosen. */
export function comparisonName(prompt: number, a: number, b: number): string {
  return `${prompt} ${Math.min(a, b)} ${Math.max(a, b)}`;
}

/** Visits a hash of each run of three words of a text in its normal form; a shorter text is one run. */
export function eachShingle(text: string, visit: (hash: number) => void): void {
  const form = normalForm(text);
  let [before, last, word, words] = [0, 0, FNV_BASIS, 0];
  for (let i = 0; i <= form.length; i++) {
    const code = i < form.length ? form.charCodeAt(i) : BLANK;
    if (code !== BLANK) {
      word = Math.imul(word ^ code, FNV_PRIME);
      continue;
    }
    if (++words > 2) visit(mix(mix(before, last), word));
    [before, last, word] = [last, word, FNV_BASIS];
  }
  if (words < 3) visit(mix(mix(before, last), words));
}

const BLANK = 32;
const [FNV_BASIS, FNV_PRIME] = [0x811c9dc5, 0x01000193];

/** The distinct runs of three words of a text, hashed. */
export function shingles(text: string): ReadonlySet<number> {
  const found = new Set<number>();
  eachShingle(text, (hash) => found.add(hash));
  return found;
}

/** Near copies share at least this much of their runs of three words: about one word in twelve may differ. */
const NEAR = 0.8;

/** A text of fewer runs has no near copies, only equal ones: one word makes it another. */
const LONG = 8;

/** |A ∩ B| / |A ∪ B| of two near copies, 1 of equal ones; 0 of others. */
export function nearness(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  const common = a.intersection(b).size;
  const similarity = common / (a.size + b.size - common);
  return similarity === 1 || (similarity >= NEAR && Math.min(a.size, b.size) >= LONG) ? similarity : 0;
}

/** The numbers that a text names, in order: copies that differ in one are different questions. */
export function numeralsOf(text: string): string {
  return text.match(/\p{N}+/gu)?.join(" ") ?? "";
}

/** Whether two texts are equal or near copies that name the same numbers. */
export function nearTexts(a: string, b: string): boolean {
  return a === b || (numeralsOf(a) === numeralsOf(b) && nearness(shingles(a), shingles(b)) > 0);
}

/** Two words of 32 bits as one, each bit of it depending on all of both. */
export function mix(a: number, b: number): number {
  let x = Math.imul(a ^ (a >>> 15), 0x2c1b3c6d) + Math.imul(b ^ (b >>> 13), 0x297a2d39) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
