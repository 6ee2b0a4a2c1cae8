/** One training loop for every loss: batches, gradients, optimizer, and the figures of each step. */
import { batches, type BatchOptions } from "../data/batches.ts";
import type { Metrics } from "../flow/event.ts";
import { scan, type Stage } from "../flow/stage.ts";
import { accumulateGrads, type Loss } from "../grad/value_and_grad.ts";
import type { ForwardOptions } from "../model/forward.ts";
import { copyTrained, type TrainedPart, trainedPart, withTrained } from "../model/trained.ts";
import { adamw, type AdamwOptions, type AdamwState } from "../optim/adamw.ts";
import { clipByGlobalNorm } from "../optim/clip.ts";
import { constantSchedule, cosineSchedule, linearSchedule, type Schedule } from "../optim/schedule.ts";
import { chain, moveParams, type Transform } from "../optim/transform.ts";
import { divideMeans } from "../tensor/mean.ts";
import { stepTokens } from "./chunks.ts";

/** How a policy is trained, whatever the loss. */
export interface UpdateOptions extends BatchOptions, ForwardOptions, Omit<AdamwOptions, "lr"> {
  /** Peak learning rate. */
  readonly lr: number;
  /** Course of the learning rate after the warm-up. Default `linear`, to zero. */
  readonly schedule?: "constant" | "linear" | "cosine";
  /** Steps in which the learning rate rises: below 1 a share of all, else so many. Default 0.1. */
  readonly warmup?: number;
  /**
   * Where it rises from: with `first`, the first step learns as well; with `zero`, as in transformers, it has the rate 0.
   * Default `first`.
   */
  readonly warmupFrom?: "first" | "zero";
  /** Largest norm of all gradients together. Default 1. */
  readonly maxGradNorm?: number;
  /** Rows whose gradients are computed at once; the result is that of the whole batch. Default: all. */
  readonly microBatch?: number;
}

/** The optimizer that the options describe, for a run of `steps`. */
export function optimizerOf(options: UpdateOptions, steps: number): Transform<readonly [null, AdamwState]> {
  const { lr, schedule = "linear", maxGradNorm = 1, warmupFrom = "first" } = options;
  const rise = options.warmup ?? 0.1;
  const warmup = Math.min(steps, Math.round(rise < 1 ? rise * steps : rise));
  const course: Schedule = schedule === "constant"
    ? constantSchedule(lr, { warmup })
    : (schedule === "linear" ? linearSchedule : cosineSchedule)({ lr, warmup, steps });
  // The schedules begin at 0 where they warm up: counting from 1 wastes no step and still ends at 0.
  const shifted: Schedule = warmup > 0 && warmupFrom === "first" ? (step) => course(step + 1) : course;
  return chain(clipByGlobalNorm(maxGradNorm), adamw({ ...options, lr: shifted }));
}

/** Tokens of a row. */
export interface RowTokens {
  /** Of all its sequences, prompts and ends included. */
  readonly real: number;
  /** Of these the ones that are computed. */
  readonly processed: number;
}

/** What a loss needs of the state, and how it is computed for some rows. */
export interface Objective<Needs, Params> {
  /** Fields of the state that it reads. */
  readonly needs: readonly (keyof Needs & string)[];
  /** The parameters to begin with; what is trained of them is copied: where they have an adapter, that alone. */
  readonly params: (state: Needs) => Params;
  /** Ids of the data rows. */
  readonly rows: (state: Needs) => readonly { readonly id: string }[];
  /** Tokens of a row, if it has any: those its loss is about, and those computed, as a shared prompt is once. */
  readonly tokens?: (state: Needs) => (row: number) => RowTokens;
  /** The loss of the rows with these numbers. */
  readonly loss: (state: Needs) => (params: Params, rows: Int32Array) => Loss;
}

interface Order {
  readonly rows: Int32Array;
  readonly starts: Int32Array;
}

/** The rows of a step. */
function batchOf({ rows, starts }: Order, step: number): Int32Array {
  return rows.slice(starts[step], starts[step + 1]);
}

/** The batches of a run end to end, as the carry is looked through at every step: two arrays, however many they are. */
function laidOut(order: readonly Int32Array[]): Order {
  let end = 0;
  const starts = Int32Array.from(order, ({ length }) => (end += length) - length);
  const rows = new Int32Array(end);
  order.forEach((batch, i) => rows.set(batch, starts[i]));
  return { rows, starts };
}

/** Tokens of a step, as metrics. */
function tokensOf(rows: Int32Array, tokens?: (row: number) => RowTokens): Metrics {
  if (tokens === undefined) return {};
  const all = Array.from(rows, tokens);
  const sum = (of: keyof RowTokens): number => all.reduce((n, row) => n + row[of], 0);
  return { "tokens/real": sum("real"), "tokens/processed": sum("processed") };
}

/** The rows in parts of `size`, the last of which may be smaller. */
function parts(rows: Int32Array, size = rows.length): readonly Int32Array[] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
}

/**
 * A stage that trains parameters by an objective and adds them under a name: gradients clipped, then AdamW.
 *
 * @param options.adds the field of the state that the trained parameters become
 * @example
 * ```ts
 * import { mul, sub, sum, type Tensor, tensor, update } from "@logratio/logratio";
 * type Weights = { readonly w: Tensor };
 * type Given = { readonly start: Weights; readonly points: readonly { readonly id: string; readonly y: number }[] };
 * const mean = update("mean", {
 *   needs: ["start", "points"],
 *   params: ({ start }: Given) => start,
 *   rows: ({ points }) => points,
 *   loss: ({ points }) => ({ w }, rows) => {
 *     const error = sub(tensor([rows.length], Array.from(rows, (row) => points[row]?.y ?? 0)), w);
 *     return { loss: { sum: sum(mul(error, error)), count: rows.length }, metrics: {} };
 *   },
 * }, { lr: 0.1, batchSize: 8, epochs: 10, adds: "fitted" }); // a stage from { start, points } to { fitted }
 * ```
 */
export function update<Needs, Params, Name extends string>(
  name: string,
  objective: Objective<Needs, Params>,
  options: UpdateOptions & { readonly adds: Name },
): Stage<Needs, Readonly<Record<Name, Params>>> {
  const { microBatch, adds } = options;
  const { needs } = objective;
  return scan(name, {
    init: (state: Needs, { key }) => {
      const params = trainedPart(copyTrained(objective.params(state)));
      const count = objective.rows(state).length, tokens = objective.tokens?.(state);
      const lengths = tokens && Array.from({ length: count }, (_, row) => tokens(row).processed);
      const order = laidOut(batches(key, count, { ...options, lengths }));
      const optimizer = optimizerOf(options, order.starts.length).init(params);
      return { carry: { params, optimizer, order }, steps: order.starts.length };
    },
    step: ({ params, optimizer, order }, { step, steps, state }) => {
      const rows = batchOf(order, step);
      const lossOf = objective.loss(state), base = objective.params(state);
      const ofTrained = (trained: TrainedPart, part: Int32Array): Loss => lossOf(withTrained(base, trained), part);
      const { loss, grads, metrics } = accumulateGrads(ofTrained)(params, parts(rows, microBatch));
      const next = moveParams(optimizerOf(options, steps), grads, { state: optimizer, params });
      return {
        carry: { params: next.params, optimizer: next.state, order },
        metrics: { loss, ...divideMeans(metrics), ...next.metrics, ...tokensOf(rows, objective.tokens?.(state)) },
        rows: Array.from(rows, (row) => objective.rows(state)[row]?.id as string),
      };
    },
    tokens: ({ order }, { step, state }) => {
      const rows = objective.rows(state);
      return stepTokens(
        parts(batchOf(order, step), microBatch).map((part) => Array.from(part, (row) => rows[row])),
      );
    },
    done: ({ params }, state) =>
      ({ [adds]: withTrained(objective.params(state), params) }) as Readonly<Record<Name, Params>>,
  }, { needs, adds: [adds] });
}
