/** What PPO carries from iteration to iteration beside the policy: the critic, both optimizers, the price of KL. */
import { once, type Stage } from "../flow/stage.ts";
import { scale } from "../grad/ops.ts";
import type { DecoderParams } from "../model/decoder.ts";
import { type ValueHead, type ValueParams, zeroValueHead } from "../model/heads.ts";
import { trainedPart } from "../model/trained.ts";
import type { AdamwState } from "../optim/adamw.ts";
import type { KlControl } from "../rl/kl_control.ts";
import { tensor } from "../tensor/tensor.ts";
import { ppoOptimizers, type PpoUpdateOptions } from "./ppo_update.ts";
import type { RewardModel, RewardState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** What outlives an iteration. */
export interface CriticState {
  /** The critic. */
  readonly value: ValueParams;
  /** Steps and moments of both optimizers. */
  readonly optimizers: { readonly policy: readonly [null, AdamwState]; readonly value: readonly [null, AdamwState] };
  /** What a nat of KL costs now. */
  readonly klControl: KlControl;
}

/** Where the critic begins, and what it reads. */
export type CriticKind =
  /** A model of its own, which begins as the reward model, head and all, but for the surprise that one may read. */
  | "reward"
  /** A model of its own, which begins as the policy and expects 0. */
  | "policy"
  /** A head on the policy's trunk, which both train; it expects 0. */
  | "shared";

/** Options of `initCritic`. */
export interface InitCriticOptions {
  /** Default `reward`. */
  readonly critic?: CriticKind;
  /** The price of a nat of KL, and how it goes on. */
  readonly klControl: KlControl;
  /** The optimizers, as `ppoUpdate` has them. */
  readonly update: PpoUpdateOptions;
}

/** The head that says what the reward model says in its unit: (score · h − mean) / deviation. */
function rewardHead({ score, mean, deviation }: RewardModel): ValueHead {
  return { weight: scale(score, 1 / deviation), bias: tensor([1], [-mean / deviation], score.dtype) };
}

function withoutHead({ head: _, ...trunk }: DecoderParams): DecoderParams {
  return trunk;
}

/**
 * A critic, fresh optimizers and the price of KL.
 *
 * @see Ouyang et al. 2022, "Training language models to follow instructions", appendix C.4 (a critic that begins as the
 * reward model)
 * @example
 * ```ts
 * import { initCritic } from "@logratio/logratio";
 * const update = { lr: 1e-4, valueOptimizer: { lr: 3e-4 }, minibatch: 16, totalSteps: 128 };
 * const klControl = { type: "adaptive", klCoef: 0.1, target: 6, horizon: 10_000 } as const;
 * const critic = initCritic({ klControl, update }); // once, before the iterations; it reads the reward model
 * const blank = initCritic({ critic: "policy", klControl, update }); // for a reward that is no model
 * ```
 */
export function initCritic(
  options: InitCriticOptions & { readonly critic?: "reward" },
): Stage<PolicyState & RewardState, CriticState>;
/** A critic that begins at 0, fresh optimizers and the price of KL. */
export function initCritic(
  options: InitCriticOptions & { readonly critic: "policy" | "shared" },
): Stage<PolicyState, CriticState>;
export function initCritic(options: InitCriticOptions): Stage<never, CriticState> {
  const { critic = "reward", klControl, update } = options;
  type Needs = PolicyState & Partial<RewardState>;
  const valueOf = ({ policy, reward }: Needs): ValueParams => {
    switch (critic) {
      case "reward":
        return { trunk: (reward as RewardModel).trunk, head: rewardHead(reward as RewardModel) };
      case "policy":
        return { trunk: withoutHead(policy), head: zeroValueHead(policy) };
      case "shared":
        return { head: zeroValueHead(policy) };
    }
  };
  const needs: readonly (keyof Needs)[] = critic === "reward" ? ["policy", "reward"] : ["policy"];
  return once("initCritic", (state: Needs): CriticState => {
    const value = valueOf(state);
    const optimizers = ppoOptimizers(update);
    return {
      value,
      optimizers: {
        policy: optimizers.policy.init(trainedPart(state.policy)),
        value: optimizers.value.init(trainedPart(value)),
      },
      klControl,
    };
  }, { needs, adds: ["value", "optimizers", "klControl"] });
}
