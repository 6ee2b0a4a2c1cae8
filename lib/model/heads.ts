/** Heads beside the language model's: a number for a whole completion, a number before every token. */
import { gatherRows, linear } from "../grad/layers.ts";
import { add, reshape } from "../grad/ops.ts";
import { fold, type Key, normal } from "../tensor/random.ts";
import { type Batch, stretches } from "../tensor/ragged.ts";
import { type Tensor, tensor, zeros } from "../tensor/tensor.ts";
import type { DecoderConfig, DecoderParams } from "./decoder.ts";
import { type ForwardOptions, hiddenStates } from "./forward.ts";
import { predictors } from "./logps.ts";

/** Parameters of a reward model: a decoder without its language-model head, and a head of one number. */
export interface RewardParams {
  /** The decoder. */
  readonly trunk: DecoderParams;
  /** From the last hidden state to the reward, without a bias, which no comparison could tell: `[1, d]`. */
  readonly score: Tensor;
  /**
   * Where it reads how surprising each token was: what a nat of surprise adds to the token's embedding, `[d, 1]`. What the
   * last layer of a language model expects next, no layer can compare with what came; this tells the first one.
   */
  readonly surprise?: Tensor;
}

/** What a reward model reads beside the ids. */
export interface RewardReading {
  /** Of every token of the batch, nats, `[T]`: those of `surprisals`. For a model with `surprise`, and for no other. */
  readonly surprisals?: ArrayLike<number> | undefined;
}

/**
 * A reward model that begins as a language model: its trunk, and a fresh head of deviation 1/√(d + 1).
 *
 * @param policy is not copied
 * @param options.surprise whether it reads how surprising tokens were, at first without any effect. Default false
 * @see Stiennon et al. 2020, "Learning to summarize from human feedback", appendix B.1
 */
export function initReward(
  key: Key,
  policy: DecoderParams,
  options: { readonly surprise?: boolean } = {},
): RewardParams {
  const { head: _, ...trunk } = policy;
  const [width] = policy.norm.shape as [number];
  const { dtype } = policy.norm;
  const draws = normal(fold(key, "score"), width);
  const score = tensor([1, width], draws.map((x) => x / Math.sqrt(width + 1)), dtype);
  return { trunk, score, ...options.surprise && { surprise: zeros(dtype, [width, 1]) } };
}

/** Where each completion of a batch ends: the place of its last token, known by length, whatever its id. */
export function lastTokens(batch: Batch): Int32Array {
  return Int32Array.from(stretches(batch), ({ end }) => end - 1);
}

/**
 * The reward of every completion: score · h(last token), in nats of log odds against another completion of the prompt.
 *
 * @returns `[B]`, one for each completion in order
 * @throws {TypeError} if there are surprisals that it does not read, or none that it does
 * @example
 * ```ts
 * import { type DecoderConfig, pack, type RewardParams, rewards, type Tensor } from "@logratio/logratio";
 * // Which of two completions is better, and how surely: P(a ≻ b) = σ(r_a − r_b).
 * function scored(reward: RewardParams, config: DecoderConfig, prompt: Int32Array, ab: Int32Array[]): Tensor {
 *   return rewards(reward, config, pack([{ prompt, completions: ab }])); // [2]
 * }
 * ```
 */
export function rewards(
  reward: RewardParams,
  config: DecoderConfig,
  batch: Batch,
  { gradientCheckpointing = false, ...reading }: RewardReading & ForwardOptions = {},
): Tensor {
  const last = lastTokens(batch);
  const hidden = hiddenStates(reward.trunk, config, batch, {
    added: addedBySurprise(reward, reading),
    gradientCheckpointing,
  });
  return reshape(linear(gatherRows(hidden, last), reward.score), [last.length]);
}

/** What surprise adds to the embeddings, `[T, d]`. */
function addedBySurprise({ surprise }: RewardParams, { surprisals }: RewardReading): Tensor | undefined {
  if ((surprise === undefined) !== (surprisals === undefined)) {
    const [reads, given] = surprise === undefined ? ["does not read", "they are given"] : ["reads", "there are none"];
    throw new TypeError(`Cannot compute rewards as the model ${reads} surprisals: ${given}`);
  }
  if (surprise === undefined || surprisals === undefined) return undefined;
  return linear(tensor([surprisals.length, 1], surprisals, surprise.dtype), surprise);
}

/** A critic's head: V = weight · h + bias. */
export interface ValueHead {
  /** From a hidden state to its value, `[1, d]`. */
  readonly weight: Tensor;
  /** `[1]`. */
  readonly bias: Tensor;
}

/** A critic: a decoder of its own with a value head, or a head alone, on the trunk of the policy. */
export interface ValueParams {
  /** The decoder, without its language-model head; absent if the policy's is read. */
  readonly trunk?: DecoderParams;
  /** What reads it. */
  readonly head: ValueHead;
}

/** A value head that says 0 to everything. */
export function zeroValueHead({ norm }: DecoderParams): ValueHead {
  return { weight: zeros(norm.dtype, [1, norm.shape[0] as number]), bias: zeros(norm.dtype, [1]) };
}

/**
 * Values before tokens, from the hidden states that predict them.
 *
 * @param states `[N, d]`, as `predictorStates` has them
 * @returns `[N]`, in the unit of the rewards
 */
export function valuesAt(states: Tensor, { weight, bias }: ValueHead): Tensor {
  return add(reshape(linear(states, weight), [states.shape[0] as number]), bias);
}

/**
 * What a critic expects of completions: V before every token `[C]`, and after the last one of each `[B]`.
 *
 * @param policy its trunk is read by a critic that has none
 */
export function values(
  { trunk, head }: ValueParams,
  policy: DecoderParams,
  { config, batch }: { readonly config: DecoderConfig; readonly batch: Batch },
): { readonly before: Tensor; readonly after: Tensor } {
  const hidden = hiddenStates(trunk ?? policy, config, batch);
  const at = (rows: Int32Array): Tensor => valuesAt(gatherRows(hidden, rows), head);
  return { before: at(predictors(batch)), after: at(lastTokens(batch)) };
}
