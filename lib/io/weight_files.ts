/** The safetensors files of a model: one, or shards that an index names. Headers are read first, numbers when asked. */
import type { Weights } from "../model/hf/read_params.ts";
import { type Ranges, readHeader } from "../model/safetensors_header.ts";
import { showName } from "../model/safetensors_text.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { readJson, withoutLast } from "./model_texts.ts";
import { withFile } from "./files.ts";

/** The name of a model's only file, and of the list of its files where there are several. */
export const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";

const MOST_SHARDS = 1000;
const MOST_INDEX_BYTES = 2 ** 26;

/** Which file has which tensors; null: all that it has. */
export type Shards = ReadonlyMap<string, ReadonlySet<string> | null>;

/**
 * Opens the weights in a folder for a while.
 *
 * @param single the only file that is wanted; default `model.safetensors`, or the files that the index names
 */
export async function withWeights<T>(
  folder: string,
  single: string | null,
  use: (weights: Weights) => Promise<Result<Failure, T>>,
): Promise<Result<Failure, T>> {
  const shards = single === null ? await shardsIn(folder) : right<Shards>(new Map([[single, null]]));
  return shards._tag === "Left" ? shards : await withShards(folder, [...shards.right], new Map(), use);
}

async function shardsIn(folder: string): Promise<Result<Failure, Shards>> {
  const names = new Set((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name));
  if (names.has(SINGLE)) return right(new Map([[SINGLE, null]]));
  if (names.has(INDEX)) return await readIndex(folder);
  const others = [...names].filter((name) => /\.(bin|pth?|gguf|safetensors|h5|msgpack)$/.test(name)).sort().slice(0, 5);
  const found = others.length === 0 ? "it has neither" : `it has ${others.join(", ")}`;
  return inputFailure(`Cannot load ${folder} as it must have ${SINGLE} or ${INDEX}: ${found}`);
}

/** The files that the index names, each a plain name in its folder. */
export async function readIndex(folder: string): Promise<Result<Failure, Shards>> {
  const path = `${folder}/${INDEX}`, index = await readJson(path, MOST_INDEX_BYTES);
  if (index._tag === "Left") return index;
  const { weight_map: map } = (index.right.json ?? {}) as Readonly<Record<string, unknown>>;
  const refuse = (rule: string): Result<Failure, never> => inputFailure(`Cannot read ${path} as ${rule}`);
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    return refuse("its weight_map must be a record from tensors to files");
  }
  const shards = new Map<string, Set<string>>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== "string" || !/^[\w-][\w.-]*\.safetensors$/.test(file)) {
      const shown = typeof file === "string" ? showName(file) : typeof file;
      return refuse(`it must name safetensors files in its own folder: ${showName(tensor)} is in ${shown}`);
    }
    shards.set(file, (shards.get(file) ?? new Set()).add(tensor));
    if (shards.size > MOST_SHARDS) return refuse(`it must name at most ${MOST_SHARDS} files: it names more`);
  }
  return shards.size === 0 ? refuse("it must name files: it names none") : right(shards);
}

/** Opens the files one within another, so that each is closed whatever happens. */
async function withShards<T>(
  folder: string,
  [shard, ...rest]: readonly (readonly [file: string, tensors: ReadonlySet<string> | null])[],
  found: Weights,
  use: (weights: Weights) => Promise<Result<Failure, T>>,
): Promise<Result<Failure, T>> {
  if (shard === undefined) return await use(found);
  const [name, tensors] = shard, path = `${folder}/${name}`;
  const fault = await outside(folder, name);
  if (fault !== undefined) return inputFailure(`Cannot read ${path} as ${fault}`);
  return await withFile(path, async (file) => {
    const ranges = rangesOf(file), header = readHeader(ranges);
    if (header._tag === "Left") return inputFailure(`Cannot read ${path} as ${header.left}`);
    const weights = new Map(found);
    for (const [tensor, stored] of header.right) {
      if (tensors?.has(tensor) === false) {
        const rule = found.has(tensor) ? "in one file only" : `where ${INDEX} has it`;
        return inputFailure(
          `Cannot read ${path} as each tensor must be ${rule}: ${showName(tensor)} is in this one too`,
        );
      }
      weights.set(tensor, { file: ranges, stored });
    }
    const missing = [...tensors ?? []].find((tensor) => !header.right.has(tensor));
    if (missing !== undefined) {
      return inputFailure(`Cannot read ${path} as it must have what ${INDEX} names: ${showName(missing)} is not there`);
    }
    return await withShards(folder, rest, weights, use);
  });
}

/** Why a file is not one of its folder: a link leads out of it. Hub caches keep the files of a snapshot in `blobs`. */
async function outside(folder: string, name: string): Promise<string | undefined> {
  try {
    const { isFile } = await Deno.stat(`${folder}/${name}`);
    if (!isFile) return "it must be a file";
    const [real, home] = await Promise.all([Deno.realPath(`${folder}/${name}`), Deno.realPath(folder)]);
    const snapshots = withoutLast(home), blobs = `${withoutLast(snapshots)}/blobs`;
    const homes = /[\\/]snapshots$/.test(snapshots) ? [home, blobs] : [home];
    return homes.includes(withoutLast(real))
      ? undefined
      : "it must be in its own folder: it is a link that leads out of it";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined; // opening says so
    throw error;
  }
}

/** The ranges of an open file. */
function rangesOf(file: Deno.FsFile): Ranges {
  return {
    bytes: file.statSync().size,
    read: (start, out) => {
      file.seekSync(start, Deno.SeekMode.Start);
      for (let rest = out; rest.length > 0;) {
        const count = file.readSync(rest);
        if (count === null) throw new Error("the file became shorter while it was read");
        rest = rest.subarray(count);
      }
    },
  };
}
