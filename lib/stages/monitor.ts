/** The stage that keeps an eye on PPO: what the reward model says, and what is true. */
import type { Prompt } from "../data/chat.ts";
import { scan, type Stage } from "../flow/stage.ts";
import { divide, meanOf } from "../tensor/mean.ts";
import type { RolloutState } from "./rollout.ts";
import type { ScoreState } from "./score.ts";

/** One iteration. */
export interface MonitorPoint {
  readonly iteration: number;
  readonly proxy: number;
  readonly gold: number | null;
  readonly kl: number;
  readonly length: number;
  readonly diversity: number;
  readonly entropy: number;
}

/** The iterations so far. */
export interface MonitorState {
  /** First to last. */
  readonly curve: readonly MonitorPoint[];
}

/** Options of `monitor`. */
export interface MonitorOptions {
  /** How good a completion truly is, where that is known. */
  readonly truth?: ((prompt: Prompt, completion: string) => number) | undefined;
}

/** The point of an iteration's rollouts. */
type Needs = RolloutState & ScoreState & Partial<MonitorState>;

/** The point of an iteration's rollouts. */
function pointOf({ rollouts, scores, curve = [] }: Needs, { truth }: MonitorOptions): MonitorPoint {
  const mean = (x: readonly number[]): number => divide(meanOf(x));
  const sum = (x: Float64Array): number => x.reduce((a, b) => a + b, 0);
  const tokens = rollouts.reduce((n, { ids }) => n + ids.length, 0);
  return {
    iteration: curve.length,
    proxy: mean([...scores]),
    gold: truth === undefined ? null : mean(rollouts.map(({ prompt, text }) => truth(prompt.text, text))),
    kl: mean(rollouts.map(({ tokenLogps, refLogps }) => sum(tokenLogps) - sum(refLogps))),
    length: tokens / rollouts.length,
    diversity: new Set(rollouts.map(({ text }) => text)).size / rollouts.length,
    entropy: -rollouts.reduce((total, { tokenLogps }) => total + sum(tokenLogps), 0) / tokens,
  };
}

/** Adds the iteration's point to the curve. */
export function monitor(options: MonitorOptions = {}): Stage<Needs, MonitorState> {
  return scan("monitor", {
    init: ({ curve = [] }: Needs) => ({ carry: curve, steps: 1 }),
    step: (curve, { state }) => {
      const point = pointOf(state, options);
      const { proxy, gold, kl, length, diversity, entropy } = point;
      return {
        carry: [...curve, point],
        metrics: { proxy, ...gold !== null && { gold }, kl, length, diversity, entropy },
      };
    },
    done: (curve) => ({ curve }),
  }, { needs: ["rollouts", "scores"], adds: ["curve"] });
}
