/** A hub on this machine: one small model, and whatever goes wrong with it. */
import { createHash } from "node:crypto";
import { encodeSafetensors } from "../../lib/model/safetensors.ts";
import { llamaConfig, llamaTensors } from "../../lib/model/llama.ts";
import { type DecoderConfig, initDecoder } from "../../lib/model/decoder.ts";
import { key } from "../../lib/tensor/random.ts";

/** The architecture of the model that the hub has. */
export const CONFIG: DecoderConfig = {
  vocabSize: 11,
  hiddenSize: 8,
  layers: 1,
  contextLength: 16,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 10_000 },
  attention: { heads: 2, kvHeads: 1, headDim: 4 },
  mlp: { type: "gatedSilu", size: 12 },
  tiedEmbeddings: true,
};
export const PARAMS = initDecoder(key(1), CONFIG);

/** The commit that `main` is. */
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Its files; the weights are stored as large files are. */
export const FILES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "config.json": utf8(JSON.stringify(llamaConfig(CONFIG))),
  "tokenizer.json": utf8('{"version":"1.0"}'),
  "README.md": utf8("not wanted"),
  "model.safetensors": encodeSafetensors(llamaTensors(PARAMS)),
};

/** The hash that a hub publishes of a file. */
export function hashOf(name: string): string {
  const bytes = FILES[name]!;
  return name.endsWith(".safetensors")
    ? createHash("sha256").update(bytes).digest("hex")
    : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** What a request is answered with, instead of what is right; undefined: what is right. */
export type Mischief = (path: string, request: Request) => Response | undefined;

/** A running hub. */
export interface HubServer extends AsyncDisposable {
  readonly endpoint: string;
  /** Paths asked for, with the range and the token. */
  readonly asked: readonly string[];
}

/** Starts a hub. */
export function hubServer(mischief: Mischief = () => undefined): HubServer {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url), path = pathname.slice(1);
    asked.push([path, request.headers.get("range"), request.headers.get("authorization")].filter(Boolean).join(" "));
    return mischief(path, request) ?? answer(path, request);
  });
  return {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The list of files. */
export function listing(change: Readonly<Record<string, unknown>> = {}): Response {
  const siblings = Object.entries(FILES).map(([rfilename, { length: size }]) => ({
    ...{ rfilename, size },
    ...rfilename.endsWith(".safetensors")
      ? { blobId: "f".repeat(40), lfs: { sha256: hashOf(rfilename), size, pointerSize: 134 } }
      : { blobId: hashOf(rfilename) },
    ...change[rfilename] as object,
  }));
  return Response.json({ sha: COMMIT, siblings });
}

/** A file, or the rest of it. */
export function file(name: string, request: Request, headers: Readonly<Record<string, string>> = {}): Response {
  const bytes = FILES[name]!, [, from] = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "") ?? [];
  const etag = { etag: `"${hashOf(name)}"`, ...headers };
  if (from === undefined) return new Response(bytes, { headers: etag });
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  return new Response(bytes.slice(Number(from)), { status: 206, headers: { ...etag, "content-range": range } });
}

/** The beginning of a file, and then the connection breaks. */
export function cutOff(name: string, bytes: number, request: Request): Response {
  const whole = FILES[name]!, from = Number(/\d+/.exec(request.headers.get("range") ?? "0")?.[0]);
  const headers = { etag: `"${hashOf(name)}"`, "content-range": `bytes ${from}-${whole.length - 1}/${whole.length}` };
  const promised = { ...headers, "content-length": String(whole.length - from) };
  const body = ReadableStream.from([whole.slice(from, from + bytes)]);
  return new Response(body, { status: from > 0 ? 206 : 200, headers: promised });
}

function answer(path: string, request: Request): Response {
  if (path === "api/models/org/tiny/revision/main" || path === `api/models/org/tiny/revision/${COMMIT}`) {
    return listing();
  }
  const [, name] = new RegExp(`^org/tiny/resolve/${COMMIT}/([\\w.-]+)$`).exec(path) ?? [];
  return name !== undefined && Object.hasOwn(FILES, name) ? file(name, request) : new Response(null, { status: 404 });
}
