/** PPO on the toy language: draws, a critic that is a table too, and the library's own pieces in between. */
import { take } from "../../lib/grad/layers.ts";
import type { Loss } from "../../lib/grad/value_and_grad.ts";
import { ppoLoss, type PpoTokens } from "../../lib/losses/ppo.ts";
import { valueLoss } from "../../lib/losses/value.ts";
import { sampleAt } from "../../lib/model/sampling.ts";
import { adamw } from "../../lib/optim/adamw.ts";
import { clipByGlobalNorm } from "../../lib/optim/clip.ts";
import { linearSchedule, type Phases, type Schedule } from "../../lib/optim/schedule.ts";
import { chain } from "../../lib/optim/transform.ts";
import type { End } from "../../lib/rl/end.ts";
import { gae } from "../../lib/rl/gae.ts";
import { type ScoredTokens, tokenRewardsOf } from "../../lib/rl/token_rewards.ts";
import { whiten } from "../../lib/rl/whiten.ts";
import { fold, type Key, uniform } from "../../lib/tensor/random.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { type Dtype, type Tensor, tensor, zeros } from "../../lib/tensor/tensor.ts";
import { type Completions, copied, descend, learner, select, type Table, tokenLogps } from "./tabular_lm.ts";
import {
  beta,
  ends,
  logpsOf,
  optimum,
  PROMPTS,
  ref,
  RESPONSES,
  responses,
  visitsOf,
  type Worth,
  worthOf,
} from "./toy.ts";

/** What every run has in common; a rollout batch is one minibatch, as by TRL's default. */
export const SETTINGS = {
  iterations: 200,
  rollouts: 256,
  epochs: 4,
  lr: 0.05, // a table needs steps of a table's size: logits move by several nats
  adamEps: 1e-5,
  maxGradNorm: 1,
  clipRange: 0.2,
  gamma: 1,
  lambda: 0.95,
} as const;

/** What a run may do otherwise than the defaults. */
export interface Variant {
  /** Reward of every token. */
  readonly rewards: (tokens: ScoredTokens, offsets: Int32Array) => Float64Array;
  /** What the advantages become before they are learned from. */
  readonly scaled: (advantages: Float64Array) => Float64Array;
  /** The policy's loss. */
  readonly loss: (tokens: PpoTokens & { readonly refLogps: Tensor }, offsets: Int32Array) => Loss;
  /** The learning rate over all steps. */
  readonly schedule: (phases: Phases) => Schedule;
}

/** The defaults: k1 in the reward, whitened advantages, the clipped loss over tokens, a rate that falls to zero. */
export const plain: Variant = {
  rewards: (tokens, offsets) => tokenRewardsOf(tokens, offsets, { klCoef: beta }).rewards,
  scaled: (advantages) => whiten(advantages),
  loss: (tokens, offsets) =>
    ppoLoss(tokens, offsets, { type: "clip", clipRange: SETTINGS.clipRange, reduction: "token" }),
  schedule: linearSchedule,
};

/** The critic: the value of every state, `[states]`. */
interface Critic {
  readonly values: Tensor;
}

/** How near a run came. */
export interface Trained extends Worth {
  /** √ of the mean of (V − soft value)² over visited states. */
  readonly criticError: number;
}

interface Models {
  readonly policy: Table;
  readonly critic: Critic;
  readonly reference: Table;
}

/** Responses by number, every prompt as often. */
function drawn(key: Key, policy: Table): Int32Array {
  const probabilities = logpsOf(policy).map(Math.exp);
  return Int32Array.from(uniform(key, SETTINGS.rollouts), (u, i) => {
    const first = (i % PROMPTS) * RESPONSES;
    return first + sampleAt(probabilities.subarray(first, first + RESPONSES), u);
  });
}

/** What is known of the drawn tokens; tensors are `[T]`. */
interface Rollout extends Readonly<Record<"oldLogps" | "refLogps" | "advantages" | "returns", Tensor>> {
  readonly batch: Completions;
}

/** Draws responses and estimates what each of their tokens was worth. */
function rolledOut(key: Key, { policy, critic, reference }: Models, variant: Variant): Rollout {
  const { dtype } = policy.logits;
  const column = (values: ArrayLike<number>): Tensor => tensor([values.length], values, dtype);
  const numbers = drawn(key, policy);
  const batch = select(responses, numbers);
  const { offsets } = batch;
  const [oldLogps, refLogps] = [tokenLogps(policy, batch), tokenLogps(reference, batch)];
  const tokens = {
    tokenLogps: oldLogps.data,
    refLogps: refLogps.data,
    ends: Array.from(numbers, (y) => ends[y] as End),
  };
  const steps = {
    rewards: variant.rewards(tokens, offsets),
    values: take(critic.values, batch.states).data,
    ends: tokens.ends,
  };
  const { advantages, returns } = gae(steps, offsets, { gamma: SETTINGS.gamma, lambda: SETTINGS.lambda });
  return { batch, oldLogps, refLogps, advantages: column(variant.scaled(advantages)), returns: column(returns) };
}

/** A run of PPO from the reference. */
export function ppo(key: Key, variant: Variant = plain, dtype: Dtype = "f64"): Trained {
  const { iterations, epochs, lr, adamEps, maxGradNorm } = SETTINGS;
  const schedule = variant.schedule({ lr, steps: iterations * epochs });
  const optimizer = chain(clipByGlobalNorm(maxGradNorm), adamw({ lr: schedule, eps: adamEps }));
  const reference = copied(ref, dtype);
  const values = zeros(dtype, [ref.logits.shape[0] as number]);
  let policy = learner(copied(ref, dtype), optimizer);
  let critic = learner({ values }, optimizer);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const models = { policy: policy.params, critic: critic.params, reference };
    const { batch, returns, ...rollout } = scope(() => rolledOut(fold(key, iteration), models, variant));
    for (let epoch = 0; epoch < epochs; epoch++) {
      policy = descend(policy, optimizer, (p) => {
        const tokens = { ...rollout, tokenLogps: tokenLogps(p, batch) };
        return variant.loss(tokens, batch.offsets);
      });
      critic = descend(critic, optimizer, (c) => {
        const tokens = { values: take(c.values, batch.states), returns };
        return valueLoss(tokens, batch.offsets, { type: "plain", reduction: "token" });
      });
    }
  }
  return { ...worthOf(policy.params), criticError: criticErrorOf(policy.params, critic.params) };
}

function criticErrorOf(policy: Table, { values }: Critic): number {
  const visits = visitsOf(policy);
  const [sum, count] = optimum.soft_values.flat().reduce(([sum, count], soft, state) => {
    const visited = visits[state] as number;
    return [sum + visited * ((values.data[state] as number) - soft) ** 2, count + visited];
  }, [0, 0] as readonly [number, number]);
  return Math.sqrt(sum / count);
}
