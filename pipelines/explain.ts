/** `--explain`: the stages with what each needs and adds, and what takes memory; nothing is run. */
import { type Stage, table } from "../mod.ts";
import type { Outlook } from "./outlook.ts";

/** Something that takes memory. */
export interface Size {
  /** What it is. */
  readonly part: string;
  /** How many numbers; null if that is known only when the data are read. */
  readonly numbers: number | null;
  /** Bytes of them all. */
  readonly bytes: number | null;
  /** What the number rests on. */
  readonly note: string;
}

/** A stage as a line. */
interface Line {
  readonly stage: string;
  readonly depth: number;
  /** How it works: once, in steps, so many times, or as the stages below it. */
  readonly work: string;
  readonly needs: readonly string[];
  readonly adds: readonly string[];
}

const WORK = { once: "once", attempt: "once, may refuse", scan: "in steps", pipeline: "" } as const;

/** The stages in order, those within others after them. */
function linesOf(stage: Stage<never, object>, depth = 0): readonly Line[] {
  const { name, work, needs = [], adds = [] } = stage;
  const inner = work.type === "pipeline" ? work.stages : work.type === "repeat" ? [work.stage] : [];
  const own = {
    stage: name,
    depth,
    work: work.type === "repeat" ? `${work.times} times` : WORK[work.type],
    needs,
    adds,
  };
  return [own, ...inner.flatMap((stage) => linesOf(stage, depth + 1))];
}

const KIB = 1024;

/** Bytes as one reads them: `2.3 MiB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / KIB ** power).toFixed(1)} ${["KiB", "MiB", "GiB"][power - 1]}`;
}

/** The text of `--explain`, or with `json` the same as one document. */
export function explain(
  pipeline: Stage<never, object>,
  sizes: readonly Size[],
  { json, outlook }: { readonly json: boolean; readonly outlook: Outlook | null },
): string {
  const lines = linesOf(pipeline);
  if (json) {
    const stages = lines.map(({ depth: _, work, ...line }) => ({ ...line, work: work || "stages" }));
    return `${JSON.stringify({ pipeline: pipeline.name, stages, memory: sizes, ...outlook?.json }, null, 2)}\n`;
  }
  const names = (of: readonly string[]): string => of.length === 0 ? "–" : of.join(", ");
  const stages = lines.map(({ stage, depth, work, needs, adds }) => [
    "  ".repeat(depth) + stage,
    work,
    ...work === "" ? ["", ""] : [names(needs), names(adds)],
  ]);
  const memory = sizes.map(({ part, numbers, bytes, note }) => [
    part,
    numbers === null ? "" : numbers.toLocaleString("en"),
    bytes === null ? "" : bytesText(bytes),
    note,
  ]);
  const parts = [
    table(["stage", "works", "needs", "adds"], stages),
    ...memory.length === 0 ? [] : [table(["memory for", "numbers", "bytes", ""], memory)],
  ];
  return `${[...parts, ...outlook === null || outlook.text === "" ? [] : [outlook.text.trimEnd()]].join("\n\n")}\n`;
}
