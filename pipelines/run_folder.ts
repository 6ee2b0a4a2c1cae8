/** Which folder a run is kept in, and which settings it goes on with: `--out`, `--resume`, `--config`. */
import {
  type Failure,
  type Folder,
  inputFailure,
  left,
  openFolder,
  readText,
  type Result,
  right,
  UNFINISHED,
} from "../mod.ts";
import type { Common } from "./flags.ts";
import { FILES, lastSaved, savedConfig, type SavedRun } from "./saved_run.ts";

/** Where a run is kept, and where it goes on. */
export interface RunFolder {
  readonly folder: Folder;
  /** Null: at the beginning. */
  readonly saved: SavedRun | null;
  /** What to say before it starts. */
  readonly remarks: readonly string[];
}

/** Opens a folder: the disk's in `main`, anything in tests. */
export type OpenFolder = (path: string) => Promise<Result<Failure, Folder>>;

/** The folder that the flags name; null if the run is not kept. */
export async function runFolder(
  values: Pick<Common, "out" | "resume" | "overwrite">,
  open: OpenFolder = openFolder,
): Promise<Result<Failure, RunFolder | null>> {
  const { out, resume, overwrite } = values;
  if (resume !== null) {
    const [flag] = [...out === null ? [] : ["--out"], ...overwrite ? ["--overwrite"] : []];
    if (flag !== undefined) {
      return inputFailure(`Cannot use ${flag} with --resume as the run goes on in its own folder: leave ${flag} out`);
    }
    const folder = await open(resume);
    if (folder._tag === "Left") return folder;
    const found = await lastSaved(folder.right);
    if (found._tag === "Left") return found;
    return right({ folder: folder.right, saved: found.right.saved ?? null, remarks: found.right.remarks });
  }
  if (out === null) {
    return overwrite ? inputFailure("Cannot use --overwrite without --out: name the folder to replace") : right(null);
  }
  const folder = await open(out);
  if (folder._tag === "Left") return folder;
  const taken = await isTaken(folder.right, overwrite);
  return taken._tag === "Left" ? taken : right({ folder: folder.right, saved: null, remarks: [] });
}

/** Whether a folder may be used: one that is empty or not there, or holds a run that is to be replaced. */
async function isTaken(folder: Folder, overwrite: boolean): Promise<Result<Failure, void>> {
  const listed = await folder.list();
  if (listed._tag === "Left") return left({ ...listed.left, kind: "input" });
  const names = (listed.right ?? []).filter((name) => !name.endsWith(UNFINISHED)); // of a run that was killed at once
  if (names.length === 0) return right(undefined);
  if (!overwrite) {
    return inputFailure(
      `Cannot keep the run in ${folder.path} as it must be empty or not there: it holds ${names[0]}; ` +
        `name another folder, replace the run with --overwrite, or go on with it by --resume ${folder.path}`,
    );
  }
  return names.includes(FILES.config) ? right(undefined) : inputFailure(
    `Cannot overwrite ${folder.path} as it must hold a run: it has no ${FILES.config}; name another folder`,
  );
}

/** The settings of `--config`, or of the run to go on with; undefined if neither is asked for. */
export async function configOf(
  { config, resume }: Pick<Common, "config" | "resume">,
  pipeline: string,
  open: OpenFolder = openFolder,
): Promise<Result<Failure, Readonly<Record<string, unknown>> | undefined>> {
  if (config !== null) {
    const text = await readText(config);
    return text._tag === "Left" ? text : readConfig(text.right, config, pipeline);
  }
  if (resume === null) return right(undefined);
  const folder = await open(resume);
  if (folder._tag === "Left") return folder;
  const text = await savedConfig(folder.right);
  return text._tag === "Left" ? text : readConfig(text.right, `${resume}/${FILES.config}`, pipeline);
}

/** Settings by name from the text of a config. */
function readConfig(text: string, path: string, pipeline: string): Result<Failure, Readonly<Record<string, unknown>>> {
  const parsed = parseJson(text);
  if (parsed._tag === "Left") return inputFailure(`Cannot read ${path} as it must be JSON: ${parsed.left}`);
  const config = parsed.right;
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    return inputFailure(`Cannot read ${path} as it must be an object of settings: {"${"seed"}": 0, …}`);
  }
  const { pipeline: of = pipeline, ...settings } = config as Readonly<Record<string, unknown>>;
  return of === pipeline
    ? right(settings)
    : inputFailure(`Cannot use ${path} as it is of the pipeline ${of}: this is ${pipeline}`);
}

function parseJson(text: string): Result<string, unknown> {
  try {
    return right(JSON.parse(text));
  } catch (error) {
    return left(error instanceof Error ? error.message : String(error));
  }
}
