/**
 * The one place that reads files. Whatever goes wrong comes back as a sentence that says what to do.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { type Failure, inputFailure, type Result, right } from "../result.ts";

/** The first bytes of every gzip file. */
const GZIP = [0x1f, 0x8b] as const;

/**
 * The text of a UTF-8 file, unpacked if it is gzip, whatever its name. A byte order mark is left out.
 *
 * It never asks for permission: a program that waits for an answer looks like one that hangs.
 *
 * @param path of the file, from the working directory
 * @example
 * ```ts
 * import { readPairs, readText } from "@logratio/logratio";
 * const text = await readText("pairs.jsonl.gz");
 * const loaded = text._tag === "Right" ? readPairs(text.right) : text;
 * ```
 */
export async function readText(path: string): Promise<Result<Failure, string>> {
  const bytes = await readBytes(path);
  return pipe(bytes, E.flatMap((bytes) => decodeText(path, bytes)));
}

/**
 * The bytes of a file, unpacked if it is gzip.
 *
 * @param path of the file, from the working directory
 */
export async function readBytes(path: string): Promise<Result<Failure, Uint8Array<ArrayBuffer>>> {
  if (path === "") return inputFailure("Cannot read a file as its path must not be empty");
  const { state } = await Deno.permissions.query({ name: "read", path });
  if (state !== "granted") return inputFailure(noPermission(path));
  try {
    const bytes = await Deno.readFile(path);
    if (bytes.length === 0) return inputFailure(`Cannot read ${path} as it must not be empty: it has 0 bytes`);
    return GZIP.every((byte, i) => bytes[i] === byte) ? await unpack(path, bytes) : right(bytes);
  } catch (error) {
    return inputFailure(`Cannot read ${path} as ${why(error)}`);
  }
}

function noPermission(path: string): string {
  return `Cannot read ${path} as Deno has no permission to: run it again with -R (or --allow-read=${path}) before the script`;
}

function why(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it must be a file: it is a directory";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "the system does not allow it: see the file's owner and mode";
  }
  return `the system could not: ${error instanceof Error ? error.message : error}`;
}

async function unpack(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<Result<Failure, Uint8Array<ArrayBuffer>>> {
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const unpacked = new Uint8Array(await new Response(stream).arrayBuffer());
    return unpacked.length > 0
      ? right(unpacked)
      : inputFailure(`Cannot read ${path} as it must not be empty: unpacked it has 0 bytes`);
  } catch {
    // The stream tells a cut file, a damaged one and one of several members apart by its engine's words alone.
    return inputFailure(
      `Cannot read ${path} as its gzip data must be whole: it is cut off, damaged or made of several parts`,
    );
  }
}

function decodeText(path: string, bytes: Uint8Array): Result<Failure, string> {
  try {
    return right(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const found = utf16 ? "it starts as UTF-16 does" : `line ${firstBadLine(bytes)} is not`;
    return inputFailure(`Cannot read ${path} as it must be UTF-8 text: ${found}`);
  }
}

/** The number, from 1, of the first line that is not UTF-8; a line feed is never part of another character. */
function firstBadLine(bytes: Uint8Array): number {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed + 1;
    try {
      utf8.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end;
  }
  return line;
}
