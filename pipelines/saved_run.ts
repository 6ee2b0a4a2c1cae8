/** What the folder of a run holds, and how a run is found again in it. */
import {
  type Checkpoint,
  contentHash,
  decodeData,
  type Failure,
  type Folder,
  inputFailure,
  left,
  type Report,
  type Result,
  right,
} from "../mod.ts";

/** Names of what a run keeps: everything else in a folder is somebody else's. */
export const FILES = {
  config: "config.json",
  metrics: "metrics.jsonl",
  timings: "timings.jsonl",
  checkpoints: "checkpoints",
  report: "report.html",
  events: "events.out.tfevents.logratio",
  model: "model",
  summary: "summary.json",
} as const;

/** The files that grow with a run. */
export const STREAMS: readonly string[] = [FILES.metrics, FILES.timings, FILES.events];

/** The checkpoint with the least `eval_loss`. */
export const BEST = "best.checkpoint";

/** A file that grows with the run, as far as a checkpoint goes. */
export interface Stream {
  readonly bytes: number;
  /** Of its lines, one by one; of bytes that are no lines there is none. */
  readonly hash: string;
}

/** What a checkpoint's file holds. */
export interface SavedRun {
  readonly checkpoint: Checkpoint;
  /** Training steps of the whole run so far. */
  readonly steps: number;
  /** The files that are cut back to here. */
  readonly streams: Readonly<Record<string, Stream>>;
  /** The least `eval_loss` so far, by the path of its stage. */
  readonly best: Readonly<Record<string, number>>;
  /** What the run told so far. */
  readonly report: Report;
}

/** What a run goes on from. */
export interface Found {
  /** Absent if there is no good checkpoint: the run begins again. */
  readonly saved?: SavedRun;
  /** What was damaged, and where the run goes on: sentences. */
  readonly remarks: readonly string[];
}

/** The name of the checkpoint after so many steps; names and steps have one order. */
export function checkpointName(steps: number): string {
  return `step-${`${steps}`.padStart(9, "0")}.checkpoint`;
}

/** The names of checkpoints in a list of files, the latest first. */
export function checkpointNames(names: readonly string[]): readonly string[] {
  return names.filter((name) => /^step-\d{9,}\.checkpoint$/.test(name)).toReversed();
}

/** The hash of a stream with one line more. */
export function withLine(hash: string, line: string): string {
  return contentHash([hash, line]);
}

/** The settings that the run in a folder was started with. */
export async function savedConfig(folder: Folder): Promise<Result<Failure, string>> {
  const bytes = await folder.read(FILES.config);
  if (bytes._tag === "Left") return left({ ...bytes.left, kind: "input" });
  return bytes.right === null
    ? inputFailure(
      `Cannot resume as there is no run in ${folder.path}: it has no ${FILES.config}; start one with --out`,
    )
    : right(new TextDecoder().decode(bytes.right));
}

/** The last good checkpoint of a folder: one that is damaged falls back to the one before. */
export async function lastSaved(folder: Folder): Promise<Result<Failure, Found>> {
  const listed = await folder.list(FILES.checkpoints);
  if (listed._tag === "Left") return left({ ...listed.left, kind: "input" });
  const metrics = await folder.read(FILES.metrics);
  if (metrics._tag === "Left") return left({ ...metrics.left, kind: "input" });
  const all = listed.right ?? [];
  const remarks: string[] = [];
  for (const name of [...checkpointNames(all), ...all.filter((name) => name === BEST)]) {
    const path = `${FILES.checkpoints}/${name}`;
    const bytes = await folder.read(path);
    const saved = bytes._tag === "Left"
      ? left(bytes.left.sentences.join("; "))
      : decodeSaved(bytes.right ?? new Uint8Array(), metrics.right ?? new Uint8Array());
    if (saved._tag === "Right") {
      const going = remarks.length > 0 ? [`Going on from ${folder.path}/${path}`] : [];
      return right({ saved: saved.right, remarks: [...remarks, ...going] });
    }
    remarks.push(`Cannot use ${folder.path}/${path} as ${saved.left}`);
  }
  return right({
    remarks: [...remarks, `Going on from the beginning as ${folder.path} has no checkpoint to go on from`],
  });
}

/** What a checkpoint's bytes hold, or the rule that they, or the metrics beside them, break. */
function decodeSaved(bytes: Uint8Array, metrics: Uint8Array): Result<string, SavedRun> {
  const decoded = decodeData(bytes);
  if (decoded._tag === "Left") return decoded;
  const saved = decoded.right as SavedRun;
  const stream = saved.streams[FILES.metrics];
  if (stream === undefined || stream.bytes === 0) return right(saved);
  const text = new TextDecoder().decode(metrics.subarray(0, stream.bytes));
  const hash = text.split("\n").slice(0, -1).reduce((hash, line) => withLine(hash, `${line}\n`), "");
  return hash === stream.hash
    ? right(saved)
    : left(`${FILES.metrics} must be as it was at the checkpoint: it has changed`);
}
