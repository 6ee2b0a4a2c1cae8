/** What is kept and what is not, counted as rows come. */
import type { Prompt } from "./chat.ts";
import type { DropReason, Issue } from "./issue.ts";
import { promptName } from "./prompt_name.ts";
import { firstSentences, SHOWN, type SourceReport } from "./report.ts";
import { textHash } from "./text_hash.ts";

/** Counts rows that are wrong and rows that are dropped, and keeps the sentences that will be shown. */
export interface FaultCounter {
  /** Takes all the issues of a row. */
  readonly add: (issues: readonly Issue[]) => void;
  /** Rows with issues. */
  readonly rows: () => number;
  /** Rows with issues that stop the load. */
  readonly wrong: () => number;
  readonly dropped: readonly { readonly reason: DropReason; readonly id: string }[];
  /** The sentences of the issues that stop the load, and of those that drop a row. */
  readonly stops: () => readonly string[];
  readonly drops: () => readonly string[];
}

/** A counter that has seen no row. */
export function faultCounter(drop: readonly string[]): FaultCounter {
  const stops: string[] = [], drops: string[] = [];
  const dropped: { readonly reason: DropReason; readonly id: string }[] = [];
  let rows = 0, wrong = 0, stopCount = 0, dropCount = 0;
  return {
    dropped,
    rows: () => rows,
    wrong: () => wrong,
    stops: () => firstSentences(stops, stopCount),
    drops: () => firstSentences(drops, dropCount),
    add: (issues) => {
      rows++;
      const stopping = issues.filter(({ reason }) => !drop.includes(reason));
      if (stopping.length > 0) wrong++;
      for (const { sentence } of stopping) if (++stopCount <= SHOWN) stops.push(sentence);
      for (const { reason, id, sentence } of issues) {
        if (reason === "unreadable" || !drop.includes(reason)) continue;
        dropped.push({ reason, id });
        if (++dropCount <= SHOWN) drops.push(sentence);
      }
    },
  };
}

/** Keeps rows, and counts their prompts, repetitions and bytes. */
export interface Keeper<R, T> {
  readonly data: readonly T[];
  readonly add: (row: R) => void;
  readonly account: () => Omit<SourceReport, "made" | "shape">;
}

/** A keeper that keeps `each` of a row, which `textsOf` tells apart from others of its prompt. */
export function keeper<R extends { readonly prompt: Prompt | Int32Array }, T>(
  each: (row: R) => T,
  textsOf: (row: R) => readonly string[],
): Keeper<R, T> {
  const data: T[] = [], prompts = new Set<number>(), rows = new Set<number>();
  let repeated = 0, bytes = 0;
  return {
    data,
    add: (row) => {
      const prompt = textHash(promptName(row.prompt));
      const whole = textsOf(row).reduce((hash, text) => textHash(text, hash), prompt);
      if (rows.size === rows.add(whole).size) repeated++;
      prompts.add(prompt);
      const one = each(row);
      bytes += bytesOf(one);
      data.push(one);
    },
    account: () => ({ prompts: prompts.size, repeated, bytes }),
  };
}

// deno-lint-ignore no-control-regex -- the characters that take one byte
const WIDE = /[^\u0000-\u00ff]/;

/** The bytes of the texts and arrays in a value. */
function bytesOf(value: unknown): number {
  if (typeof value === "string") return WIDE.test(value) ? 2 * value.length : value.length;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  let bytes = 0;
  for (const part of Object.values(value)) bytes += bytesOf(part);
  return bytes;
}
