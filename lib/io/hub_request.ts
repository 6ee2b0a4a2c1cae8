/** Requests to a hub: redirects followed by hand, so that a token goes to the hub alone, and an end to all waiting. */
import { type Failure, inputFailure, left, type Result, right } from "../result.ts";

/** A hub, and who asks it. */
export interface Hub {
  /** Without a slash at the end: `https://huggingface.co`. */
  readonly endpoint: string;
  /** Sent to this endpoint and nowhere else. */
  readonly token?: string | undefined;
  /** Seconds to wait for an answer, and for each further piece of it. Default 60. */
  readonly patience?: number | undefined;
}

/** An answer: what there is on the way to its body, and the body. */
export interface Answer {
  readonly response: Response;
  /** Headers of the hub's own answer, which may have redirected to another host. */
  readonly own: Headers;
}

const MOST_REDIRECTS = 5;
const PATIENCE = 60; // seconds

/** Why there is no answer: nobody could be reached, or somebody refused. */
export interface NoAnswer extends Failure {
  readonly offline?: boolean;
}

/** Asks for what is at a URL of the hub. */
export async function ask(
  hub: Hub,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Result<NoAnswer, Answer>> {
  let url = new URL(`${hub.endpoint}/${path}`), own: Headers | undefined;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const one = await askOnce(hub, url, headers);
    if (one._tag === "Left") return one;
    const response = one.right, to = response.headers.get("location");
    own ??= response.headers;
    if (response.status < 300 || response.status > 399 || to === null) {
      return response.ok ? right({ response, own }) : await refusal(hub, url, response);
    }
    await response.body?.cancel();
    const next = new URL(to, url);
    if (next.protocol !== "https:" && next.protocol !== url.protocol) {
      return inputFailure(`Cannot load ${url} as a redirect must stay with https: it leads to ${shown(next)}`);
    }
    url = next;
  }
  return inputFailure(`Cannot load ${hub.endpoint}/${path} as it is redirected more than ${MOST_REDIRECTS} times`);
}

async function askOnce(
  hub: Hub,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Result<NoAnswer, Response>> {
  const { state } = await Deno.permissions.query({ name: "net", host: url.host });
  if (state !== "granted") {
    return left({
      ...{ kind: "input", offline: true },
      sentences: [
        `Cannot load ${shown(url)} as Deno has no permission to: run it again with --allow-net before the script`,
      ],
    });
  }
  const mayKnow = hub.token !== undefined && url.origin === new URL(hub.endpoint).origin;
  const waiting = new AbortController(), { patience = PATIENCE } = hub;
  const timer = setTimeout(() => waiting.abort(), 1000 * patience);
  try {
    return right(
      await fetch(url, {
        redirect: "manual",
        signal: waiting.signal,
        headers: { "accept-encoding": "identity", ...headers, ...mayKnow && { authorization: `Bearer ${hub.token}` } },
      }),
    );
  } catch (error) {
    const why = waiting.signal.aborted ? `it says nothing for ${patience} s` : message(error);
    return left({ kind: "run", offline: true, sentences: [`Cannot reach ${url.origin} as ${why}`] });
  } finally {
    clearTimeout(timer);
  }
}

/** A URL in a sentence: what follows a question mark may be a signature. */
function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function message(error: unknown): string {
  const { cause = error } = error instanceof Error ? error : {};
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/\?[^\s)]*/, "").replace(/\s+/g, " ");
}

async function refusal(hub: Hub, url: URL, response: Response): Promise<Result<NoAnswer, never>> {
  await response.body?.cancel();
  const { status } = response, what = `Cannot load ${shown(url)} as`;
  if (status === 401 || status === 403) {
    const how = hub.token === undefined
      ? "there is no such model, or it wants a token: set HF_TOKEN to one that may read it"
      : "there is no such model, or the token in HF_TOKEN may not read it: perhaps its terms are not accepted yet";
    return inputFailure(`${what} ${how} (${status})`);
  }
  if (status === 404) return inputFailure(`${what} there is no such model, revision or file (404)`);
  return left({
    kind: "run",
    offline: status >= 500,
    sentences: [`${what} the hub answers ${status}: try again later`],
  });
}

/**
 * Takes an answer's body piece by piece until it ends, `take` has had enough, or nothing comes any more.
 *
 * @param take may say why it will have no more
 */
export async function receive(
  { patience = PATIENCE }: Hub,
  response: Response,
  take: (piece: Uint8Array<ArrayBuffer>) => string | undefined,
): Promise<Result<string, null>> {
  const reader = response.body?.getReader();
  if (reader === undefined) return right(null);
  try {
    while (true) {
      const piece = await within(patience, reader.read());
      if (piece === null) return left(`nothing came for ${patience} s`);
      if (piece.done) return right(null);
      const fault = take(piece.value);
      if (fault !== undefined) return left(fault);
    }
  } catch (error) {
    return left(`it was cut off: ${message(error)}`);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** What is promised; null if it takes longer. */
async function within<T>(seconds: number, promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), 1000 * seconds));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
