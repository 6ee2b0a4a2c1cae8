/** Learning-rate schedules: functions of the step, counted from 0, with values relative to a base rate. */

/** From the step, counted from 0, to the learning rate. */
export type Schedule = (step: number) => number;

/** What a schedule with a beginning and an end needs to know. */
export interface Phases {
  /** Rate after the warm-up. */
  readonly lr: number;
  /** Steps of warm-up: the rate rises from 0 as step / warmup. Default 0. */
  readonly warmup?: number;
  /** Steps in all. */
  readonly steps: number;
}

function check(name: string, lr: number, warmup: number, steps: number): void {
  if (!(lr >= 0 && lr < Infinity)) {
    throw new RangeError(`Cannot make ${name} as lr must be ≥ 0: current value is ${lr}`);
  }
  if (!(warmup >= 0 && warmup <= steps)) {
    throw new RangeError(`Cannot make ${name} as warmup must be in 0 … ${steps}: current value is ${warmup}`);
  }
}

/** The same rate at every step, after a warm-up of step / warmup. */
export function constantSchedule(lr: number, options: { readonly warmup?: number } = {}): Schedule {
  const { warmup = 0 } = options;
  check("a constant schedule", lr, warmup, Infinity);
  return (step) => lr * Math.min(1, warmup === 0 ? 1 : step / warmup);
}

/**
 * Warm-up, then a straight line to 0 at `steps`: lr·(steps − step) / (steps − warmup).
 *
 * @example
 * ```ts
 * import { linearSchedule } from "@logratio/logratio";
 * const rate = linearSchedule({ lr: 1, warmup: 2, steps: 10 });
 * [0, 1, 2, 6, 10].map(rate); // 0, 0.5, 1, 0.5, 0
 * ```
 */
export function linearSchedule({ lr, warmup = 0, steps }: Phases): Schedule {
  check("a linear schedule", lr, warmup, steps);
  return (step) => lr * (step < warmup ? step / warmup : Math.max(0, (steps - step) / Math.max(1, steps - warmup)));
}

/** Warm-up, then half a cosine to 0 at `steps`: lr·½(1 + cos(π·(step − warmup) / (steps − warmup))). */
export function cosineSchedule({ lr, warmup = 0, steps }: Phases): Schedule {
  check("a cosine schedule", lr, warmup, steps);
  return (step) => {
    if (step < warmup) return lr * step / warmup;
    const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return lr * 0.5 * (1 + Math.cos(Math.PI * progress));
  };
}

/**
 * The warm-up of the DPO authors' code: lr·min(1, (step + 1) / (warmup + 1)), which does not waste the first step.
 *
 * @see direct-preference-optimization `trainers.py`, the scheduler of `train`
 */
export function dpoAuthorsWarmup(lr: number, warmup: number): Schedule {
  check("the DPO authors' warm-up", lr, warmup, Infinity);
  return (step) => lr * Math.min(1, (step + 1) / (warmup + 1));
}
