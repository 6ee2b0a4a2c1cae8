/** What a run tells: events and failures, as data. The library never prints; who listens decides what to show. */
import type { Failure } from "../result.ts";

/** Where something happens: names from the outermost pipeline inwards, an iteration by its number from 0. */
export type Path = readonly (string | number)[];

/** Figures of one step, under the names the field greps for. */
export type Metrics = Readonly<Record<string, number>>;

/** What a stage may say of its own accord. */
export type Note =
  /** Something to look at: a prompt with two replies, a generated text. */
  | { readonly type: "sample"; readonly fields: Readonly<Record<string, string | number>> }
  /** Something to know, such as how data were read. */
  | { readonly type: "remark"; readonly message: string }
  /** What a setting came to be, such as the content hash of a model: to be kept with the run. */
  | { readonly type: "setting"; readonly name: string; readonly value: string | number }
  /** Something to worry about, and what would help. */
  | { readonly type: "warning"; readonly message: string };

/** What happened in a run, in order. */
export type Event =
  /** A part begins. A pipeline says its `stages` in order, a loop how many `steps` it has. */
  | { readonly type: "start"; readonly path: Path; readonly steps?: number; readonly stages?: readonly string[] }
  /** `step` of `steps` is done, counted from 1: a training step of a scan, or an iteration of a repeat. */
  | {
    readonly type: "step";
    readonly path: Path;
    readonly step: number;
    readonly steps: number;
    readonly metrics: Metrics;
  }
  /** A part ended well. A stage says the most bytes of tensors that there were at once while it worked, earlier ones with. */
  | { readonly type: "done"; readonly path: Path; readonly memory?: number }
  | Note & { readonly path: Path };

/** Why a run ended early, and where. */
export interface Stopped {
  /** As in `Failure` (exit codes 2 and 1), or the signal said so (130). */
  readonly kind: Failure["kind"] | "aborted";
  /** What happened, in sentences fit to print: action, rule, value. */
  readonly sentences: readonly string[];
  /** The stage; absent if no stage had begun. */
  readonly path?: Path;
  /** The step, counted from 1. */
  readonly step?: number;
  /** Ids of the data rows of that step. */
  readonly rows?: readonly string[];
}

/** A path as text: `ppo/iterations/3/rollout`. */
export function showPath(path: Path): string {
  return path.join("/");
}
