/** A folder in memory, for runs that are kept without a disk. */
import { type FileContent, type Folder, left, type Result, right, type Written } from "../../mod.ts";

/** Its files, and what goes wrong. */
export interface MemoryFolder extends Folder {
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** The text of a file. */
  readonly text: (name: string) => string;
}

/** A folder with no disk behind it. `fault` says why an action on a file fails, `undefined` if it does not. */
export function memoryFolder(
  path: string,
  fault: (action: string, name: string) => string | undefined = () => undefined,
): MemoryFolder {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const bytesOf = (content: FileContent): Uint8Array<ArrayBuffer> => {
    if (typeof content === "string") return new TextEncoder().encode(content);
    return Uint8Array.from(content instanceof Uint8Array ? content : [...content].flatMap((piece) => [...piece]));
  };
  const write = (action: string, name: string, body: () => void): Promise<Written> => {
    const why = fault(action, name);
    if (why !== undefined) {
      return Promise.resolve(left({ kind: "run", sentences: [`Cannot ${action} ${path}/${name} as ${why}`] }));
    }
    body();
    return Promise.resolve(right(undefined));
  };
  const within = (name: string): readonly string[] => [...files.keys()].filter((file) => file.startsWith(`${name}/`));
  return {
    path,
    files,
    text: (name) => new TextDecoder().decode(files.get(name)),
    make: () => write("make", "", () => {}),
    list: (folder) => {
      const names = [...files.keys()].flatMap((name) =>
        folder === undefined
          ? [name.split("/")[0]!]
          : name.startsWith(`${folder}/`)
          ? [name.slice(folder.length + 1)]
          : []
      );
      return Promise.resolve(right(names.length === 0 ? null : [...new Set(names)].sort()));
    },
    read: (name) => Promise.resolve(right(files.get(name) ?? null)),
    replace: (name, content) => write("write", name, () => void files.set(name, bytesOf(content))),
    append: (name, content) =>
      write("append", name, () => {
        files.set(name, new Uint8Array([...files.get(name) ?? [], ...bytesOf(content)]));
      }),
    settle: () => write("settle", "", () => {}),
    cut: (name, bytes) => write("cut", name, () => void files.set(name, files.get(name)!.slice(0, bytes))),
    remove: (name) => write("remove", name, () => [name, ...within(name)].forEach((file) => files.delete(file))),
    claim: (name) => Promise.resolve(right(fault("claim", name) === undefined)),
    close: () => {},
  };
}

/** Opens folders by their paths, each the same every time. */
export function opening(...folders: readonly MemoryFolder[]): (path: string) => Promise<Result<never, Folder>> {
  return (path) => Promise.resolve(right(folders.find((folder) => folder.path === path)!));
}
