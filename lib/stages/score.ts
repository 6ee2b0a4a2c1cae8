/** The stage that scores rollouts: by the learned reward, or by any function of prompt and completion. */
import type { Prompt } from "../data/chat.ts";
import { attempt, type Stage } from "../flow/stage.ts";
import { type Failure, type Result, right } from "../result.ts";
import type { Reward } from "../data/reward.ts";
import { type ScoreOptions, scoreSamples } from "./reward_function.ts";
import { rewardsOf, type RewardState } from "./reward_state.ts";
import { examplesOf, type RolloutState } from "./rollout.ts";
import type { PolicyState } from "./state.ts";

/** Where a reward comes from: a function at hand, or one that is loaded when it is needed. */
export type RewardSource = () => Result<Failure, Reward<Prompt>> | Promise<Result<Failure, Reward<Prompt>>>;

/** What rollouts earned. */
export interface ScoreState {
  /** A score for each rollout; of a learned reward in its unit. */
  readonly scores: Float64Array;
}

/** Scores of the rollouts, each completion as a whole, by the reward model in its unit. */
export function score(): Stage<RolloutState & RewardState & Pick<PolicyState, "config">, ScoreState>;
/**
 * Scores of the rollouts by any reward. One that throws, gives no finite number or does not answer ends the run with the
 * prompt's id.
 *
 * @param source of the reward
 * @param options.timeoutSeconds as `scoreSamples` has it
 * @example
 * ```ts
 * import { right, score } from "@logratio/logratio";
 * const brevity = score(() => right((_prompt, completion) => -completion.length));
 * ```
 */
export function score(source: RewardSource, options?: Omit<ScoreOptions, "signal">): Stage<RolloutState, ScoreState>;
export function score(source?: RewardSource, options: Omit<ScoreOptions, "signal"> = {}): Stage<never, ScoreState> {
  const warn = (scores: ArrayLike<number>): string | undefined =>
    scores.length > 1 && Array.from(scores).every((s) => s === scores[0])
      ? `All ${scores.length} rollouts have the reward ${scores[0]}: there is nothing to learn from them.`
      : undefined;
  if (source === undefined) {
    type Needs = RolloutState & RewardState & Pick<PolicyState, "config">;
    return attempt("score", ({ rollouts, reward, config }: Needs, { emit }) => {
      const scores = rewardsOf(reward, config, examplesOf(rollouts)).map((r) => (r - reward.mean) / reward.deviation);
      const message = warn(scores);
      if (message !== undefined) emit({ type: "warning", message });
      return right({ scores });
    }, { needs: ["rollouts", "reward", "config"], adds: ["scores"] });
  }
  return attempt("score", async ({ rollouts }: RolloutState, { emit, signal }) => {
    const reward = await source();
    if (reward._tag === "Left") return reward;
    const samples = rollouts.map(({ prompt, text }) => ({ id: prompt.id, prompt: prompt.text, completion: text }));
    const scored = await scoreSamples(reward.right, samples, { ...options, signal });
    if (scored._tag === "Left") return scored;
    const message = warn(scored.right);
    if (message !== undefined) emit({ type: "warning", message });
    return right({ scores: Float64Array.from(scored.right) });
  }, { needs: ["rollouts"], adds: ["scores"] });
}
