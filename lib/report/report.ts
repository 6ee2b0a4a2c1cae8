/** What a report says, as plain data: the run tells the curves, the pipeline what came of it. */
import type { Event } from "../flow/event.ts";
import { advanceCurves, type Curve } from "./curves.ts";
import type { Markup } from "./markup.ts";
import type { Cell } from "./table.ts";

/** Where a section stands: what came of it, the way there, the data, or how to do it again. */
export type Part = "result" | "course" | "data" | "run";

/** A titled piece of a report. */
export type Section = Content & {
  readonly part: Part;
  readonly title: string;
  /** How to read it, in a sentence or two. */
  readonly note?: string;
  /** Whether the reader has to open it. */
  readonly folded?: boolean;
};

/** What a section shows. */
export type Content =
  | { readonly type: "figures"; readonly figures: readonly Figure[] }
  | { readonly type: "table"; readonly header: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
  | { readonly type: "samples"; readonly samples: readonly SideBySide[] }
  | { readonly type: "text"; readonly lines: readonly string[] }
  | { readonly type: "code"; readonly code: string }
  | { readonly type: "drawing"; readonly drawing: Markup }
  | IntervalChart
  | ReliabilityChart
  | LineChart;

/** A number that stands for itself. */
export interface Figure {
  /** What it counts. */
  readonly name: string;
  /** As it is to be read, with its unit. */
  readonly value: string;
  /** What it is to be held against. */
  readonly note?: string;
}

/** A prompt and what was answered before and after. */
export interface SideBySide {
  /** What was asked. */
  readonly prompt: string;
  /** The answer of the policy that training began with. */
  readonly before: string;
  /** The answer of the trained one. */
  readonly after: string;
  /** How good the answers are, if that is known. */
  readonly scores?: { readonly before: number; readonly after: number };
}

/** Estimates with intervals on one axis: a row for each group, a mark for each series. */
export interface IntervalChart {
  /** Tells it from other contents. */
  readonly type: "intervals";
  /** Left end of the axis. */
  readonly low: number;
  /** Right end of the axis. */
  readonly high: number;
  /** Whether the numbers are shares, to be shown in percent. */
  readonly percent?: boolean;
  /** Names of the series; the last is the one that matters. */
  readonly series: readonly string[];
  /** An interval for each series, `null` where there is none. */
  readonly rows: readonly { readonly name: string; readonly values: readonly (IntervalOf | null)[] }[];
  /** What to compare with: lines across all rows. */
  readonly marks?: readonly { readonly at: number; readonly name: string }[];
}

/** An estimate with the ends of its interval. */
export interface IntervalOf {
  /** The best guess. */
  readonly estimate: number;
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

/** Stated confidence against the share that came out right. */
export interface ReliabilityChart {
  /** Tells it from other contents. */
  readonly type: "reliability";
  /** Forecasts of about the same confidence: how many, their mean confidence, how many of them were right. */
  readonly bins: readonly { readonly n: number; readonly confidence: number; readonly accuracy: number }[];
}

/** Figures over the steps of a loop. */
export interface LineChart {
  /** Tells it from other contents. */
  readonly type: "lines";
  /** What is counted from left to right. */
  readonly unit: string;
  /** Each in a colour and dash of its own, four at most. */
  readonly lines: readonly Line[];
}

/** One figure over the steps. */
export interface Line {
  /** As the legend has it. */
  readonly name: string;
  /** From left to right. */
  readonly points: readonly LinePoint[];
}

/** Some consecutive steps of a line. */
export interface LinePoint {
  /** The last of them. */
  readonly x: number;
  /** Their mean. */
  readonly y: number;
  /** The least of their values. */
  readonly low: number;
  /** The greatest of their values. */
  readonly high: number;
}

/** What is known of a run. */
export interface Report {
  /** Its heading. */
  readonly title: string;
  /** What it is, in a sentence. */
  readonly lead: string;
  /** In the order in which they are shown within their part. */
  readonly sections: readonly Section[];
  /** What the loops told, thinned. */
  readonly curves: readonly Curve[];
  /** What the run warned of, the first hundred times. */
  readonly warnings: readonly string[];
}

/** Before the first event. */
export const noReport: Report = { title: "", lead: "", sections: [], curves: [], warnings: [] };

const MOST_WARNINGS = 100;

/** The report after one more event of the run. It stays small however long the run is. */
export function advanceReport(before: Report, event: Event): Report {
  if (event.type === "warning") {
    return before.warnings.length >= MOST_WARNINGS
      ? before
      : { ...before, warnings: [...before.warnings, event.message] };
  }
  const curves = advanceCurves(before.curves, event);
  return curves === before.curves ? before : { ...before, curves };
}
