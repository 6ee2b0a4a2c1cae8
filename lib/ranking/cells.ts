/** What a cell of a table of comparisons holds: names, amounts, moments; and what is wrong with one. */

const LONGEST_NAME = 300;

/** A value as text without blanks around it; nothing is the empty text. */
export function textOf(value: unknown): string {
  if (typeof value !== "string") return value === null || value === undefined ? "" : String(value).trim();
  const inner = value.charCodeAt(0) > 32 && value.charCodeAt(value.length - 1) > 32; // most have nothing to trim
  return inner ? value : value.trim();
}

/** The beginning of a value in quotes, to be shown in a sentence. */
export const quote = (value: unknown): string => `"${textOf(value).slice(0, 60)}"`;

/** What is wrong with the name of an item, or nothing. */
export function nameFault(name: string, part: string): string | undefined {
  if (name === "") return `${part} must not be empty`;
  if (name.length <= LONGEST_NAME) return undefined;
  return `${part} must be at most ${LONGEST_NAME} characters long: it has ${name.length}; is the text in the wrong column?`;
}

/** A finite number. */
export function numberOf(value: unknown): number | undefined {
  const x = typeof value === "number" ? value : textOf(value) === "" ? NaN : Number(textOf(value));
  return Number.isFinite(x) ? x : undefined;
}

/** A finite number that is not negative. */
export function amountOf(value: unknown): number | undefined {
  const x = numberOf(value);
  return x !== undefined && x >= 0 ? x : undefined;
}

/** A moment: a number of any unit as it is, a date in milliseconds since 1970. */
export function timeOf(value: unknown): number | undefined {
  if (value instanceof Date) return numberOf(value.getTime());
  return numberOf(value) ?? numberOf(Date.parse(textOf(value)));
}
