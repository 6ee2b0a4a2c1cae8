/** What PPO is set up with: the reward, the critic, and how both models learn. */
import {
  attempt,
  count,
  type CriticState,
  file,
  fitBradleyTerry,
  initCritic,
  inputFailure,
  type KlControl,
  type LoadedState,
  loadReward,
  number,
  once,
  oneOf,
  type PairState,
  pipeline,
  type PolicyState,
  type PpoUpdateOptions,
  type RewardEvaluation,
  type RewardModel,
  type RewardState,
  type RolloutState,
  type RowState,
  score,
  type ScoreState,
  type SettingValues,
  type Stage,
  unusedFields,
} from "../mod.ts";
import { MARGINS, margins } from "./margins.ts";
import { fitting, judgeReward, settings } from "./reward.ts";
import { SETUP } from "./setup.ts";
import { optimizerFields, optimizerOptions, ratesWith } from "./training.ts";

/** How policy and critic learn, and what KL costs. */
export const OPTIMIZER = {
  minibatch: count(64, { atLeast: 1, help: "rollouts of one optimizer step" }),
  epochs: count(2, { atLeast: 1, help: "times that each rollout is used" }),
  lr: number(3e-4, { above: 0, help: "peak learning rate of the policy", defaultWith: ratesWith(3e-6) }),
  valueLr: number(3e-4, { above: 0, help: "peak learning rate of the critic", defaultWith: ratesWith(1e-5) }),
  ...optimizerFields({ warmup: 0, eps: 1e-5 }),
  clipRange: number(0.2, { above: 0, help: "the ratio counts in 1 ± this" }),
  targetKl: number(0, { atLeast: 0, help: "ends an iteration's epochs at this KL to its start, nats; 0: never" }),
  entropyCoef: number(0, { atLeast: 0, help: "what a nat of entropy is worth" }),
  klCoef: number(0.1, { atLeast: 0, help: "price of a nat of KL to the reference policy, in units of the reward" }),
  klPlace: oneOf(["reward", "loss"], {
    help: "where it is charged: in the rewards of tokens, or as a term of the loss",
  }),
  klTarget: number(0, { atLeast: 0, help: "KL of a completion to steer klCoef to, nats; 0: klCoef is fixed" }),
  klHorizon: count(10_000, { atLeast: 1, help: "completions over which it steers" }),
  critic: oneOf(["reward", "policy", "shared"], {
    help: "a model that begins as the reward model or as the policy, or a head on the policy's trunk",
  }),
} as const;

/** Where the reward comes from. */
export const REWARD = {
  reward: file({
    help: "a module that exports (prompt, completion) => number; without it, a model fitted to the pairs",
  }),
  rewardTimeout: number(60, {
    above: 0,
    unit: "seconds",
    help: "longest wait for an answer of that module; of a batch too, if it exports one",
  }),
  rewardLr: number(6e-4, {
    above: 0,
    help: "peak learning rate of the reward model",
    defaultWith: ratesWith(1e-5),
  }),
  rewardEpochs: number(2, { above: 0, help: "its passes over the pairs" }),
  rewardPairs: count(0, { atLeast: 0, help: "pairs it may learn from, the first of them; 0: all" }),
  margins: MARGINS,
  rewardBatchSize: count(settings.values.batchSize, { atLeast: 1, help: "pairs of one of its optimizer steps" }),
} as const;

type Settings = SettingValues<typeof OPTIMIZER & typeof REWARD & typeof SETUP>;

/** A reward model, judged on held-out pairs; both null where the user brings a reward. */
export interface FittedReward {
  readonly reward: RewardModel | null;
  readonly rewardEvaluation: RewardEvaluation | null;
}

/** Fits a reward model to the pairs, unless there is a reward already. */
export function reward(s: Settings): Stage<PolicyState & LoadedState & RowState, FittedReward> {
  if (s.reward !== null) {
    return once("reward", ({ rows }: RowState, { emit }) => {
      const message = unusedFields(rows, "A reward of your own judges");
      if (message !== undefined) emit({ type: "remark", message });
      return { reward: null, rewardEvaluation: null };
    }, {
      needs: ["rows"],
      adds: ["reward", "rewardEvaluation"],
    });
  }
  return pipeline("fitReward", [
    labelled(s.rewardPairs),
    margins(s),
    fitBradleyTerry(fitting({
      ...settings.values,
      ...{ data: s.data, lr: s.rewardLr, epochs: s.rewardEpochs, batchSize: s.rewardBatchSize },
      calibrate: "off", // as rewards are taken in their own unit, whatever the temperature
      ...s.model !== null && { microBatch: 4, gradientCheckpointing: "on" }, // as reward.ts has it for a given model
    })),
    judgeReward(s),
  ]);
}

/** Leaves the first pairs: people label few, while prompts to roll out from are plentiful. */
function labelled(most: number): Stage<PairState & RowState, Pick<PairState, "pairs"> & Pick<RowState, "rows">> {
  return once("labelled", ({ pairs, rows }: PairState & RowState) => {
    if (most === 0) return { pairs, rows };
    const first = rows.slice(0, most);
    const ids = new Set(first.map(({ id }) => id));
    return { pairs: pairs.filter(({ id }) => ids.has(id)), rows: first };
  }, { needs: ["pairs", "rows"], adds: ["pairs", "rows"] });
}

/** Scores rollouts by the model that `reward` fitted, or by the user's function. */
export function scoring(
  s: Pick<Settings, "reward" | "rewardTimeout">,
): Stage<RolloutState & Pick<PolicyState, "config"> & Pick<FittedReward, "reward">, ScoreState> {
  const { reward: path, rewardTimeout: timeoutSeconds } = s;
  return path === null ? fitted(score()) : score(() => loadReward(path), { timeoutSeconds });
}

/** The critic, both optimizers and the price of KL. */
export function critic(
  s: Settings & { readonly iterations: number; readonly rollouts: number },
): Stage<PolicyState & Pick<FittedReward, "reward">, CriticState> {
  const klControl: KlControl = s.klTarget > 0
    ? { type: "adaptive", klCoef: s.klCoef, target: s.klTarget, horizon: s.klHorizon }
    : { type: "fixed", klCoef: s.klCoef };
  if (klControl.type === "adaptive" && s.rollouts >= 5 * s.klHorizon) {
    const rule = "klHorizon must be more than a fifth of rollouts";
    return attempt(
      "initCritic",
      () => inputFailure(`Cannot steer klCoef as ${rule}: current values are ${s.klHorizon} and ${s.rollouts}`),
    );
  }
  const options = { klControl, update: learning(s) };
  if (s.critic !== "reward") return initCritic({ ...options, critic: s.critic });
  return s.reward === null ? fitted(initCritic(options)) : initCritic({ ...options, critic: "policy" });
}

/** A stage that needs a reward model, where `reward` has fitted one: the settings that chose the stage say that it has. */
function fitted<Needs extends RewardState, Adds>(
  stage: Stage<Needs, Adds>,
): Stage<Omit<Needs, "reward"> & Pick<FittedReward, "reward">, Adds> {
  return stage as unknown as Stage<Omit<Needs, "reward"> & Pick<FittedReward, "reward">, Adds>;
}

/** How policy and critic learn over all iterations. */
export function learning(s: Settings & { readonly iterations: number; readonly rollouts: number }): PpoUpdateOptions {
  return {
    ...optimizerOptions(s),
    lr: s.lr,
    valueOptimizer: { lr: s.valueLr },
    minibatch: s.minibatch,
    epochs: s.epochs,
    clip: { type: "clip", clipRange: s.clipRange },
    entropyCoef: s.entropyCoef,
    totalSteps: s.iterations * s.epochs * Math.ceil(s.rollouts / s.minibatch),
    ...s.targetKl > 0 && { targetKl: s.targetKl },
    ...s.klPlace === "loss" && { kl: { estimator: "k2", over: "sequence", coef: s.klCoef } as const },
  };
}
