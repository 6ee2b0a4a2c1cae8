/**
 * Whether threads pay. Other programs may hold the processors, or a container may be lent fewer than it is told of: then
 * threads wait for each other longer than they work. So jobs are timed, some with threads and some without, and the
 * quicker way is kept for a while. Results do not depend on it.
 */

/** How many jobs are timed, and for how many what came out is kept. */
const TIMED = 64;
const KEPT = 1_000;
/** Jobs before the first are timed: threads need some time to start. */
const FIRST = 200;
/** Gain from which threads are worth their cores. */
const GAIN = 1.1;

/** Time that jobs took, and should have taken by their size. */
interface Sum {
  took: number;
  cost: number;
}

/** The choice for the next job, and what the last one took. */
export interface Pace {
  /** Whether the next job is better done by one thread. */
  readonly rests: () => boolean;
  /** Tells that a job of a size took so long. */
  readonly note: (cost: number, took: number) => void;
}

const rate = ({ took, cost }: Sum): number => took / cost;

/** Starts with threads at work. */
export function openPace(): Pace {
  let [timing, left, resting, state] = [false, FIRST, false, 1];
  const [shared, alone]: readonly [Sum, Sum] = [{ took: 0, cost: 0 }, { took: 0, cost: 0 }];
  const begin = (isTimed: boolean, jobs: number): void => {
    [timing, left] = [isTimed, jobs];
    for (const sum of [shared, alone]) [sum.took, sum.cost] = [0, 0];
  };
  /** Heads or tails by Lehmer's generator, as jobs come in patterns. */
  const toss = (): boolean => (state = state * 48_271 % 2_147_483_647) % 2 === 0;
  const note = (cost: number, took: number): void => {
    const sum = resting ? alone : shared;
    sum.took += took;
    sum.cost += cost;
    if (--left === 0 && timing) {
      resting = rate(alone) < GAIN * rate(shared);
      begin(false, KEPT);
    } else if (left === 0) begin(true, TIMED);
    if (timing) resting = toss();
  };
  return { rests: () => resting, note };
}
