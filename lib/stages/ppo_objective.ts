/** What PPO minimises on a minibatch of rollouts: the policy's loss, the critic's, and what is added to them. */
import { mul } from "../grad/ops.ts";
import type { Loss } from "../grad/value_and_grad.ts";
import { entropyBonus } from "../losses/entropy.ts";
import { klLoss, type KlLossOptions } from "../losses/kl.ts";
import { type PpoClip, ppoLoss } from "../losses/ppo.ts";
import type { Reduction } from "../losses/reduction.ts";
import { valueLoss } from "../losses/value.ts";
import { weightedSum } from "../losses/weighted_sum.ts";
import type { DecoderParams } from "../model/decoder.ts";
import type { ForwardOptions } from "../model/forward.ts";
import { type ValueParams, valuesAt } from "../model/heads.ts";
import { entropiesAt, predictorStates, tokenLogpsAt } from "../model/logps.ts";
import { pack } from "../tensor/ragged.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import type { AdvantageState } from "./advantages.ts";
import { examplesOf, offsetsOf, type Rollout, type RolloutState } from "./rollout.ts";
import type { PolicyState } from "./state.ts";

/** The terms of PPO's loss. */
export interface PpoObjectiveOptions extends ForwardOptions {
  /** Where the ratio stops to count. Default 1 ± 0.2. */
  readonly clip?: PpoClip;
  /** Largest |log ratio|, nats. */
  readonly logRatioClamp?: number;
  /** What the policy's loss is the mean of. Default `token`: every token of the minibatch alike. */
  readonly reduction?: Reduction;
  /** Weight of the critic's loss; it matters where critic and policy share a trunk. Default 0.5. */
  readonly valueCoef?: number;
  /** Largest change of a value that its loss may gain from. Default 0.2; Infinity: any. */
  readonly valueClip?: number;
  /** What a nat of entropy is worth. Default 0. */
  readonly entropyCoef?: number;
  /** The pull to the reference as a term of the loss, where it is not in the rewards. */
  readonly kl?: KlLossOptions & { readonly coef: number };
}

/** Policy and critic, trained together. */
export interface Trained {
  /** The policy. */
  readonly policy: DecoderParams;
  /** The critic. */
  readonly value: ValueParams;
}

/** What rollouts teach, and the model they are read with. */
export type Taught = Pick<PolicyState, "config" | "policy"> & RolloutState & AdvantageState;

/** The tokens of some rollouts, out of arrays over all of them. */
export interface Minibatch {
  /** Which. */
  readonly rollouts: readonly Rollout[];
  /** Where the tokens of each lie, `[B+1]`. */
  readonly offsets: Int32Array;
  /** A tensor of their entries of `all`, `[T]`. */
  readonly tokens: (all: Float64Array) => Tensor;
  /** A tensor of what they have of their own, `[T]`. */
  readonly own: (of: "tokenLogps" | "refLogps") => Tensor;
}

/** The rollouts with these numbers. */
export function minibatchOf({ rollouts, policy }: Pick<Taught, "rollouts" | "policy">, rows: Int32Array): Minibatch {
  const offsets = offsetsOf(rollouts);
  const chosen = Array.from(rows, (b) => rollouts[b] as Rollout);
  const places = Array.from(rows).flatMap((b) => {
    const [start, end] = [offsets[b] as number, offsets[b + 1] as number];
    return Array.from({ length: end - start }, (_, i) => start + i);
  });
  const { dtype } = policy.norm;
  return {
    rollouts: chosen,
    offsets: offsetsOf(chosen),
    tokens: (all) => tensor([places.length], places.map((t) => all[t] as number), dtype),
    own: (of) => tensor([places.length], chosen.flatMap((rollout) => [...rollout[of]]), dtype),
  };
}

/** The loss with another count: the same mean, so that losses over tokens and over completions can be added. */
function recount({ loss: { sum, count }, metrics }: Loss, to: number): Loss {
  const times = tensor([], [to / count], sum.dtype);
  return { loss: { sum: mul(sum, times), count: to }, metrics };
}

/**
 * The loss of a minibatch: L_policy + valueCoef · L_value − entropyCoef · H + coef · L_KL, each the mean of its own terms.
 *
 * @see `ppoLoss`, `valueLoss`, `entropyBonus`, `klLoss`
 */
export function ppoObjective(
  { config, returns, values, advantages }: Omit<Taught, "rollouts">,
  { rollouts, offsets, tokens, own }: Minibatch,
  options: PpoObjectiveOptions,
): (trained: Trained) => Loss {
  const { clip = { type: "clip", clipRange: 0.2 }, reduction = "token", logRatioClamp } = options;
  const { valueCoef = 0.5, valueClip = 0.2, entropyCoef = 0, kl } = options;
  return ({ policy, value }) => {
    const batch = pack(examplesOf(rollouts));
    const states = predictorStates(policy, config, batch, options);
    const tokenLogps = tokenLogpsAt(states, { params: policy, config }, batch);
    const oldLogps = own("tokenLogps");
    const policyLoss = ppoLoss({ tokenLogps, oldLogps, advantages: tokens(advantages) }, offsets, {
      ...clip,
      reduction,
      ...logRatioClamp !== undefined && { logRatioClamp },
    });
    const { count } = policyLoss.loss;
    const criticStates = value.trunk === undefined ? states : predictorStates(value.trunk, config, batch, options);
    const critic = valueLoss({ values: valuesAt(criticStates, value.head), returns: tokens(returns) }, offsets, {
      ...valueClip < Infinity
        ? { type: "clip", clipRange: valueClip, oldValues: tokens(values) } as const
        : { type: "plain" } as const,
      reduction: "token",
    });
    const terms: (readonly [number, Loss])[] = [[1, policyLoss], [valueCoef, recount(critic, count)]];
    if (entropyCoef > 0) {
      const spread = entropiesAt(states, { params: policy, config });
      const bonus = entropyBonus(spread, offsets, { coef: entropyCoef, reduction: "token" });
      terms.push([1, recount(bonus, count)]);
    }
    if (kl !== undefined) {
      const { coef, ...term } = kl;
      const refLogps = own("refLogps");
      terms.push([coef, recount(klLoss({ tokenLogps, refLogps }, offsets, term), count)]);
    }
    return weightedSum(terms);
  };
}
