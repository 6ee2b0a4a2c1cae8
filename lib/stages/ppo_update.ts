/** The stage that learns from rollouts: PPO for the policy, regression for the critic. */
import { batches } from "../data/batches.ts";
import { decodeCompletion } from "../data/chat.ts";
import type { Metrics } from "../flow/event.ts";
import { scan, type Stage } from "../flow/stage.ts";
import { type Loss, valueAndGrad } from "../grad/value_and_grad.ts";
import { kernels } from "../kernels/provider.ts";
import { tokenLogps } from "../model/logps.ts";
import { type TrainedPart, trainedPart, withTrained } from "../model/trained.ts";
import type { AdamwState } from "../optim/adamw.ts";
import { type Moved, moveParams, type Transform } from "../optim/transform.ts";
import { divideMeans } from "../tensor/mean.ts";
import { pack } from "../tensor/ragged.ts";
import { copy, floats } from "../tensor/tensor.ts";
import { treeMap } from "../tensor/tree.ts";
import type { CriticState } from "./init_critic.ts";
import { minibatchOf, ppoObjective, type PpoObjectiveOptions, type Taught, type Trained } from "./ppo_objective.ts";
import { examplesOf, type Rollout } from "./rollout.ts";
import type { PolicyState } from "./state.ts";
import { optimizerOf, type UpdateOptions } from "./update.ts";

/** An optimizer's settings. */
export type OptimizerOptions = Omit<UpdateOptions, "batchSize" | "batchTokens" | "epochs" | "shuffle" | "microBatch">;

/** How the policy and its critic learn. */
export interface PpoUpdateOptions extends OptimizerOptions, PpoObjectiveOptions {
  /** Optimizer steps of the whole run, over which the learning rates go their course. */
  readonly totalSteps: number;
  /** Rollouts of one optimizer step. */
  readonly minibatch: number;
  /** Times that each rollout is used. Default 4. */
  readonly epochs?: number;
  /** What differs for the critic's optimizer. */
  readonly valueOptimizer?: Partial<OptimizerOptions>;
  /** Ends the epochs of an iteration when `policy/approxkl_avg` of a minibatch exceeds this, nats. Default: never. */
  readonly targetKl?: number;
}

type Optimizer = Transform<readonly [null, AdamwState]>;

/**
 * The optimizers of policy and critic, each of which clips its own gradient. Adam's ε is 1e-5 and there is no warm-up
 * unless the options say otherwise.
 *
 * @see Huang et al. 2022, "The 37 implementation details of proximal policy optimization", detail 3
 */
export function ppoOptimizers(options: PpoUpdateOptions): Readonly<Record<keyof Trained, Optimizer>> {
  const { totalSteps, valueOptimizer = {} } = options;
  const policy = { eps: 1e-5, warmup: 0, batchSize: 1, ...options };
  return { policy: optimizerOf(policy, totalSteps), value: optimizerOf({ ...policy, ...valueOptimizer }, totalSteps) };
}

type Needs = Taught & PolicyState & Pick<CriticState, "value" | "optimizers">;

type Parts = Readonly<Record<keyof Trained, TrainedPart>>;

interface Carry {
  /** What is trained of policy and critic. */
  readonly trained: Parts;
  readonly optimizers: CriticState["optimizers"];
  /** The rollouts of every step. */
  readonly order: readonly Int32Array[];
  /** Whether the policy has gone as far as `targetKl` allows. */
  readonly stopped: boolean;
}

/** Policy and critic with what training has made of their trained parts. */
function whole({ policy, value }: Needs, trained: Parts): Trained {
  return withTrained<Trained>({ policy, value }, trained);
}

/** How far the first ratio may be from 1: not at all where kernels are batch invariant, else by rounding. */
const tolerance = (): number => kernels("f32").batchError;

/** Why the first ratios are not 1: the first token that the policy finds more or less likely than when it was drawn. */
function canary({ policy, config, tokenizer }: Needs, rollouts: readonly Rollout[]): readonly string[] {
  const now = floats(tokenLogps(policy, config, pack(examplesOf(rollouts))));
  const tokens = rollouts.flatMap(({ prompt, ids, tokenLogps }) =>
    Array.from(ids, (id, t) => ({ row: prompt.id, id, t, old: tokenLogps[t] as number }))
  );
  const rounding = tolerance() / 2;
  const at = tokens.findIndex(({ old }, i) => !(Math.abs(old - (now[i] as number)) <= rounding));
  const { row, id, t, old } = tokens[at] as { row: string; id: number; t: number; old: number };
  return [
    "Cannot learn from rollouts as on the first minibatch every ratio must be 1, of the policy to itself: in the reply " +
    `to ${row}, token ${t} ("${decodeCompletion(tokenizer, Int32Array.of(id))}") was rolled out at ${old} nats and ` +
    `is now at ${now[at]}`,
  ];
}

/** A step of both optimizers on the gradients of both. */
function updated(
  { trained, optimizers }: Pick<Carry, "trained" | "optimizers">,
  grads: Parts,
  options: PpoUpdateOptions,
): Pick<Carry, "trained" | "optimizers"> & { readonly metrics: Metrics } {
  const of = ppoOptimizers(options);
  const policy = moveParams(of.policy, grads.policy, { state: optimizers.policy, params: trained.policy });
  const value = moveParams(of.value, grads.value, { state: optimizers.value, params: trained.value });
  const named = ({ metrics }: Moved<unknown, unknown>): Metrics =>
    Object.fromEntries(Object.entries(metrics).map(([name, x]) => [`value/${name}`, x]));
  return {
    trained: { policy: policy.params, value: value.params },
    optimizers: { policy: policy.state, value: value.state },
    metrics: { ...policy.metrics, ...named(value) },
  };
}

/**
 * Epochs over the rollouts in minibatches, a gradient step each. On the first minibatch the policy is the one that rolled
 * out: every ratio is 1 and the KL 0 (to rounding where products are a library's), else the run stops and names the
 * first token that differs.
 *
 * @see Schulman et al. 2017, "Proximal policy optimization algorithms", algorithm 1; `rollout` for the whole loop
 * @example
 * ```ts
 * import { ppoUpdate } from "@logratio/logratio";
 * // 512 rollouts an iteration: 8 iterations of 4 epochs of 512 / 64 steps each.
 * const update = ppoUpdate({ lr: 1e-4, minibatch: 64, totalSteps: 8 * 4 * (512 / 64), targetKl: 0.05 });
 * ```
 */
export function ppoUpdate(
  options: PpoUpdateOptions,
): Stage<
  Taught & PolicyState & Pick<CriticState, "value" | "optimizers">,
  Pick<PolicyState, "policy"> & Pick<CriticState, "value" | "optimizers">
> {
  const { epochs = 4, minibatch, targetKl = Infinity } = options;
  return scan("ppoUpdate", {
    init: ({ policy, value, optimizers, rollouts }: Needs, { key }) => {
      const order = batches(key, rollouts.length, { batchSize: minibatch, epochs });
      const trained = trainedPart({ policy, value } satisfies Trained) as Parts;
      const own = treeMap(copy, { trained, optimizers });
      return { carry: { ...own, order, stopped: false } as Carry, steps: order.length };
    },
    step: (carry, { step, state }) => {
      if (carry.stopped) return { carry, metrics: {} };
      const batch = minibatchOf(state, carry.order[step] as Int32Array);
      const lossOf = ppoObjective(state, batch, options);
      const ofParts = (trained: Parts): Loss => lossOf(whole(state, trained));
      const { loss, grads, metrics: means } = valueAndGrad(ofParts)(carry.trained);
      const metrics = divideMeans(means);
      const kl = metrics["policy/approxkl_avg"] as number;
      const ratio = metrics["val/ratio"] as number;
      const first = step === 0 && !(Math.max(kl, Math.abs(ratio - 1)) <= tolerance());
      const next = updated(carry, grads, options);
      return {
        carry: { ...carry, trained: next.trained, optimizers: next.optimizers, stopped: kl > targetKl },
        metrics: { loss, ...metrics, ...next.metrics },
        rows: batch.rollouts.map(({ prompt }) => prompt.id),
        fault: first ? canary(state, batch.rollouts) : undefined,
      };
    },
    done: ({ trained, optimizers }, state) => ({ ...whole(state, trained), optimizers }),
  }, {
    needs: [
      "config",
      "tokenizer",
      "policy",
      "value",
      "optimizers",
      "rollouts",
      "advantages",
      "returns",
      "values",
    ],
    adds: ["policy", "value", "optimizers"],
  });
}
