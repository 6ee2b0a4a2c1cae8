/**
 * The one place that opens files. Whatever goes wrong comes back as a sentence that says what to do.
 */
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { textDecoder } from "./utf8.ts";

/** The first bytes of every gzip file. */
const GZIP = Uint8Array.of(0x1f, 0x8b);

const CHUNK = 2 ** 18; // bytes

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
  const pieces: string[] = [];
  const decoder = textDecoder((piece) => pieces.push(piece));
  const read = await readChunks(path, decoder.push);
  if (read._tag === "Left") return read;
  const fault = decoder.end();
  if (fault !== undefined) return inputFailure(`Cannot read ${path} as ${fault}`);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return length < 2 ** 29 - 24 // where strings end
    ? right(pieces.join(""))
    : inputFailure(`Cannot read ${path} as a text must fit into one string: it has ${length} characters`);
}

/**
 * The bytes of a file, unpacked if it is gzip.
 *
 * @param path of the file, from the working directory
 */
export async function readBytes(path: string): Promise<Result<Failure, Uint8Array<ArrayBuffer>>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const read = await readChunks(path, (chunk) => {
    chunks.push(chunk);
    return undefined;
  });
  return read._tag === "Left" ? read : right(joined(chunks));
}

/** Many chunks as one. */
export function joined(chunks: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/**
 * Hands on the bytes of a file chunk by chunk, unpacked if it is gzip.
 *
 * @param take is told whether they were packed, and may say why it will have no more: the rule that the file breaks
 */
export function readChunks(
  path: string,
  take: (chunk: Uint8Array<ArrayBuffer>, packed: boolean) => string | undefined,
): Promise<Result<Failure, null>> {
  return withFile(path, async (file) => {
    const packed = chunksOf(file);
    const { value: first } = await packed.next();
    if (first === undefined) return inputFailure(`Cannot read ${path} as it must not be empty: it has 0 bytes`);
    const gzip = startsWith(first, GZIP);
    const chunks = gzip ? unpacked(first, packed) : following(first, packed);
    try {
      let empty = true;
      for await (const chunk of chunks) {
        const fault = take(chunk, gzip);
        if (fault !== undefined) return inputFailure(`Cannot read ${path} as ${fault}`);
        empty = false;
      }
      return empty ? inputFailure(`Cannot read ${path} as it must not be empty: unpacked it has 0 bytes`) : right(null);
    } catch (error) {
      // The stream tells a cut file, a damaged one and one of several members apart by its engine's words alone.
      if (!gzip || !(error instanceof TypeError)) throw error;
      const rule = "its gzip data must be whole: it is cut off, damaged or made of several parts";
      return inputFailure(`Cannot read ${path} as ${rule}`);
    }
  });
}

/** Opens a file for a while. */
export async function withFile<T>(
  path: string,
  use: (file: Deno.FsFile) => Promise<Result<Failure, T>>,
): Promise<Result<Failure, T>> {
  const permission = await permissionToRead(path);
  if (permission._tag === "Left") return permission;
  try {
    using file = await Deno.open(path);
    return await use(file);
  } catch (error) {
    return inputFailure(`Cannot read ${path} as ${why(error)}`);
  }
}

/** Whether a path may be read; or the flag that would permit it. */
export async function permissionToRead(path: string): Promise<Result<Failure, null>> {
  if (path === "") return inputFailure("Cannot read a file as its path must not be empty");
  const { state } = await Deno.permissions.query({ name: "read", path });
  return state === "granted" ? right(null) : inputFailure(noPermission(path));
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

/** Whether bytes begin with others. */
export function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}

/** The bytes of an open file from where it stands; every chunk but the last is full. */
async function* chunksOf(file: Deno.FsFile): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  for (let ended = false; !ended;) {
    const chunk = new Uint8Array(CHUNK);
    let filled = 0;
    while (filled < CHUNK && !ended) {
      const count = await file.read(chunk.subarray(filled));
      if (count === null) ended = true;
      else filled += count;
    }
    if (filled > 0) yield chunk.subarray(0, filled);
  }
}

async function* following<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, undefined> {
  yield first;
  yield* rest;
}

function unpacked(
  first: Uint8Array<ArrayBuffer>,
  rest: AsyncIterable<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(following(first, rest)).pipeThrough(new DecompressionStream("gzip"));
}
