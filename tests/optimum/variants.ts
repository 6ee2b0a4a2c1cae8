/** Other ways to pay for KL, to clip and to step: one that is right too, and those that are wrong. */
import { klLoss } from "../../lib/losses/kl.ts";
import { ppoLoss } from "../../lib/losses/ppo.ts";
import { weightedSum } from "../../lib/losses/weighted_sum.ts";
import { constantSchedule } from "../../lib/optim/schedule.ts";
import { klEstimates } from "../../lib/rl/kl.ts";
import { tokenRewardsOf } from "../../lib/rl/token_rewards.ts";
import { maskedClipLoss } from "../losses/masked_clip.ts";
import { plain, SETTINGS, type Variant } from "./ppo.ts";
import { beta } from "./toy.ts";

/** The defaults without whitening. */
const unwhitened: Variant = { ...plain, scaled: (advantages) => advantages };

/** Right as well: ½ (Σ_t log ratio)² of whole completions as a term of the loss, nothing in the reward. */
const k2InLoss: Variant = {
  ...unwhitened,
  rewards: (tokens, offsets) => tokenRewardsOf(tokens, offsets, { klCoef: 0 }).rewards,
  loss: (tokens, offsets) =>
    weightedSum([
      [1, ppoLoss(tokens, offsets, { type: "clip", clipRange: SETTINGS.clipRange, reduction: "sequenceSum" })],
      [beta, klLoss(tokens, offsets, { estimator: "k2", over: "sequence" })],
    ]),
};

/** Wrong: k3 in the reward, whose gradient is that of KL(π‖π_ref) − KL(π_ref‖π) at a state. */
const k3InReward: Variant = {
  ...plain,
  rewards: (tokens, offsets) =>
    tokenRewardsOf(tokens, offsets, {
      klCoef: beta,
      kl: { place: "reward", estimator: "k3", biased: true },
    }).rewards,
};

/** Wrong: the KL of a course text, π(t)·log ratio of the drawn token, weighs by probability what was drawn by it. */
const courseKl: Variant = {
  ...plain,
  rewards: (tokens, offsets) => {
    const k1 = klEstimates(tokens.tokenLogps, tokens.refLogps, "k1");
    const { rewards } = tokenRewardsOf(tokens, offsets, { klCoef: 0 });
    return rewards.map((r, t) => r - beta * Math.exp(tokens.tokenLogps[t] as number) * (k1[t] as number));
  },
};

/** Wrong, and learning does not show it: no gradient wherever the ratio is out of bounds. */
const maskedClip: Variant = { ...plain, loss: (tokens) => maskedClipLoss(tokens, SETTINGS.clipRange) };

/** Whitened advantages at a constant rate: whitening makes the last noise as large as the first signal. */
const constantRate: Variant = { ...plain, schedule: ({ lr }) => constantSchedule(lr) };

/** All variants by name. */
export const variants = { plain, unwhitened, k2InLoss, k3InReward, courseKl, maskedClip, constantRate } as const;
