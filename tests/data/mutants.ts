/** Files that were damaged at random, and what becomes of them. */
import fixture from "../../fixtures/data/pairs.json" with { type: "json" };
import { pairReader } from "../../lib/data/load.ts";
import { textDecoder } from "../../lib/io/utf8.ts";
import { readParquet } from "../../lib/io/parquet.ts";
import { type Failure, inputFailure, type Result } from "../../lib/result.ts";
import { fold, type Key, uniform } from "../../lib/tensor/random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Files to damage, by format: small ones, so that damage hits what matters. */
export const FILES: Readonly<Record<string, readonly Bytes[]>> = {
  jsonl: ["texts", "messages", "dialogues", "ranked"].map((name) =>
    utf8(rowsOf(name).map((r) => JSON.stringify(r)).join("\n"))
  ),
  json: ["texts", "messages", "ranked"].map((name) => utf8(JSON.stringify(rowsOf(name), null, 1))),
  csv: ["texts", "messages", "dialogues"].map((name) => utf8(csv(rowsOf(name)))),
  parquet: fixture.files.filter(({ rows }) => rows !== "unpaired").map(({ base64 }) => Uint8Array.fromBase64(base64)),
};

function rowsOf(name: string): readonly Readonly<Record<string, unknown>>[] {
  const rows: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = fixture.rows;
  return (rows[name] ?? []).slice(0, 4);
}

function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function csv(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const cell = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value);
  const lines = rows.map((row) => names.map((name) => `"${cell(row[name]).replaceAll('"', '""')}"`).join(","));
  return [names.join(","), ...lines].join("\n");
}

const TOKENS = [
  '"',
  '""',
  ",",
  "\n",
  "\r\n",
  "{",
  "}",
  "[",
  "]",
  ":",
  "null",
  "1e999",
  "\0",
  "\xff",
  "\\u",
  "[[[[",
  "PAR1",
];

/** One to eight damages of a file: bytes changed, cut out, doubled or put in, or the end lost. */
export function mutated(key: Key, bytes: Bytes): Bytes {
  const draws = uniform(key, 40);
  const draw = (i: number, below: number): number => Math.floor((draws[i] as number) * below);
  let file = [...bytes];
  for (let k = 0; k <= draw(0, 8); k++) {
    const at = draw(4 * k + 1, file.length + 1), size = 1 + draw(4 * k + 2, 8), value = draw(4 * k + 3, 256);
    const token = [...(TOKENS[value % TOKENS.length] as string)].map((letter) => letter.charCodeAt(0));
    const kind = draw(4 * k + 4, 12);
    if (kind < 4) file[Math.min(at, file.length - 1)] = value;
    else if (kind < 6) file.splice(at, size);
    else if (kind < 8) file.splice(at, 0, ...file.slice(at, at + 20 * size));
    else if (kind < 11) file.splice(at, 0, ...token);
    else file = file.slice(0, at);
  }
  return Uint8Array.from(file);
}

/** What becomes of a file's bytes. */
export async function readBytes(format: string, bytes: Bytes): Promise<Result<Failure, unknown>> {
  const reader = pairReader();
  if (format === "parquet") {
    const read = await readParquet("file", bytes.buffer, reader);
    return read._tag === "Left" ? read : reader.end();
  }
  const decoder = textDecoder(reader.push);
  const fault = decoder.push(bytes) ?? decoder.end();
  return fault === undefined ? reader.end() : inputFailure(`Cannot read file as ${fault}`);
}

/** What became of many damaged files. */
export interface Outcome {
  readonly read: number;
  readonly refused: number;
  /** Milliseconds of the slowest. */
  readonly slowest: number;
  /** Those that broke the promise of a sentence: what happened, and the number of the mutant. */
  readonly broken: readonly string[];
}

/** Damages the files of a format so many times. */
export async function tryMutants(key: Key, format: string, count: number): Promise<Outcome> {
  const files = FILES[format] as readonly Bytes[];
  let read = 0, refused = 0, slowest = 0;
  const broken: string[] = [];
  for (let i = 0; i < count; i++) {
    const bytes = mutated(fold(key, i), files[i % files.length] as Bytes), began = performance.now();
    try {
      const result = await readBytes(format, bytes);
      const sentences = result._tag === "Left" ? result.left.sentences : [];
      if (result._tag === "Right") read++;
      else if (sentences.length > 0 && sentences.every((one) => /^(Cannot|…) /.test(one) && one.length < 1000)) {
        refused++;
      } else broken.push(`mutant ${i}: ${sentences.join(" | ")}`);
    } catch (error) {
      broken.push(`mutant ${i}: ${error instanceof Error ? error.stack : error}`);
    }
    slowest = Math.max(slowest, performance.now() - began);
  }
  return { read, refused, slowest, broken };
}
