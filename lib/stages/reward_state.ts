/** A reward model among the fields of the state, and the ways to use one. */
import type { TokenPair } from "../data/token_pair.ts";
import type { DecoderConfig, DecoderParams } from "../model/decoder.ts";
import { type RewardParams, rewards } from "../model/heads.ts";
import { surprisals } from "../model/surprise.ts";
import { type Example, pack } from "../tensor/ragged.ts";
import { scope } from "../tensor/scope.ts";
import { floats } from "../tensor/tensor.ts";
import { byTokens } from "./chunks.ts";
import { distinctCompletions, examplesAt } from "./distinct_completions.ts";

/** A reward model with the policy whose surprise it reads, where it reads any. */
export interface ReadingReward extends RewardParams {
  /** The policy that the reward model began as, frozen. */
  readonly reader?: DecoderParams;
}

/** A reward model with the units of its rewards: normalised = (reward − mean) / deviation. */
export interface RewardModel extends ReadingReward {
  /** Mean reward of reference samples, nats. */
  readonly mean: number;
  /** Their standard deviation, nats, > 0. */
  readonly deviation: number;
}

/** A learned reward; its architecture and tokenizer are the policy's. */
export interface RewardState {
  /** The reward model. */
  readonly reward: RewardModel;
}

/** How surprising the completions of the rows to learn from were to the policy; empty where that is not read. */
export interface FitSurprise {
  /** Of each distinct completion those of its tokens, nats. */
  readonly surprisals: readonly Float32Array[];
  /** Of each row the numbers of chosen and rejected among these, `[2·rows]`. */
  readonly numbers: Int32Array;
}

/** What was read of the rows to learn from before the loop. */
export interface SurpriseState {
  /** Of `fitRows`. */
  readonly fitSurprise: FitSurprise;
}

/** The training rows in two parts, no prompt on both sides. */
export interface ValidationState {
  /** What the reward model learns from. */
  readonly fitRows: readonly TokenPair[];
  /** What tells when to stop, and how sure it should be. */
  readonly validationRows: readonly TokenPair[];
}

/** Rewards of every completion of some examples, in order, nats of log odds, not normalised. */
export function rewardsOf(model: ReadingReward, config: DecoderConfig, examples: readonly Example[]): Float64Array {
  const { reader, ...params } = model;
  const parts = byTokens(examples).map((part) => {
    const chunk = pack(part);
    const reading = reader === undefined ? {} : { surprisals: surprisals(reader, config, chunk) };
    return scope(() => Array.from(floats(rewards(params, config, chunk, reading))));
  });
  return Float64Array.from(parts.flat());
}

/** log odds of chosen against rejected, r_w − r_l, nats, `[rows]`. */
export function logOddsOf(
  model: ReadingReward,
  config: DecoderConfig,
  rows: readonly TokenPair[],
): readonly number[] {
  const { places, numbers } = distinctCompletions(rows);
  const scored = rewardsOf(model, config, examplesAt(rows, places));
  const at = (place: number): number => scored[numbers[place] as number] as number;
  return rows.map((_, row) => at(2 * row) - at(2 * row + 1));
}
