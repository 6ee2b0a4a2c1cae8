/**
 * A preference pair as token ids. Prompt and completions are encoded apart, so no token crosses the border between them.
 */
import { encodeCompletion, encodePrompt } from "./chat.ts";
import type { Pair } from "./pair.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A pair in tokens: the prompt up to what asks for an answer, the completions with their end token. */
export type TokenPair = Omit<Pair, "prompt" | "chosen" | "rejected"> & {
  readonly prompt: Int32Array;
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
};

/** The ids of a pair; id, margin, label and weight go along. */
export function encodePair(tokenizer: Tokenizer, pair: Pair): TokenPair {
  return {
    ...pair,
    prompt: encodePrompt(tokenizer, pair.prompt),
    chosen: encodeCompletion(tokenizer, pair.chosen, pair.prompt),
    rejected: encodeCompletion(tokenizer, pair.rejected, pair.prompt),
  };
}
