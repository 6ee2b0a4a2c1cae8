/** The unit of a learned reward: mean 0 and deviation 1 on replies of the policy it will be used on. */
import { endsOf } from "../data/chat.ts";
import { scan, type Stage } from "../flow/stage.ts";
import { generate } from "../model/generate.ts";
import type { Example } from "../tensor/ragged.ts";
import { type RewardModel, rewardsOf, type RewardState } from "./reward_state.ts";
import type { PolicyState, RowState } from "./state.ts";

/** Options of `normaliseReward`. */
export interface NormaliseRewardOptions {
  /** Prompts that the policy replies to, once each. Default 256. */
  readonly referencePrompts?: number;
  /** Most tokens of a reply. Default 32. */
  readonly maxNewTokens?: number;
}

/** Prompts answered in one step. */
const CHUNK = 64;

/** The first distinct prompts of the rows. */
function promptsOf({ rows }: Pick<RowState, "rows">, count: number): readonly Int32Array[] {
  const distinct = new Map(rows.map(({ prompt }) => [prompt.join(" "), prompt]));
  return [...distinct.values()].slice(0, count);
}

/** The reward model with the mean and deviation of some rewards as its unit; of equal rewards the deviation is 1. */
export function withUnit(reward: RewardModel, rewards: readonly number[]): RewardModel {
  const mean = rewards.reduce((a, b) => a + b, 0) / rewards.length;
  const square = rewards.reduce((sum, r) => sum + (r - mean) ** 2, 0) / rewards.length;
  return { ...reward, mean, deviation: Math.sqrt(square) || 1 };
}

/**
 * Lets the policy reply to training prompts at temperature 1, and makes the mean and deviation of the replies' rewards the
 * unit of the reward model. Nothing is trained: differences in nats stay what they were.
 *
 * @see Ziegler et al. 2019, "Fine-tuning language models from human preferences", section 2.1
 */
export function normaliseReward(
  options: NormaliseRewardOptions = {},
): Stage<PolicyState & RewardState & Pick<RowState, "rows">, RewardState> {
  const { referencePrompts = 256, maxNewTokens = 32 } = options;
  type Needs = PolicyState & RewardState & Pick<RowState, "rows">;
  return scan("normaliseReward", {
    init: (state: Needs) => ({
      carry: [] as readonly number[],
      steps: Math.ceil(promptsOf(state, referencePrompts).length / CHUNK),
    }),
    step: (scored, { step, state, key }) => {
      const { config, policy, reward, tokenizer } = state;
      const prompts = promptsOf(state, referencePrompts).slice(step * CHUNK, (step + 1) * CHUNK);
      const sampling = { key, ...endsOf(tokenizer), maxNewTokens };
      const replies = generate({ config, params: policy }, prompts, sampling);
      const examples = prompts.map((prompt, i): Example => (
        { prompt, completions: (replies[i] ?? []).map(({ ids }) => ids) }
      ));
      return { carry: [...scored, ...rewardsOf(reward, config, examples)], metrics: {} };
    },
    done: (scored, { reward }) => ({ reward: withUnit(reward, scored) }),
  }, { needs: ["config", "policy", "reward", "rows", "tokenizer"], adds: ["reward"] });
}
