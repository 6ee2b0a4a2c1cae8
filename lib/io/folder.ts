/**
 * Folders that a program keeps files in. A file is replaced at once: whoever reads it, whenever the program is killed,
 * finds the old content or all of the new. Whatever goes wrong comes back as a sentence.
 */
import { type Failure, inputFailure, left, type Result, right } from "../result.ts";

/** What becomes of a write: nothing to say, or why it could not be done. */
export type Written = Result<Failure, void>;

/** The content of a file: text, bytes, or bytes in pieces. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/** A folder by its path; names of files in it are relative, their parts joined by `/`. */
export interface Folder {
  /** From the working directory. */
  readonly path: string;
  /** Makes the folder, and those above it, if it is not there. */
  readonly make: () => Promise<Written>;
  /** Names in the folder, or in one within it, in order; null where there is none. */
  readonly list: (within?: string) => Promise<Result<Failure, readonly string[] | null>>;
  /** The bytes of a file; null where there is none. */
  readonly read: (name: string) => Promise<Result<Failure, Uint8Array<ArrayBuffer> | null>>;
  /** Gives a file, in the folder or in one within it, new content, on the disk before this ends. */
  readonly replace: (name: string, content: FileContent) => Promise<Written>;
  /** Adds to the end of a file, made if it is not there. It survives the program at once, the machine after `settle`. */
  readonly append: (name: string, content: string | Uint8Array) => Promise<Written>;
  /** Makes sure that what was appended is on the disk. */
  readonly settle: () => Promise<Written>;
  /** Leaves the first bytes of a file and no more; one that is not there stays so. */
  readonly cut: (name: string, bytes: number) => Promise<Written>;
  /** Removes a file, or a folder with all in it; one that is not there is no fault. */
  readonly remove: (name: string) => Promise<Written>;
  /** Takes the folder, by a file in it, for this process alone until `close`; false if another process has it. */
  readonly claim: (name: string) => Promise<Result<Failure, boolean>>;
  /** Closes the files that were appended to, and gives the folder back. */
  readonly close: () => void;
}

/** What is being written has this after its name until it is whole; a killed program leaves it behind. */
export const UNFINISHED = ".unfinished";

/**
 * The folder at a path, which need not be there yet; or the flags that give the permissions it takes.
 *
 * It never asks for permission: a program that waits for an answer looks like one that hangs.
 *
 * @param path from the working directory
 * @example
 * ```ts
 * import { openFolder } from "@logratio/logratio";
 * const folder = await openFolder("runs/a");
 * if (folder._tag === "Right") await folder.right.make();
 * if (folder._tag === "Right") await folder.right.replace("notes.txt", "All of this, or nothing.");
 * ```
 */
export async function openFolder(path: string): Promise<Result<Failure, Folder>> {
  if (path === "") return inputFailure("Cannot use a folder as its path must not be empty");
  // Renaming takes the permission to read as well as the one to write.
  const states = await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name, path })));
  if (states.every(({ state }) => state === "granted")) return right(folderAt(path));
  const narrow = /[\s,]/.test(path) ? "-R -W" : `-R=${path} -W=${path}`;
  return inputFailure(
    `Cannot use ${path} as Deno has no permission to read and write there: run it again with ${narrow} before the script`,
  );
}

function folderAt(path: string): Folder {
  const place = (name: string): string => name === "" ? path : `${path}/${name}`;
  const trying = <T>(action: string, name: string, body: () => T | Promise<T>): Promise<Result<Failure, T>> =>
    attempted(`${action} ${place(name)}`, body);
  return {
    path,
    ...growing(place, trying),
    make: () => trying("make", "", () => Deno.mkdir(path, { recursive: true })),
    list: (within = "") =>
      trying("list", within, () =>
        orNull(async () => {
          const entries = await Array.fromAsync(Deno.readDir(place(within)));
          return entries.map(({ name }) => name).sort();
        })),
    read: (name) => trying("read", name, () => orNull(() => Deno.readFile(place(name)))),
    replace: (name, content) =>
      trying("write", name, async () => {
        if (name.includes("/")) await makeFolder(place(name.slice(0, name.lastIndexOf("/"))));
        await replaceFile(place(name), content);
      }),
  };
}

/** What works on open files. */
function growing(
  place: (name: string) => string,
  trying: <T>(action: string, name: string, body: () => T | Promise<T>) => Promise<Result<Failure, T>>,
): Pick<Folder, "append" | "settle" | "cut" | "remove" | "claim" | "close"> {
  const opened = new Map<string, Deno.FsFile>();
  const claimed: Deno.FsFile[] = [];
  const closeAll = (files: Iterable<Deno.FsFile>): void => {
    for (const file of files) file.close();
  };
  /** Once the files are closed: a change of another kind. */
  const changing = (action: string, name: string, body: () => Promise<unknown>): Promise<Written> => {
    closeAll(opened.values());
    opened.clear();
    return trying(action, name, async () => void await orNull(body));
  };
  return {
    append: (name, content) =>
      trying("write", name, () => {
        const file = opened.get(name) ?? Deno.openSync(place(name), { append: true, create: true });
        opened.set(name, file);
        writeAll(file, bytesOf(content));
      }),
    settle: () => trying("write", "", async () => void await Promise.all(Array.from(opened.values(), (f) => f.sync()))),
    cut: (name, bytes) =>
      changing("write", name, async () => {
        if ((await Deno.stat(place(name))).size > bytes) await Deno.truncate(place(name), bytes);
      }),
    remove: (name) => changing("remove", name, () => Deno.remove(place(name), { recursive: true })),
    claim: (name) =>
      trying("read", name, async () => {
        const file = await orNull(() => Deno.open(place(name)));
        if (file !== null) claimed.push(file);
        return await file?.tryLock(true).catch(() => true) ?? true; // a disk without locks is nobody's
      }),
    close: () => {
      closeAll(opened.values());
      opened.clear();
      closeAll(claimed.splice(0)); // the system gives the folder back
    },
  };
}

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content;

/** Null if there is no such file. */
async function orNull<T>(body: () => Promise<T>): Promise<T | null> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Makes a folder in one that is there: a run folder that someone has removed must not come back half empty. */
async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

async function replaceFile(path: string, content: FileContent): Promise<void> {
  const unfinished = path + UNFINISHED;
  try {
    using file = await Deno.open(unfinished, { write: true, create: true, truncate: true });
    const whole = typeof content === "string" || content instanceof Uint8Array;
    for (const piece of whole ? [bytesOf(content)] : content) writeAll(file, piece);
    await file.sync();
  } catch (error) {
    await Deno.remove(unfinished).catch(() => {}); // on a full disk it takes the last room
    throw error;
  }
  await Deno.rename(unfinished, path);
  await settleNames(path.slice(0, path.lastIndexOf("/")));
}

/** A new name survives the machine only when its folder is on the disk too; systems that cannot do that do without. */
async function settleNames(folder: string): Promise<void> {
  try {
    using opened = await Deno.open(folder);
    await opened.sync();
  } catch { /* the content is safe under one of its two names */ }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
}

async function attempted<T>(action: string, body: () => T | Promise<T>): Promise<Result<Failure, T>> {
  try {
    return right(await body());
  } catch (error) {
    return left({ kind: "run", sentences: [`Cannot ${action} as ${why(error)}`] });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: make room",
  EDQUOT: "the quota is used up: make room",
  EFBIG: "the file would be larger than the system allows",
  EROFS: "the disk may not be written to",
  EACCES: "the system does not allow it: see the folder's owner and mode",
  EPERM: "the system does not allow it: see the folder's owner and mode",
  ENOENT: "the folder is no longer there",
  ENOTDIR: "a part of its path is a file, not a folder",
  EEXIST: "there is a file of that name",
};

function why(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof Deno.errors.NotCapable) return `Deno does not permit it: ${error.message}`;
  return REASONS[code] ?? `the system could not: ${error instanceof Error ? error.message : error}`;
}
