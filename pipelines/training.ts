/** How models are trained, whatever the loss: the flags that the training pipelines share. */
import {
  count,
  number,
  oneOf,
  type OptimizerOptions,
  type Setting,
  type SettingValues,
  type UpdateOptions,
} from "../mod.ts";

type Course = NonNullable<UpdateOptions["schedule"]>;
type Rise = NonNullable<UpdateOptions["warmupFrom"]>;

/** The settings of an optimizer, beside its learning rate. */
export interface OptimizerFields {
  readonly schedule: Setting<Course>;
  readonly warmup: Setting<number>;
  readonly warmupFrom: Setting<Rise>;
  readonly adamBeta1: Setting<number>;
  readonly adamBeta2: Setting<number>;
  readonly adamEps: Setting<number>;
  readonly weightDecay: Setting<number>;
  readonly maxGradNorm: Setting<number>;
}

/** What a pipeline's optimizer does if no flag says otherwise. */
interface Defaults {
  readonly schedule: Course;
  readonly warmup: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

/** The settings of a pipeline's optimizer, with its own defaults where they differ from most. */
export function optimizerFields(
  { schedule = "linear", warmup = 0.1, beta2 = 0.999, eps = 1e-8, weightDecay = 0 }: Partial<Defaults> = {},
): OptimizerFields {
  const others = (["linear", "cosine", "constant"] as const).filter((name) => name !== schedule);
  return {
    schedule: oneOf([schedule, ...others], { help: "course of the learning rate after its rise" }),
    warmup: number(warmup, { atLeast: 0, help: "steps in which the learning rate rises, or below 1 their share" }),
    warmupFrom: oneOf(["first", "zero"], { help: "zero: the first step learns nothing, as in transformers" }),
    adamBeta1: number(0.9, { atLeast: 0, below: 1, help: "decay of the first moment" }),
    adamBeta2: number(beta2, { atLeast: 0, below: 1, help: "decay of the second moment" }),
    adamEps: number(eps, { atLeast: 0, help: "added to the root of the second moment" }),
    weightDecay: number(weightDecay, { atLeast: 0, help: "λ of the decay lr·λ·θ of matrices" }),
    maxGradNorm: number(1, { above: 0, help: "largest norm of all gradients together" }),
  };
}

/** The settings of the way through the rows. */
export const BATCHES = {
  steps: count(0, { help: "optimizer steps, in place of epochs; 0: as many as the epochs make" }),
  shuffle: oneOf(["on", "off"], { help: "off: rows in the order of the file, and again from the first" }),
  microBatch: count(0, {
    help: "rows whose gradients are computed at once, for memory; 0: all of a step. The result is the same",
    defaultWith: { model: 4 },
  }),
  batchTokens: count(0, {
    help: "most tokens of an optimizer step, similar lengths together, in place of batch-size; 0: batch-size says",
  }),
  gradientCheckpointing: oneOf(["off", "on"], {
    help: "on: a layer's inside is computed again instead of kept; a third more time, the same result",
    defaultWith: { model: "on" },
  }),
} as const;

/** The settings of a pipeline that learns from rows, with its own optimizer's defaults. */
export function trainingFields(defaults: Partial<Defaults> = {}): typeof BATCHES & OptimizerFields {
  return { ...BATCHES, ...optimizerFields(defaults) };
}

/** Peak learning rates of a model that is given, and of an adapter of it: ten times that, as it is small and begins at 0. */
export function ratesWith(model: number): Readonly<Record<string, number>> {
  const adapter = Number((10 * model).toPrecision(3));
  return { "model loraRank": adapter, "model adapter": adapter, model };
}

/** How an optimizer goes on, in the library's words. */
export function optimizerOptions(s: SettingValues<OptimizerFields>): Omit<OptimizerOptions, "lr"> {
  const { schedule, warmup, warmupFrom, weightDecay, maxGradNorm } = s;
  return {
    ...{ schedule, warmup, warmupFrom, weightDecay, maxGradNorm },
    ...{ beta1: s.adamBeta1, beta2: s.adamBeta2, eps: s.adamEps },
  };
}

/** How a pipeline with these settings learns from its rows, in the library's words. */
export function training(
  s: SettingValues<typeof BATCHES & OptimizerFields> & Readonly<Record<"lr" | "epochs" | "batchSize", number>>,
): UpdateOptions {
  const { lr, epochs, batchSize, steps, microBatch } = s;
  return {
    ...{ lr, epochs, batchSize, shuffle: s.shuffle === "on", ...optimizerOptions(s) },
    ...steps > 0 && { steps },
    ...microBatch > 0 && { microBatch },
    ...s.batchTokens > 0 && { batchTokens: s.batchTokens },
    ...s.gradientCheckpointing === "on" && { gradientCheckpointing: true },
  };
}
