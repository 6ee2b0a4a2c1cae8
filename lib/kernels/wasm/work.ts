/**
 * How a kernel's work is described so that threads can take parts of it: how much there is, where it may be cut, and how
 * the kernel's arguments move with the part.
 *
 * Work is cut between rows, columns, segments, heads or elements, never inside a sum: results have the same bits for any
 * number of parts.
 */

/** An argument that depends on the part `first … last−1` of the work, or on the thread. */
export interface Moving {
  /** What does not depend on them. */
  readonly base: number;
  /** What `first` is multiplied with. */
  readonly first: number;
  /** What `last` is multiplied with. */
  readonly last: number;
  /** What the thread's number is multiplied with. */
  readonly thread: number;
}

/** An argument of a kernel. */
export type Argument = number | Moving;

/** base + step·first: where a part starts. */
export const from = (base: number, step: number): Moving => ({ base, first: step, last: 0, thread: 0 });

/** base + step·last: where a part ends. */
export const upTo = (base: number, step: number): Moving => ({ base, first: 0, last: step, thread: 0 });

/** step·(last − first): the size of a part. */
export const sizeOf = (step: number): Moving => ({ base: 0, first: -step, last: step, thread: 0 });

/** base + step·thread: a thread's own workspace. */
export const own = (base: number, step: number): Moving => ({ base, first: 0, last: 0, thread: step });

/** The value of an argument for a part of the work, in the calling thread. */
export function valueOf(arg: Argument, first: number, last: number): number {
  return typeof arg === "number" ? arg : arg.base + arg.first * first + arg.last * last;
}

/** How much work there is, and where it may be cut. */
export interface Work {
  /** Rows, columns, segments, heads or elements. */
  readonly units: number;
  /** Nanoseconds that a unit takes on one thread, roughly. */
  readonly cost: number;
  /** Parts start at multiples of this; 1 if not given. */
  readonly align?: number;
  /**
   * Parts for each thread at most, in place of `PARTS`. They are then made of the work even where one thread does it all,
   * as what is called may round by sizes.
   */
  readonly parts?: number;
}

/** Nanoseconds of work below which sharing it costs more than it saves, with threads that look for work. */
export const SMALL = 12_000;

/** Nanoseconds of work that is worth waking a thread for, which takes about as long. */
export const WAKING = 60_000;

/** Nanoseconds of a part at least: to take one costs a few hundred. */
const PART = 6_000;

/** Parts for each thread at most, so that a slow thread can take fewer than the others. */
export const PARTS = 8;

/**
 * The bounds of the parts, which threads take from the last to the first: those are the largest, so that whoever waits for
 * the others at the end waits for a small one.
 *
 * @see Hummel, Schonberg & Flynn 1992, "Factoring: a method for scheduling parallel loops"
 */
export function partsOf(work: Work, threads: number): readonly number[] {
  const { units, cost, align = 1, parts } = work;
  const places = Math.ceil(units / align), least = Math.ceil(PART / (cost * align));
  const most = Math.max(Math.ceil(places / (4 * threads)), 2 * least);
  const bounds = [units];
  let left = places;
  const cut = (taken: number, count: number): void => {
    for (let i = 1; i <= count; i++) bounds.push((left - Math.ceil(i * taken / count)) * align);
    left -= taken;
  };
  // A part for each thread, in all half of what is left at most.
  for (let round = 1; parts === undefined && round < PARTS && left >= 2 * least * threads; round++) {
    cut(threads * Math.min(most, Math.floor(left / (2 * threads))), threads);
  }
  const worth = Math.min(Math.max(Math.floor(left / least), 1), threads * (parts ?? 1));
  cut(left, worth < threads ? worth : worth - worth % threads);
  return bounds.reverse();
}
