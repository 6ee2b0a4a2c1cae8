/** One file from the hub: resumed where it was cut off, and named only when its bytes are those that were published. */
import type { Hash } from "node:crypto";
import { type Failure, inputFailure, left, type Result, right } from "../result.ts";
import { ask, type Hub, receive } from "./hub_request.ts";

/** A file as the hub publishes it. */
export interface Published {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of its bytes, or the id that git gives them. */
  readonly hash: string;
}

/** What is called while a file comes. */
export type OnProgress = (progress: { readonly file: string; readonly bytes: number; readonly of: number }) => void;

const ATTEMPTS = 4;

/** Bytes of a file that comes before one has time to read of it. */
const UNTOLD = 2 ** 22;

/** Progress in sentences, one for each tenth of a file: `model.safetensors: 30 % of 269.1 MB`. */
export function inTenths(tell: (sentence: string) => void): OnProgress {
  let told = "";
  return ({ file, bytes, of }) => {
    const sentence = `${file}: ${10 * Math.floor(10 * bytes / of)} % of ${(of / 1e6).toFixed(1)} MB`;
    if (of > UNTOLD && sentence !== told) tell(sentence);
    told = sentence;
  };
}

/**
 * Downloads a file to `path`, which then holds exactly what was published; before that, `path.incomplete` holds what came
 * so far. A cut connection is taken up again, here and in the next run.
 */
export async function download(
  hub: Hub,
  source: string,
  { file, path, onProgress }: { readonly file: Published; readonly path: string; readonly onProgress: OnProgress },
): Promise<Result<Failure, null>> {
  const partial = `${path}.incomplete`;
  using part = await Deno.open(partial, { read: true, write: true, create: true });
  if (!await part.tryLock(true).catch(() => true)) {
    return inputFailure(`Cannot load ${source} as another program is loading it: wait for its end`);
  }
  let why = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const hash = await resumed(part, file);
    if (hash.bytes < file.size) {
      const came = await goOn(hub, source, { file, part, hash, onProgress });
      if (came._tag === "Left") return came;
      why = came.right;
    }
    if (hash.bytes < file.size) continue; // cut off: take it up again
    part.syncSync();
    if (hash.bytes === file.size && hash.digest() === file.hash) {
      await Deno.rename(partial, path);
      return right(null);
    }
    await Deno.remove(partial);
    return inputFailure(
      `Cannot load ${source} as it must be the ${file.size} bytes of hash ${file.hash} that the hub publishes: ` +
        `what came is not, and was removed`,
    );
  }
  const { size: kept } = await part.stat();
  return left({
    kind: "run",
    sentences: [`Cannot load ${source} as ${why}: ${kept} of ${file.size} bytes are there, and the next run goes on`],
  });
}

/** A hash of what came so far. */
interface Running {
  bytes: number;
  readonly update: (piece: Uint8Array) => void;
  readonly digest: () => string;
}

async function running({ size, hash }: Published): Promise<Running> {
  const { createHash } = await import("node:crypto"); // seldom needed, and long to load
  const sha: Hash = createHash(hash.length === 64 ? "sha256" : "sha1");
  if (hash.length !== 64) sha.update(`blob ${size}\0`); // as git does
  const run: Running = {
    bytes: 0,
    update: (piece) => {
      sha.update(piece);
      run.bytes += piece.length;
    },
    digest: () => sha.digest("hex"),
  };
  return run;
}

/** Reads what is there of a file; more than its size is none of it. */
async function resumed(part: Deno.FsFile, file: Published): Promise<Running> {
  const hash = await running(file);
  if ((await part.stat()).size > file.size) await part.truncate(0);
  await part.seek(0, Deno.SeekMode.Start);
  const piece = new Uint8Array(2 ** 20);
  for (let count = await part.read(piece); count !== null; count = await part.read(piece)) {
    hash.update(piece.subarray(0, count));
  }
  return hash;
}

/** Adds what the hub sends to a part; tells why it ended, if before the end. */
async function goOn(
  hub: Hub,
  source: string,
  { file, part, hash, onProgress }: {
    readonly file: Published;
    readonly part: Deno.FsFile;
    readonly hash: Running;
    readonly onProgress: OnProgress;
  },
): Promise<Result<Failure, string>> {
  const from = hash.bytes;
  const asked = await ask(hub, source, from > 0 ? { range: `bytes=${from}-` } : {});
  if (asked._tag === "Left") return asked;
  const { response, own } = asked.right;
  const etag = (own.get("x-linked-etag") ?? own.get("etag"))?.replace(/^W\/|"/g, "");
  if (etag !== undefined && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag) && etag !== file.hash) {
    await response.body?.cancel();
    return inputFailure(
      `Cannot load ${source} as its etag must be the hash that the hub lists, ${file.hash}: it is ${etag}`,
    );
  }
  if (from > 0 && !continues(response, from)) {
    await response.body?.cancel();
    await part.truncate(0);
    return right("the hub does not go on in the middle of a file");
  }
  const came = await receive(hub, response, (piece) => {
    if (hash.bytes + piece.length > file.size) {
      hash.bytes += piece.length;
      return "it is longer than the hub says";
    }
    hash.update(piece);
    for (let rest = piece; rest.length > 0;) rest = rest.subarray(part.writeSync(rest));
    onProgress({ file: file.name, bytes: hash.bytes, of: file.size });
    return undefined;
  });
  return right(came._tag === "Left" ? came.left : "it was cut off");
}

/** Whether an answer is the rest of a file from a byte on. */
function continues(response: Response, from: number): boolean {
  return response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${from}-`) === true;
}
