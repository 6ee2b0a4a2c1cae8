/**
 * The fields of a row, each read with the rule it must keep.
 */
import { left, type Result, right } from "../result.ts";
import { type Fault, shown } from "./issue.ts";
import { nearest } from "../nearest.ts";

/** A row as it came: names with values of any kind. */
export type Fields = Readonly<Record<string, unknown>>;

/** What reading gives: a value, or every rule that failed. */
export type Read<T> = Result<readonly Fault[], T>;

/** The fields that a pair may have; others are left unread, and a report names them. */
export const PAIR_FIELDS: readonly string[] = ["id", "prompt", "chosen", "rejected", "margin", "label", "weight"];

/** The value of an optional field that is not there. */
export type Nothing = Readonly<Record<never, never>>;

const NOTHING: Read<Nothing> = right({});

/** A fault: the rule that a field broke, and its value. */
export function fault(rule: string, value: unknown): Read<never> {
  return left([{ reason: "unreadable", rule: `${rule}: current value is ${shown(value)}` }]);
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

/**
 * Chosen and rejected must be there, and no other name may be a slip for one that the row lacks: read over, a `lable`
 * would train as if there were none.
 */
export function readNames(fields: Fields): Read<Nothing> {
  const lacking = PAIR_FIELDS.filter((name) => !has(fields, name));
  const slips = Object.keys(fields).flatMap((name) => {
    const meant = PAIR_FIELDS.includes(name) ? undefined : nearest(name, lacking);
    return meant === undefined ? [] : [{ name, meant }];
  });
  const missing = lacking.filter((name) => needed(name) && !slips.some(({ meant }) => meant === name));
  if (slips.length + missing.length === 0) return NOTHING;
  const names = Object.keys(fields).join(", ") || "none";
  const rules = [
    ...slips.map(({ name, meant }) => `field "${name}" is unknown: did you mean "${meant}"?`),
    ...missing.map((name) => `field "${name}" is missing: its fields are ${names}`),
  ];
  return left(rules.map((rule) => ({ reason: "unreadable", rule })));
}

const needed = (name: string): boolean => name === "chosen" || name === "rejected";

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
