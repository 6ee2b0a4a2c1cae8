/** Completions of a growing text: what was read of it once is not read again. */
import type { LanguageModel } from "./decoder.ts";
import type { DrawnToken, Generated, GenerateOptions } from "./generate.ts";
import { type Cache, generatedOf, passes, plansOf, type Sample } from "./passes.ts";

/** A completion, and what it took to begin it. */
export interface Continued extends Generated {
  /** Tokens of the prompt that were computed: all, but for those known from the time before. */
  readonly computed: number;
}

/** Draws one completion, a token at a time. */
export type DrawTokens = (
  prompt: Int32Array,
  options: Omit<GenerateOptions, "samples" | "maxBatch">,
) => Generator<DrawnToken, Continued>;

/** Tokens with their rows of the cache. */
interface Past {
  readonly ids: readonly number[];
  readonly cache: Cache;
}

/** How many of the prompt's tokens are known; its last one never is, as a token is drawn from what is made of it. */
function knownOf(past: Past | undefined, prompt: Int32Array): number {
  const differs = prompt.findIndex((id, i) => past?.ids[i] !== id);
  return Math.max(0, Math.min(differs < 0 ? prompt.length : differs, prompt.length - 1));
}

/**
 * A drawer of tokens, `generateTokens` in all that it gives, that keeps the keys and values of the last prompt and its
 * completion: of the next prompt only what comes after the tokens they share is computed. With kernels that are batch
 * invariant the tokens and their log-probabilities are the same to the bit.
 *
 * Its cache lives as long as it does; use it outside scopes, for one text at a time.
 *
 * @example
 * ```ts
 * import { conversing, key, type LanguageModel } from "@logratio/logratio";
 * const talk = (model: LanguageModel, first: Int32Array, second: Int32Array) => {
 *   const draw = conversing(model), options = { key: key(0), eos: 0, maxNewTokens: 32 };
 *   return [[...draw(first, options)], [...draw(second, options)]];
 * };
 * ```
 */
export function conversing(model: LanguageModel): DrawTokens {
  let past: Past | undefined;
  return function* (prompt, options): Generator<DrawnToken, Continued> {
    const all: (readonly Sample[])[] = [];
    const plans = plansOf([prompt], model.config, options), tokens = knownOf(past, prompt);
    const known = past && { cache: past.cache, tokens };
    const only = (): Sample => all[0]?.[0] as Sample;
    const onPass = (cache: Cache): void => {
      past = { ids: [...prompt, ...(all[0]?.[0]?.ids ?? []).slice(0, -1)], cache }; // the newest was not read yet
    };
    try {
      for (const _ of passes({ model, plans, options, all, known, onPass })) {
        yield { id: only().ids.at(-1) as number, logp: only().logps.at(-1) as number };
      }
    } catch (error) {
      past = undefined; // a pass that broke off has used the cache up
      throw error;
    }
    return { ...generatedOf(only(), options), computed: prompt.length - tokens };
  };
}
