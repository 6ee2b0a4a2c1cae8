/** A reward as a function: learned, a known truth, or anything that scores a completion of a prompt. */

/** A completion to be scored. */
export interface Sample<P = string> {
  /** Names the prompt, in reports. */
  readonly id: string;
  /** What was asked. */
  readonly prompt: P;
  /** What was replied. */
  readonly completion: string;
}

/** How good a completion is, higher is better: one at a time, now or later, or many at once. */
export type Reward<P = string> =
  | ((prompt: P, completion: string) => number | Promise<number>)
  | { readonly batch: (samples: readonly Sample<P>[]) => readonly number[] | Promise<readonly number[]> };
