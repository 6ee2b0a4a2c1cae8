/** Scoring with a reward, whoever wrote it: learned, a known truth, or a function that may fail or never answer. */
import { encodeCompletion, encodePrompt, type Prompt } from "../data/chat.ts";
import type { Reward, Sample } from "../data/reward.ts";
import { type Failure, left, type Result, right } from "../result.ts";
import { rewardsOf, type RewardState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** When to wait for a reward no longer. */
export interface ScoreOptions {
  /** Longest time for one call, of a batch too, > 0. Default 60. */
  readonly timeoutSeconds?: number;
  /** Gives up as soon as it is raised. */
  readonly signal?: AbortSignal;
}

/**
 * The rewards of samples, in order: a function is called one sample after the other, a batch once for all of them. A
 * reward that throws, does not answer in time, or is no finite number is a failure that names the prompt.
 *
 * A call given up is no longer waited for, but nothing can end it; one that computes on and on without `await` lets
 * neither the time limit nor the signal through.
 *
 * @throws {RangeError} unless timeoutSeconds is > 0
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
  options: ScoreOptions = {},
): Promise<Result<Failure, readonly number[]>> {
  const { timeoutSeconds = 60, signal } = options;
  if (!(timeoutSeconds > 0)) {
    throw new RangeError(`Cannot score samples as timeoutSeconds must be > 0: current value is ${timeoutSeconds}`);
  }
  if (typeof reward !== "function") {
    return samples.length === 0
      ? right([])
      : await score((all) => reward.batch(all), samples, { timeoutSeconds, signal });
  }
  const scores: number[] = [];
  for (const sample of samples) {
    const one = async (): Promise<readonly number[]> => [await reward(sample.prompt, sample.completion)];
    const scored = await score(one, [sample], { timeoutSeconds, signal });
    if (scored._tag === "Left") return scored;
    scores.push(...scored.right);
  }
  return right(scores);
}

/** One call of a reward. */
async function score<P>(
  call: (samples: readonly Sample<P>[]) => readonly number[] | Promise<readonly number[]>,
  samples: readonly Sample<P>[],
  { timeoutSeconds, signal }: ScoreOptions & { readonly timeoutSeconds: number },
): Promise<Result<Failure, readonly number[]>> {
  if (signal?.aborted) return failed(samples, "the run was stopped");
  try {
    const late = `it must answer within ${timeoutSeconds} s: it did not`;
    const scores = [...await inTime((async () => await call(samples))(), { seconds: timeoutSeconds, late, signal })];
    if (scores.length !== samples.length) {
      return failed(samples, `each must have a reward: there are ${scores.length}`);
    }
    const bad = scores.findIndex((x) => !Number.isFinite(x));
    return bad < 0
      ? right(scores)
      : failed(samples.slice(bad, bad + 1), `a reward must be a finite number: current value is ${show(scores[bad])}`);
  } catch (error) {
    if (error instanceof GivenUp) return failed(samples, error.message);
    return failed(samples, `the reward failed: ${error instanceof Error ? error.message : error}`);
  }
}

/** Why an answer was not waited for. */
class GivenUp extends Error {}

/** The longest delay of a timer, milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** The answer, or GivenUp; the timer is gone afterwards, so that it keeps no program alive. */
async function inTime<T>(
  answer: Promise<T>,
  { seconds, late, signal }: { readonly seconds: number; readonly late: string; readonly signal?: AbortSignal },
): Promise<T> {
  const { promise: never, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new GivenUp(late)), Math.min(1000 * seconds, LONGEST));
  const stop = (): void => reject(new GivenUp("the run was stopped"));
  signal?.addEventListener("abort", stop);
  try {
    return await Promise.race([answer, never]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** Prompts named in a sentence, at most. */
const NAMED = 3;

function failed(samples: readonly { readonly id: string }[], rule: string): Result<Failure, never> {
  const ids = samples.slice(0, NAMED).map(({ id }) => id).join(", ");
  const more = samples.length > NAMED ? ` and ${samples.length - NAMED} more` : "";
  const replies = samples.length === 1 ? "reply" : "replies";
  return left({ kind: "run", sentences: [`Cannot score the ${replies} to ${ids}${more} as ${rule}`] });
}

/** A value that should have been a number; a string is quoted, or it would look like one. */
function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** A reward model as a reward, normalised: on replies of the policy it was fitted beside, mean 0 and deviation 1. */
export function learnedReward(
  { config, tokenizer, reward }: RewardState & Pick<PolicyState, "config" | "tokenizer">,
): { readonly batch: (samples: readonly Sample<Prompt>[]) => readonly number[] } {
  return {
    batch: (samples) => {
      const examples = samples.map(({ prompt, completion }) => ({
        prompt: encodePrompt(tokenizer, prompt),
        completions: [encodeCompletion(tokenizer, completion, prompt)],
      }));
      return Array.from(rewardsOf(reward, config, examples), (r) => (r - reward.mean) / reward.deviation);
    },
  };
}
