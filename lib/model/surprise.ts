/** How surprising a text is to a language model, token by token. */
import { type Batch, completionTokens } from "../tensor/ragged.ts";
import { scope } from "../tensor/scope.ts";
import { floats } from "../tensor/tensor.ts";
import type { DecoderConfig, DecoderParams } from "./decoder.ts";
import { tokenLogps } from "./logps.ts";

/** Nats from which on one token is as surprising as any other. */
const LIMIT = 6;

/**
 * min(−log π(token t | tokens < t), 6) of every completion token, in nats; 0 for the prompt, which nobody said. Without a
 * gradient.
 *
 * @returns `[T]`, one for each token of the batch
 * @example
 * ```ts
 * import { type LanguageModel, pack, surprisals } from "@logratio/logratio";
 * // Of two completions of a prompt of p tokens, token by token: p zeros, then a's and b's.
 * function surprise({ params, config }: LanguageModel, prompt: Int32Array, ab: Int32Array[]): Float32Array {
 *   return surprisals(params, config, pack([{ prompt, completions: ab }]));
 * }
 * ```
 */
export function surprisals(policy: DecoderParams, config: DecoderConfig, batch: Batch): Float32Array {
  const logps = scope(() => Float32Array.from(floats(tokenLogps(policy, config, batch))));
  const found = new Float32Array(batch.ids.length);
  completionTokens(batch).forEach((token, i) => found[token] = Math.min(LIMIT, -(logps[i] as number)));
  return found;
}
