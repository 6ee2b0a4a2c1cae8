/**
 * Generation with a key/value cache for a batch of prompts.
 *
 * The same key gives the same tokens whatever batch a prompt travels in: draws are keyed by the prompt's own tokens and
 * the sample's number, and the kernels are batch invariant. A prompt is computed once for all of its samples. Where not
 * all prompts are answered at the same time, the next one begins when one is done, in its rows of the cache.
 */
import type { Key } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import type { LanguageModel } from "./decoder.ts";
import { generatedOf, passes, plansOf, type Sample } from "./passes.ts";
import { checkSampling, type Sampling } from "./sampling.ts";

/** What to generate. */
export interface GenerateOptions extends Sampling {
  /** Draws the tokens. */
  readonly key: Key;
  /** Completions a prompt. Default 1. */
  readonly samples?: number;
  /** Most tokens of a completion, its end token included. */
  readonly maxNewTokens: number;
  /** The token that ends a completion. */
  readonly eos: number;
  /** Most completions that are written at the same time; one prompt's always are. Default: all. The result is the same. */
  readonly maxBatch?: number;
  /** Token sequences, of at least one token each, that end a completion too; they stay part of it. Default: none. */
  readonly stop?: readonly Int32Array[];
}

/** A generated completion. */
export interface Generated {
  /** Token ids, the end token included if it was drawn. */
  readonly ids: Int32Array;
  /** Log of the probability with which each token was drawn, in nats. */
  readonly sampledLogps: Float64Array;
  /** Why it ended: its end token, a stop sequence, or the limit of new tokens or of the context. */
  readonly end: "eos" | "stop" | "length";
}

/**
 * Draws completions of prompts.
 *
 * @param prompts token ids, one non-empty array each
 * @returns for each prompt its `samples` completions
 * @throws {RangeError} if a prompt is empty or fills the context, or an option is out of range
 * @example
 * ```ts
 * import { generate, key, type LanguageModel } from "@logratio/logratio";
 * // Four answers to one prompt; token 0 ends an answer.
 * const answers = (model: LanguageModel, prompt: Int32Array) =>
 *   generate(model, [prompt], { key: key(0), eos: 0, samples: 4, maxNewTokens: 32, topP: 0.9 })[0];
 * ```
 */
export function generate(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
): readonly (readonly Generated[])[] {
  checkSampling(options);
  const plans = plansOf(prompts, model.config, options);
  return scope(() => {
    const all: (readonly Sample[])[] = [];
    for (const _ of passes({ model, plans, options, all }));
    return all.map((group) => group.map((sample) => generatedOf(sample, options)));
  });
}

/** A token as it was drawn. */
export interface DrawnToken {
  /** The token. */
  readonly id: number;
  /** Log of the probability with which it was drawn, in nats. */
  readonly logp: number;
}

/**
 * Draws one completion, a token at a time: those that `generate` gives with the same key. Whoever takes them may stop at
 * any time, and should take them outside scopes: the cache lives as long as the generator does.
 *
 * @param prompt token ids, at least one
 * @returns the tokens, and in the end the completion
 * @throws {RangeError} if the prompt is empty or fills the context, or an option is out of range
 * @example
 * ```ts
 * import { generateTokens, key, type LanguageModel } from "@logratio/logratio";
 * const first = (model: LanguageModel, prompt: Int32Array) =>
 *   generateTokens(model, prompt, { key: key(0), eos: 0, maxNewTokens: 32 }).next().value;
 * ```
 */
export function* generateTokens(
  model: LanguageModel,
  prompt: Int32Array,
  options: Omit<GenerateOptions, "samples" | "maxBatch">,
): Generator<DrawnToken, Generated> {
  const all: (readonly Sample[])[] = [];
  const only = (): Sample => all[0]?.[0] as Sample;
  for (const _ of passes({ model, plans: plansOf([prompt], model.config, options), options, all })) {
    yield { id: only().ids.at(-1) as number, logp: only().logps.at(-1) as number };
  }
  return generatedOf(only(), options);
}
