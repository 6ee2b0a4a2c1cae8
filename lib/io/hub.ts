/** Models from the hub: the files that a decoder needs of `org/name`, in a folder. */
import { type Failure, inputFailure, left, type Result, right } from "../result.ts";
import { hubSettings, modelFolder } from "./hub_cache.ts";
import { download, type OnProgress, type Published } from "./hub_download.ts";
import { ask, type Hub, type NoAnswer, receive } from "./hub_request.ts";
import { joined } from "./files.ts";
import { isThere, TEXTS } from "./model_texts.ts";
import { INDEX, readIndex, SINGLE } from "./weight_files.ts";

/** A model on the hub. */
export interface HubId {
  /** `org/name`. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/** A model of the hub on disk. */
export interface Fetched extends HubId {
  /** Its folder; the revision is its commit. */
  readonly folder: string;
}

const COMMIT = /^[0-9a-f]{40}$/;
const MOST_LIST_BYTES = 2 ** 25;

/** `org/name` or `org/name@revision` as what it says; undefined if it is no such thing. */
export function hubId(text: string): HubId | undefined {
  const [, id, revision = "main"] = /^([\w-][\w.-]*\/[\w-][\w.-]*?)(?:@([\w-][\w.\/-]*))?$/.exec(text) ?? [];
  return id === undefined || /\.\.|--/.test(id) || revision.includes("..") ? undefined : { id, revision };
}

/**
 * Brings a model from the hub to its folder in the cache, or finds it there: a commit that is there already needs no
 * network. Files are checked against the published size and hash before they get their names.
 */
export async function fetchModel(
  { id, revision }: HubId,
  options: { readonly onProgress?: OnProgress | undefined; readonly patience?: number | undefined } = {},
): Promise<Result<Failure, Fetched>> {
  const settings = await hubSettings(id);
  if (settings._tag === "Left") return settings;
  const { cache, ...rest } = settings.right, hub: Hub = { ...rest, patience: options.patience };
  const home = modelFolder(cache, id);
  const permissions = await Promise.all(
    (["read", "write"] as const).map((name) => Deno.permissions.query({ name, path: cache })),
  );
  if (permissions.some(({ state }) => state !== "granted")) {
    return inputFailure(
      `Cannot load ${id} as Deno has no permission to keep it in ${cache}: run it again with -R -W before the script`,
    );
  }
  const known = await knownCommit(home, revision);
  if (known !== null && COMMIT.test(revision) && await isWhole(`${home}/snapshots/${known}`)) {
    return right({ id, revision: known, folder: `${home}/snapshots/${known}` });
  }
  const listed = await listFiles(hub, { id, revision });
  if (listed._tag === "Left") {
    if (!listed.left.offline) return listed;
    const folder = `${home}/snapshots/${known}`;
    return known !== null && await isWhole(folder)
      ? right({ id, revision: known, folder })
      : left({ ...listed.left, sentences: [...listed.left.sentences, byHand(hub, { id, revision })] });
  }
  const { commit } = listed.right, folder = `${home}/snapshots/${commit}`;
  try {
    const fetched = await fetchFiles(hub, id, { ...listed.right, home, folder, onProgress: options.onProgress });
    if (fetched._tag === "Left") return fetched;
    await keepCommit(home, revision, commit);
    return right({ id, revision: commit, folder });
  } catch (error) {
    return left({
      kind: "run",
      sentences: [`Cannot keep ${id} in ${home} as ${error instanceof Error ? error.message : error}`],
    });
  }
}

/** What to do without the hub. */
function byHand({ endpoint }: Hub, { id, revision }: HubId): string {
  return `Without it, download config.json, ${SINGLE} (or ${INDEX} and the files that it names), tokenizer.json, ` +
    `tokenizer_config.json and generation_config.json from ${endpoint}/${id}/tree/${revision} into one folder, and give ` +
    `that folder as the model`;
}

/** The commit that a revision was when it was last asked for; null if it never was. */
async function knownCommit(home: string, revision: string): Promise<string | null> {
  if (COMMIT.test(revision)) return revision;
  const text = await Deno.readTextFile(`${home}/refs/${revision}`).catch(() => "");
  return COMMIT.test(text.trim()) ? text.trim() : null;
}

async function keepCommit(home: string, revision: string, commit: string): Promise<void> {
  if (COMMIT.test(revision)) return;
  const path = `${home}/refs/${revision}`;
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, commit);
}

/** Whether a folder has a model's config, weights and tokenizer. */
async function isWhole(folder: string): Promise<boolean> {
  for (const name of ["config.json", "tokenizer.json"]) if (!await isThere(`${folder}/${name}`)) return false;
  if (await isThere(`${folder}/${SINGLE}`)) return true;
  const index = await isThere(`${folder}/${INDEX}`) ? await readIndex(folder) : null;
  if (index === null || index._tag === "Left") return false;
  for (const name of index.right.keys()) if (!await isThere(`${folder}/${name}`)) return false;
  return true;
}

/** The files of a revision. */
interface Listed {
  readonly commit: string;
  readonly files: ReadonlyMap<string, Published>;
}

async function listFiles(hub: Hub, { id, revision }: HubId): Promise<Result<NoAnswer, Listed>> {
  const path = `api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const asked = await ask(hub, path);
  if (asked._tag === "Left") return asked;
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const came = await receive(hub, asked.right.response, (piece) => {
    pieces.push(piece);
    return (bytes += piece.length) > MOST_LIST_BYTES ? `it has more than ${MOST_LIST_BYTES} bytes` : undefined;
  });
  if (came._tag === "Left") {
    return left({ kind: "run", offline: true, sentences: [`Cannot load the list of ${id}'s files as ${came.left}`] });
  }
  try {
    return right(listOf(JSON.parse(new TextDecoder().decode(joined(pieces)))));
  } catch {
    return inputFailure(
      `Cannot load ${id} as ${hub.endpoint} must list its files as a hub does: it answers something else`,
    );
  }
}

interface Sibling {
  readonly rfilename: string;
  readonly size?: number;
  readonly blobId?: string;
  readonly lfs?: { readonly sha256: string; readonly size: number };
}

/** @throws if the answer is none of a hub */
function listOf({ sha, siblings }: { readonly sha: string; readonly siblings: readonly Sibling[] }): Listed {
  if (!COMMIT.test(sha)) throw new TypeError("no commit");
  const files = new Map<string, Published>();
  for (const { rfilename: name, size, blobId, lfs } of siblings) {
    const published = { name, size: lfs?.size ?? size ?? -1, hash: lfs?.sha256 ?? blobId ?? "" };
    const sound = Number.isSafeInteger(published.size) && published.size >= 0 &&
      (lfs === undefined || lfs === null ? COMMIT : /^[0-9a-f]{64}$/).test(published.hash);
    if (sound && /^[\w-][\w.-]*$/.test(name)) files.set(name, published);
  }
  return { commit: sha, files };
}

/** Brings the files that are wanted to their places. */
async function fetchFiles(
  hub: Hub,
  id: string,
  { commit, files, home, folder, onProgress = () => {} }: Listed & {
    readonly home: string;
    readonly folder: string;
    readonly onProgress?: OnProgress | undefined;
  },
): Promise<Result<Failure, null>> {
  for (const name of [folder, `${home}/blobs`]) await Deno.mkdir(name, { recursive: true });
  const bring = async (name: string): Promise<Result<Failure, null>> => {
    const file = files.get(name);
    if (file === undefined) {
      return inputFailure(`Cannot load ${id} as it must have ${name}: the hub lists no such file`);
    }
    const path = `${folder}/${name}`, blob = `${home}/blobs/${file.hash}`;
    if (await isThere(path)) return right(null);
    if (!await isThere(blob)) {
      const done = await download(hub, `${id}/resolve/${commit}/${name}`, { file, path: blob, onProgress });
      if (done._tag === "Left") return done;
    }
    // One file under two names: no second copy, and a name that is never that of a part.
    await Deno.link(blob, path).catch(() => Deno.rename(blob, path));
    return right(null);
  };
  const each = async (names: Iterable<string>): Promise<Result<Failure, null>> => {
    for (const name of names) {
      const done = await bring(name);
      if (done._tag === "Left") return done;
    }
    return right(null);
  };
  const single = files.has(SINGLE);
  const small = await each(["config.json", ...Object.keys(TEXTS).filter((name) => files.has(name))]);
  if (small._tag === "Left") return small;
  const weights = await each([single || !files.has(INDEX) ? SINGLE : INDEX]);
  if (weights._tag === "Left" || single) return weights;
  const index = await readIndex(folder);
  return index._tag === "Left" ? index : await each(index.right.keys());
}
