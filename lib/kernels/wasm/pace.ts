/**
 * Whether threads pay. Other programs may hold the processors, or a container may be lent fewer than it is told of: then
 * threads wait for each other longer than they work. So jobs are timed, some with threads and some without, and the
 * quicker way is kept for a while. Results do not depend on it.
 */

/** How many jobs are timed, and for how many threads then work that gained by it. */
const TIMED = 64;
const KEPT = 1_000;
/** Threads that gained nothing rest for so many jobs, and for twice as many each time that this comes out again. */
const REST = { first: 64, most: 1_024 };
/** Jobs before the first are timed: threads need some time to start. */
const FIRST = 200;
/** Gain from which threads are worth their cores. */
const GAIN = 1.1;

/** Time that jobs took, and should have taken by their size. */
interface Sum {
  took: number;
  cost: number;
}

/** The choice for the next job, and how long it takes. */
export interface Pace {
  /** Whether the next job is better done by one thread. */
  readonly rests: () => boolean;
  /** A job begins. */
  readonly begin: () => void;
  /** It has ended, and was of such a size. */
  readonly end: (cost: number) => void;
}

const rate = ({ took, cost }: Sum): number => took / cost;

/** Starts with threads at work; the clock is asked while jobs are timed alone. */
export function openPace(now: () => number = () => performance.now()): Pace {
  let [timing, left, resting, rest, state, began] = [false, FIRST, false, REST.first, 1, 0];
  const [shared, alone]: readonly [Sum, Sum] = [{ took: 0, cost: 0 }, { took: 0, cost: 0 }];
  /** Heads or tails by Lehmer's generator, as jobs come in patterns. */
  const toss = (): boolean => (state = state * 48_271 % 2_147_483_647) % 2 === 0;
  const time = (cost: number): void => {
    const sum = resting ? alone : shared;
    sum.took += now() - began;
    sum.cost += cost;
  };
  const startTiming = (): void => {
    [timing, left] = [true, TIMED];
    for (const sum of [shared, alone]) [sum.took, sum.cost] = [0, 0];
  };
  const decide = (): void => {
    resting = rate(alone) < GAIN * rate(shared);
    [timing, left] = [false, resting ? rest : KEPT];
    rest = resting ? Math.min(2 * rest, REST.most) : REST.first;
  };
  return {
    rests: () => resting,
    begin: () => {
      if (timing) began = now();
    },
    end: (cost) => {
      if (timing) time(cost);
      if (--left === 0) (timing ? decide : startTiming)();
      if (timing) resting = toss();
    },
  };
}
