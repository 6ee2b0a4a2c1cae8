/** From the score of a completion to a reward of every token. */
import { meanOf, type Means } from "../tensor/mean.ts";
import { type End, scoreOf } from "./end.ts";
import { checkKlPlacement, klEstimates, type KlPlacement } from "./kl.ts";
import { actionsOf, sameLength } from "./segments.ts";

/** What is known of the tokens and the ends of some completions. */
export interface ScoredTokens {
  /** log π(t) when t was drawn, nats, `[T]`. */
  readonly tokenLogps: ArrayLike<number>;
  /** log π_ref(t), nats, `[T]`. */
  readonly refLogps: ArrayLike<number>;
  /** How completion b ended, and its score, `[B]`. */
  readonly ends: readonly End[];
  /** 1 where the policy chose the token, 0 where it was given, `[T]`. Default: all chosen. */
  readonly actions?: ArrayLike<number>;
}

/** Options of `tokenRewardsOf`. */
export interface TokenRewardOptions {
  /** Price of a nat of KL(π‖π_ref), ≥ 0; 0 where the pull is a term of the loss. */
  readonly klCoef: number;
  /** The estimator that is charged. Default k1, the one with the right gradient. */
  readonly kl?: Extract<KlPlacement, { readonly place: "reward" }>;
  /** Scores are clamped to ± this, before a missing end token is charged. Default: not at all. */
  readonly scoreClamp?: number;
}

/**
 * r_t = −klCoef · k_t, and at the last token that the policy chose, + score.
 *
 * That is the end token itself where there is one, never a place after it. A completion that was truncated and goes on
 * has no score yet. Metrics have TRL's names, means over completions of sums over tokens: `objective/kl` (k1, whichever
 * is charged), `objective/entropy` (−Σ log π), `objective/non_score_reward`, `objective/rlhf_reward`; and
 * `objective/scores` over the completions that have one, clamped and charged.
 * Tests: `tests/rl/token_rewards_test.ts` (oracles `reward_*`, TRL).
 *
 * @param offsets completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`
 * @returns `rewards` `[T]`, 0 at tokens that were given
 * @throws {RangeError} if a completion has no token of the policy, a length does not fit, or an option is out of range
 * @see Ouyang et al. 2022, "Training language models to follow instructions", eq. 2
 * @example
 * ```ts
 * import { tokenRewardsOf } from "@logratio/logratio";
 * const tokens = { tokenLogps: [-1, -0.5], refLogps: [-1.2, -0.4], ends: [{ type: "terminated", score: 2 }] } as const;
 * const { rewards } = tokenRewardsOf(tokens, Int32Array.of(0, 2), { klCoef: 0.05 }); // −0.01, 2.005
 * ```
 */
export function tokenRewardsOf(
  tokens: ScoredTokens,
  offsets: Int32Array,
  options: TokenRewardOptions,
): { readonly rewards: Float64Array; readonly metrics: Means } {
  const { tokenLogps, refLogps } = tokens;
  const { klCoef, kl = { place: "reward", estimator: "k1" }, scoreClamp = Infinity } = options;
  const completions = completionsOf(tokens, offsets, options);
  const ends = tokens.ends.map((end) => clampEnd(end, scoreClamp));
  const charged = klEstimates(tokenLogps, refLogps, checkKlPlacement(kl).estimator);
  const rewards = new Float64Array(tokenLogps.length);
  completions.forEach((places, b) => {
    for (const t of places) rewards[t] = -klCoef * (charged[t] as number);
    const last = places.at(-1) as number;
    rewards[last] = (rewards[last] as number) + scoreOf(ends[b] as End);
  });
  const sums = (of: ArrayLike<number>): readonly number[] =>
    completions.map((places) => places.reduce((sum, t) => sum + (of[t] as number), 0));
  const nonScore = sums(charged).map((sum) => -klCoef * sum);
  const scores = ends.filter(({ type }) => type !== "truncated").map(scoreOf);
  return {
    rewards,
    metrics: {
      "objective/kl": meanOf(sums(klEstimates(tokenLogps, refLogps, "k1"))),
      "objective/entropy": meanOf(sums(tokenLogps).map((sum) => -sum)),
      "objective/non_score_reward": meanOf(nonScore),
      "objective/rlhf_reward": meanOf(sums(rewards)),
      ...(scores.length > 0 ? { "objective/scores": meanOf(scores) } : {}),
    },
  };
}

/** The end with its score held to ± limit; what a missing end token costs is no score. */
function clampEnd(end: End, limit: number): End {
  return end.type === "truncated" ? end : { ...end, score: Math.max(-limit, Math.min(limit, end.score)) };
}

/** The policy's tokens of every completion; checks everything. */
function completionsOf(
  { tokenLogps, refLogps, ends, actions }: ScoredTokens,
  offsets: Int32Array,
  { klCoef, scoreClamp = Infinity }: TokenRewardOptions,
): ReturnType<typeof actionsOf> {
  const refuse = (rule: string, value: number): never => {
    throw new RangeError(`Cannot compute tokenRewardsOf as ${rule}: current value is ${value}`);
  };
  if (!(klCoef >= 0 && klCoef < Infinity)) refuse("klCoef must be ≥ 0 and finite", klCoef);
  if (!(scoreClamp > 0)) refuse("scoreClamp must be > 0", scoreClamp);
  const completions = actionsOf(tokenLogps.length, offsets, actions);
  sameLength({ refLogps }, tokenLogps.length);
  sameLength({ ends }, completions.length);
  completions.forEach((places, b) => {
    if (places.length === 0) {
      throw new RangeError(`Cannot place the score of completion ${b} as the policy chose no token of it`);
    }
    const score = scoreOf(ends[b] as End);
    if (!Number.isFinite(score)) refuse(`the score of completion ${b} must be finite`, score);
  });
  return completions;
}
