/** Progress: a fold over events and time, and the text it shows. */
import type { Event, Metrics, Path } from "../flow/event.ts";
import { advanceCurves, type Curve, lineOf } from "./curves.ts";
import { brief, sparkline } from "./table.ts";

/** A loop under way: a scan, or a repeat around it. */
export interface Loop {
  /** Where it is. */
  readonly path: Path;
  /** Steps to do. */
  readonly steps: number;
  /** Steps done. */
  readonly step: number;
  /** Steps that were done when the clock started: more than none if the run was resumed. */
  readonly from: number;
  /** When it began, in seconds. */
  readonly began: number;
}

/** What there is to show after an event. */
export interface Progress {
  /** The stages of the outermost pipeline. */
  readonly stages: readonly string[];
  /** The loops under way, outermost first. */
  readonly loops: readonly Loop[];
  /** The figures of the last step. */
  readonly metrics: Metrics;
  /** What goes on now. */
  readonly line: string;
  /** The same for a terminal, in pieces. */
  readonly pieces: readonly Piece[];
  /** The figures of all steps so far, thinned. */
  readonly curves: readonly Curve[];
  /** What the last event said for good: warnings and samples. */
  readonly notes: readonly string[];
  /** The line if the last event completed another tenth of the outermost loop. */
  readonly tenth: string | null;
  /** Whether the last event completed that loop. */
  readonly completed: boolean;
}

/** A piece of the line of a terminal. */
export interface Piece {
  /** What it says. */
  readonly text: string;
  /** 0 stays; of the others, those with a greater rank go first where there is no room. */
  readonly rank: number;
}

/** Before the first event. */
export const noProgress: Progress = {
  stages: [],
  loops: [],
  metrics: {},
  line: "",
  pieces: [],
  curves: [],
  notes: [],
  tenth: null,
  completed: false,
};

const samePath = (a: Path, b: Path): boolean => a.length === b.length && a.every((name, i) => name === b[i]);

/**
 * Progress after one more event.
 *
 * @param now seconds since any fixed moment
 */
export function advanceProgress(before: Progress, event: Event, now: number): Progress {
  const { path } = event;
  const curves = advanceCurves(before.curves, event);
  const quiet: Progress = { ...before, curves, notes: [], tenth: null, completed: false };
  switch (event.type) {
    case "start": {
      const stages = event.stages !== undefined && path.length === 1 ? event.stages : before.stages;
      if (event.steps === undefined) {
        return { ...quiet, stages, ...before.loops.length === 0 && said([{ text: place(stages, path), rank: 0 }]) };
      }
      const loops = [...before.loops, { path, steps: event.steps, step: 0, from: 0, began: now }];
      return describe({ ...quiet, stages, loops, metrics: before.loops.length === 0 ? {} : before.metrics }, now);
    }
    case "step": {
      const { step, steps } = event;
      const loops = before.loops.map((loop) =>
        samePath(loop.path, path) ? { ...loop, step, from: loop.step === 0 ? step - 1 : loop.from } : loop
      );
      const metrics = Object.keys(event.metrics).length === 0 ? before.metrics : event.metrics;
      const after = describe({ ...quiet, loops, metrics }, now);
      const outer = before.loops[0];
      if (outer === undefined || !samePath(outer.path, path)) return after;
      const isTenth = Math.floor(10 * step / steps) > Math.floor(10 * outer.step / steps);
      return { ...after, completed: step === steps, tenth: isTenth ? after.line : null };
    }
    case "done": {
      const loops = before.loops.filter((loop) => !samePath(loop.path, path));
      return { ...quiet, loops, ...loops.length === 0 && said([]) };
    }
    case "warning":
      return { ...quiet, notes: [`Warning from ${path.join("/")}: ${event.message}`] };
    case "setting":
      return quiet; // kept with the run, and nothing to read on the way
    case "remark":
      return { ...quiet, notes: [event.message] };
    case "sample":
      return { ...quiet, notes: [Object.entries(event.fields).map(([name, value]) => `${name}: ${value}`).join("  ")] };
  }
}

/** Where in the outermost pipeline a path is: `[4/8] dpoUpdate`. */
function place(stages: readonly string[], path: Path): string {
  const at = stages.indexOf(String(path[1] ?? path[0]));
  return (at < 0 ? "" : `[${at + 1}/${stages.length}] `) + path.slice(Math.min(1, path.length - 1)).join("/");
}

/** Pieces, and the line of all but the sparkline. */
function said(pieces: readonly Piece[]): Pick<Progress, "line" | "pieces"> {
  return { pieces, line: pieces.filter(({ rank }) => rank !== SPARK).map(({ text }) => text).join("  ") };
}

const SPARK = 3;

function describe(progress: Progress, now: number): Progress {
  const { stages, loops, metrics, curves } = progress;
  const [outer, ...inner] = loops as readonly [Loop, ...Loop[]];
  const within = inner.at(-1);
  const names = chosen(metrics);
  const figures = names.map((name, i) => ({
    text: `${name} ${brief(metrics[name] as number)}`,
    rank: i === 0 ? 2 : 6,
  }));
  const curve = curves.findLast(({ points }) =>
    names[0] !== undefined && points.at(-1)?.figures[names[0]] !== undefined
  );
  const values = curve === undefined ? [] : lineOf(curve, names[0] as string).map(({ y }) => y);
  const pieces: readonly Piece[] = [
    { text: place(stages, outer.path), rank: 0 },
    { text: meter(outer.step / outer.steps), rank: 0 },
    { text: `${Math.floor(100 * outer.step / (outer.steps || 1))} %`.padStart(5), rank: 0 },
    { text: `${outer.step}/${outer.steps}`, rank: 4 },
    ...within === undefined ? [] : [{ text: `${within.path.at(-1)} ${within.step}/${within.steps}`, rank: 5 }],
    ...figures.slice(0, 1),
    ...values.length < 2 ? [] : [{ text: sparkline(values), rank: SPARK }],
    ...figures.slice(1),
    ...time(outer, now).map((text) => ({ text, rank: 1 })),
  ];
  return { ...progress, ...said(pieces) };
}

/** As many pieces as a line has room for, the important ones first. */
function fitted(pieces: readonly Piece[], width: number): string {
  let room = width + 2;
  const kept = new Set(
    pieces.toSorted((a, b) => a.rank - b.rank).filter(({ text, rank }) => {
      room -= [...text].length + 2; // once one finds no room, none that matters less does
      return rank === 0 || room >= 0;
    }),
  );
  const line = pieces.filter((piece) => kept.has(piece)).map(({ text }) => text).join("  ");
  return [...line].slice(0, width).join("");
}

/** What is left to wait, or how long it took. */
function time({ step, steps, from, began }: Loop, now: number): readonly string[] {
  if (step >= steps) return [`took ${duration(now - began)}`];
  return step <= from ? [] : [`ETA ${duration((now - began) / (step - from) * (steps - step))}`];
}

function meter(share: number, width = 20): string {
  const full = Math.floor(width * (share || 0));
  return "━".repeat(full) + "─".repeat(width - full);
}

/** The figures most worth watching, and others if a stage has none of them: three at most. */
function chosen(metrics: Metrics): readonly string[] {
  const telling = ["loss", "rewards/accuracies", "rewards/margins", "objective/kl"].filter((name) => name in metrics);
  return (telling.length > 0 ? telling : Object.keys(metrics)).slice(0, 3);
}

/** A time in words: `8 s`, `2 min 05 s`, `1 h 02 min`. */
export function duration(seconds: number): string {
  const s = Math.ceil(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} min`;
}

/**
 * What to write on the terminal or into the log after an event: in a terminal of some `columns` one line that is written
 * over, elsewhere (`null`) a line for each tenth. Notes stay in both.
 */
export function showProgress(progress: Progress, columns: number | null): string {
  const { notes, tenth, pieces, completed } = progress;
  if (columns === null) return [...notes, ...tenth === null ? [] : [tenth]].map((text) => `${text}\n`).join("");
  const over = "\r\x1b[K";
  return notes.map((note) => `${over}${note}\n`).join("") + over + fitted(pieces, columns - 1) +
    (completed ? "\n" : "");
}
