/** The stage that keeps an eye on PPO: what the reward model says, and what is true. */
import type { Prompt } from "../data/chat.ts";
import { distinctShare } from "../evaluation/diversity.ts";
import { meanEstimate } from "../evaluation/interval.ts";
import type { MonitorPoint } from "../evaluation/monitor_point.ts";
import { scan, type Stage } from "../flow/stage.ts";
import type { RolloutState } from "./rollout.ts";
import type { ScoreState } from "./score.ts";

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

type Needs = RolloutState & ScoreState & Partial<MonitorState>;

const sum = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0);

/** A mean and its standard error, under the names a point has for them; nothing of no figures. */
function withError<Name extends "proxy" | "gold">(name: Name, figures: readonly number[]): Pick<MonitorPoint, Name> {
  const { estimate, standardError } = meanEstimate(figures);
  const named = { [name]: estimate, ...Number.isFinite(standardError) && { [`${name}Error`]: standardError } };
  return named as unknown as Pick<MonitorPoint, Name>;
}

/** The point of an iteration's rollouts. */
function pointOf({ rollouts, scores, curve = [] }: Needs, { truth }: MonitorOptions): MonitorPoint {
  const tokens = sum(rollouts.map(({ ids }) => ids.length));
  const surprise = -sum(rollouts.map(({ tokenLogps }) => sum(tokenLogps)));
  const drift = sum(rollouts.map(({ tokenLogps, refLogps }) => sum(tokenLogps) - sum(refLogps)));
  return {
    iteration: curve.length,
    ...withError("proxy", Array.from(scores)),
    ...truth && withError("gold", rollouts.map(({ prompt, text }) => truth(prompt.text, text))),
    kl: drift / rollouts.length,
    length: tokens / rollouts.length,
    diversity: distinctShare(rollouts.map(({ text }) => text)),
    entropy: surprise / tokens,
  };
}

/** What is wrong with the rollouts themselves, in sentences. */
function remarks({ rollouts }: Needs): readonly string[] {
  const empty = rollouts.filter(({ text }) => text.trim() === "").map(({ prompt }) => prompt.id);
  const prompts = new Set(rollouts.map(({ prompt }) => prompt.id)).size;
  const answers = new Set(rollouts.map(({ text }) => text)).size;
  return [
    ...empty.length === 0 ? [] : [
      `${empty.length} of ${rollouts.length} completions are empty, the first to the prompt of ${empty[0]}.`,
    ],
    ...answers > 1 || rollouts.length === 1 ? [] : [
      `The policy gives one answer ${
        prompts === 1 ? `${rollouts.length} times` : `to all ${prompts} prompts`
      }: it has ` +
      "collapsed. A larger klCoef or an entropy bonus helps.",
    ],
  ];
}

/**
 * Adds the iteration's point to the curve: reward, truth where it is known, KL, length, diversity and entropy of its
 * rollouts. Empty completions, and one answer to everything, are warned of.
 *
 * @see `analyseRewardHacking`, which reads the curve
 * @example
 * ```ts
 * import { monitor } from "@logratio/logratio";
 * // Where the truth is known, the curve has it beside the reward: here, that short is good.
 * const stage = monitor({ truth: (_prompt, completion) => -completion.length });
 * ```
 */
export function monitor(
  options: MonitorOptions = {},
): Stage<RolloutState & ScoreState & Partial<MonitorState>, MonitorState> {
  return scan("monitor", {
    init: ({ curve = [] }: Needs) => ({ carry: curve as readonly MonitorPoint[], steps: 1 }),
    step: (curve, { state, emit }) => {
      const point = pointOf(state, options);
      for (const message of remarks(state)) emit({ type: "warning", message });
      const { iteration: _, proxyError: __, goldError: ___, gold, ...rest } = point;
      return { carry: [...curve, point], metrics: { ...rest, ...typeof gold === "number" && { gold } } };
    },
    done: (curve) => ({ curve }),
  }, { needs: ["rollouts", "scores"], adds: ["curve"] });
}
