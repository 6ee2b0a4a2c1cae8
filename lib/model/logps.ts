/**
 * Log-probabilities of completions, and the one shift: hidden states predict the *next* token, and after this file
 * index t means token t.
 */
import { chosenLogProbs, gatherRows, linear } from "../grad/layers.ts";
import { segmentSum } from "../grad/ops.ts";
import { type Batch, completionTokens, stretches } from "../tensor/ragged.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { entropies } from "../grad/entropies.ts";
import { softcap } from "../grad/activations.ts";
import { type DecoderConfig, type DecoderParams, headOf, type LanguageModel } from "./decoder.ts";
import { type ForwardOptions, hiddenStates } from "./forward.ts";

/** For each completion token, the row that predicts it: the token before it, for a first one its prompt's last. */
export function predictors(batch: Batch): Int32Array {
  const rows = stretches(batch).flatMap(({ start, end, promptEnd }) =>
    Array.from({ length: end - start }, (_, i) => i === 0 ? promptEnd - 1 : start + i - 1)
  );
  return Int32Array.from(rows);
}

/**
 * log π(token t | tokens < t) of every completion token, in nats.
 *
 * The head runs at these positions only, and the logits `[T, V]` never exist at once.
 *
 * @returns `[C]`: completion b holds the entries batch.offsets[b] … batch.offsets[b+1]−1
 */
export function tokenLogps(
  params: DecoderParams,
  config: DecoderConfig,
  batch: Batch,
  options: ForwardOptions = {},
): Tensor {
  return tokenLogpsAt(predictorStates(params, config, batch, options), { params, config }, batch);
}

/** The hidden state before every completion token, from which it is predicted, `[C, d]`: what heads read. */
export function predictorStates(
  params: DecoderParams,
  config: DecoderConfig,
  batch: Batch,
  { gradientCheckpointing = false }: ForwardOptions = {},
): Tensor {
  return gatherRows(hiddenStates(params, config, batch, { gradientCheckpointing }), predictors(batch));
}

/** `tokenLogps` of states that are there already. */
export function tokenLogpsAt(states: Tensor, { params, config }: LanguageModel, batch: Batch): Tensor {
  const targets = completionTokens(batch).map((t) => batch.ids[t] as number);
  return chosenLogProbs(states, headOf(params), targets, { softcap: config.logitSoftcap });
}

/** How undecided the model is in each state: entropies of its next-token distributions, in nats, `[T]`. */
export function entropiesAt(states: Tensor, { params, config }: LanguageModel): Tensor {
  return entropies(states, headOf(params), { softcap: config.logitSoftcap });
}

/**
 * The logits of the next token in each state, all at once: log p up to a constant of the row.
 *
 * @param states `[T, d]`, as `hiddenStates` has them
 * @returns `[T, V]`
 */
export function logitsAt(states: Tensor, { params, config }: LanguageModel): Tensor {
  const z = linear(states, headOf(params));
  return config.logitSoftcap === undefined ? z : softcap(z, config.logitSoftcap);
}

/**
 * log π(completion | prompt) = Σ_t log π(token t | tokens < t), in nats: the prompt is not in the sum, an end token is.
 *
 * @returns `[B]`, one for each completion in order
 * @example
 * ```ts
 * import { type LanguageModel, logps, pack, sub, take, type Tensor } from "@logratio/logratio";
 * // log π(a | prompt) − log π(b | prompt): the log odds of two completions
 * function logOdds({ params, config }: LanguageModel, prompt: Int32Array, [a, b]: [Int32Array, Int32Array]): Tensor {
 *   const both = logps(params, config, pack([{ prompt, completions: [a, b] }]));
 *   return sub(take(both, Int32Array.of(0)), take(both, Int32Array.of(1)));
 * }
 * ```
 */
export function logps(
  params: DecoderParams,
  config: DecoderConfig,
  batch: Batch,
  options: ForwardOptions = {},
): Tensor {
  return segmentSum(tokenLogps(params, config, batch, options), batch.offsets);
}
