/**
 * The fields of a row, each read with the rule it must keep.
 */
import { left, type Result, right } from "../result.ts";
import { type Fault, type Issue, issueAt, type Place, shown, unreadable } from "./issue.ts";
import { nearest } from "../nearest.ts";

/** A row as it came: names with values of any kind. */
export type Fields = Readonly<Record<string, unknown>>;

/** What reading gives: a value, or every rule that failed. */
export type Read<T> = Result<readonly Fault[], T>;

/**
 * What a row compares: two completions, one that is good or bad, several from the best to the worst; two or one as token ids.
 */
export type RowKind = "pairs" | "unpaired" | "ranked" | "tokens" | "unpairedTokens";

/** The fields that rows need, and all that they may have. */
export type Names = { readonly needed: readonly string[]; readonly known: readonly string[] };

/** The fields that a row may have; others are left unread, and a report names them. Those needed come first. */
export const FIELDS: Readonly<Record<RowKind, Names>> = {
  pairs: {
    needed: ["chosen", "rejected"],
    known: ["id", "prompt", "chosen", "rejected", "margin", "label", "weight"],
  },
  unpaired: { needed: ["completion", "label"], known: ["id", "prompt", "completion", "label", "weight"] },
  ranked: { needed: ["prompt", "completions"], known: ["id", "prompt", "completions", "weight"] },
  tokens: {
    needed: ["prompt_ids", "chosen_ids", "rejected_ids"],
    known: ["id", "prompt_ids", "chosen_ids", "rejected_ids", "margin", "label", "weight"],
  },
  unpairedTokens: {
    needed: ["prompt_ids", "completion_ids"],
    known: ["id", "prompt_ids", "completion_ids", "label", "weight"],
  },
};

/** All fields of all kinds of rows. */
export const ALL_FIELDS: readonly string[] = [...new Set(Object.values(FIELDS).flatMap(({ known }) => known))];

/** Fields that are numbers, or true and false. */
export const NUMBERS: readonly string[] = ["margin", "label", "weight"];

/** Fields that are lists of token ids. */
export const ID_LISTS: readonly string[] = [...FIELDS.tokens.needed, "completion_ids"];

/** The kind of a row by the names of its fields: ids go before texts; what fits none is a pair with something wrong. */
export function kindOf(names: readonly string[]): RowKind {
  if (names.includes("completion_ids")) return "unpairedTokens";
  if (names.some((name) => ID_LISTS.includes(name))) return "tokens";
  if (names.includes("chosen") || names.includes("rejected")) return "pairs";
  return names.includes("completions") ? "ranked" : names.includes("completion") ? "unpaired" : "pairs";
}

/** The value of an optional field that is not there. */
export type Nothing = Readonly<Record<never, never>>;

const NOTHING: Read<Nothing> = right({});

/** A fault: the rule that a field broke, and its value. */
export function fault(rule: string, value: unknown): Read<never> {
  return left([unreadable(`${rule}: current value is ${shown(value)}`)]);
}

/** Whether a field holds something; `null` is how many exporters write nothing. */
export function has(fields: Fields, name: string): boolean {
  return Object.hasOwn(fields, name) && fields[name] !== null && fields[name] !== undefined;
}

/** A row must be an object. */
export function readFields(row: unknown): Read<Fields> {
  return typeof row === "object" && row !== null && !Array.isArray(row)
    ? right(row as Fields)
    : fault("a row must be an object with the fields prompt, chosen and rejected", row);
}

/** What is read of a row's fields, or all its faults as issues with the place and the name of the row. */
export function decodeFields<T>(
  row: unknown,
  place: Place,
  read: (fields: Fields) => Read<T>,
): Result<readonly Issue[], T> {
  const fields = readFields(row);
  const result = fields._tag === "Left" ? fields : read(fields.right);
  if (result._tag === "Right") return result;
  const id = fields._tag === "Left" ? fields : readId(fields.right, place.row);
  const name = id._tag === "Left" ? String(place.row) : id.right;
  return left(result.left.map((fault) => issueAt(place, name, fault)));
}

/**
 * The needed fields must be there, and no other name may be a slip for one that the row lacks: read over, a `lable` would
 * train as if there were none.
 */
export function readNames(fields: Fields, kind: RowKind | Names): Read<Nothing> {
  const { known, needed } = typeof kind === "string" ? FIELDS[kind] : kind;
  const lacking = known.filter((name) => !has(fields, name));
  const slips = Object.keys(fields).flatMap((name) => {
    const meant = known.includes(name) ? undefined : nearest(name, lacking);
    return meant === undefined ? [] : [{ name, meant }];
  });
  const missing = needed.filter((name) => !has(fields, name) && !slips.some(({ meant }) => meant === name));
  if (slips.length + missing.length === 0) return NOTHING;
  const names = listed(Object.keys(fields));
  return left([
    ...slips.map(({ name, meant }) => unreadable(`field "${name}" is unknown: did you mean "${meant}"?`)),
    ...missing.map((name) => unreadable(`field "${name}" is missing: its fields are ${names}`)),
  ]);
}

/** Names in a sentence: a dozen of them, none longer than a line. */
function listed(names: readonly string[]): string {
  const some = names.slice(0, 12).map((name) => name.slice(0, 40).toWellFormed()).join(", ");
  return names.length > 12 ? `${some} and ${names.length - 12} more` : some || "none";
}

/** A number that may be absent: a record of one field or none, ready to be spread. */
export function readNumber<Name extends string>(
  fields: Fields,
  name: Name,
  { least = -Infinity, most = Infinity }: { readonly least?: number; readonly most?: number } = {},
): Read<{ readonly [K in Name]?: number }> {
  if (!has(fields, name)) return NOTHING;
  const value = fields[name];
  if (typeof value === "number" && Number.isFinite(value) && value >= least && value <= most) {
    return right({ [name]: value } as { readonly [K in Name]?: number });
  }
  const range = most < Infinity ? ` from ${least} to ${most}` : least > -Infinity ? ` of at least ${least}` : "";
  return fault(`field "${name}" must be a number${range}`, value);
}

/** The row's own id, a string or a whole number, or its place among the rows. */
export function readId(fields: Fields, row: number): Read<string> {
  if (!has(fields, "id")) return right(String(row));
  const { id } = fields;
  const named = (typeof id === "string" && id !== "") || Number.isSafeInteger(id);
  return named ? right(String(id)) : fault('field "id" must be a string or a whole number', id);
}
