/** A reward as a function: learned, a known truth, or anything that scores a completion of a prompt. */
import { encodeCompletion, encodePrompt, type Prompt } from "../data/chat.ts";
import { type Failure, left, type Result, right } from "../result.ts";
import { rewardsOf, type RewardState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

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

/**
 * The rewards of samples, in order. A reward that throws, or is no finite number, is a failure that names the prompt.
 *
 * @example
 * ```ts
 * import { scoreSamples } from "@logratio/logratio";
 * const brevity = (_prompt: string, completion: string) => -completion.length;
 * const scored = await scoreSamples(brevity, [{ id: "a", prompt: "Who bakes?", completion: "Ida." }]);
 * if (scored._tag === "Right") scored.right; // [-4]
 * ```
 */
export async function scoreSamples<P>(
  reward: Reward<P>,
  samples: readonly Sample<P>[],
): Promise<Result<Failure, readonly number[]>> {
  const scores: number[] = [];
  try {
    if (typeof reward === "function") {
      for (const { prompt, completion } of samples) scores.push(await reward(prompt, completion));
    } else scores.push(...await reward.batch(samples));
  } catch (error) {
    const reply = typeof reward === "function" ? replyTo(samples[scores.length]) : `${samples.length} replies`;
    return failed(reply, `the reward failed: ${error instanceof Error ? error.message : error}`);
  }
  if (scores.length !== samples.length) {
    return failed(`${samples.length} replies`, `each must have a reward: there are ${scores.length}`);
  }
  const bad = scores.findIndex((x) => !Number.isFinite(x));
  return bad < 0
    ? right(scores)
    : failed(replyTo(samples[bad]), `a reward must be a finite number: current value is ${scores[bad]}`);
}

function replyTo(sample: { readonly id: string } | undefined): string {
  return `the reply to ${sample?.id}`;
}

function failed(reply: string, rule: string): Result<Failure, never> {
  return left({ kind: "run", sentences: [`Cannot score ${reply} as ${rule}`] });
}

/** A reward model as a reward, normalised: on replies of the policy it was fitted beside, mean 0 and deviation 1. */
export function learnedReward(
  { config, tokenizer, reward }: RewardState & Pick<PolicyState, "config" | "tokenizer">,
): { readonly batch: (samples: readonly Sample<Prompt>[]) => readonly number[] } {
  return {
    batch: (samples) => {
      const examples = samples.map(({ prompt, completion }) => ({
        prompt: encodePrompt(tokenizer, prompt),
        completions: [encodeCompletion(tokenizer, completion)],
      }));
      return Array.from(rewardsOf(reward, config, examples), (r) => (r - reward.mean) / reward.deviation);
    },
  };
}
