/** A policy from nothing: a tokenizer trained on the pairs at hand, and fresh parameters. */
import { CHAT_TOKENS, promptMessages } from "../data/chat.ts";
import { once, type Stage } from "../flow/stage.ts";
import { type DecoderConfig, type DecoderParams, initDecoder } from "../model/decoder.ts";
import { trainTokenizer as train } from "../data/train_tokenizer.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { PairState } from "./state.ts";

/** Trains a byte-level BPE on prompts and completions of the training pairs. */
export function fitTokenizer(
  options: { readonly vocabSize: number },
): Stage<PairState, { readonly tokenizer: Tokenizer }> {
  return once("fitTokenizer", ({ pairs }: PairState) => {
    const texts = pairs.flatMap(({ prompt, chosen, rejected }) => [
      ...promptMessages(prompt).map((message) => message.content),
      chosen,
      rejected,
    ]);
    return { tokenizer: train(texts, { ...options, specialTokens: CHAT_TOKENS }) };
  }, { needs: ["pairs"], adds: ["tokenizer"] });
}

/** Fresh parameters for a decoder of this architecture, with the tokenizer's vocabulary. */
export function initPolicy(
  architecture: Omit<DecoderConfig, "vocabSize">,
): Stage<{ readonly tokenizer: Tokenizer }, { readonly config: DecoderConfig; readonly policy: DecoderParams }> {
  return once("initPolicy", ({ tokenizer }: { readonly tokenizer: Tokenizer }, { key }) => {
    const config = { ...architecture, vocabSize: tokenizer.vocab.length };
    return { config, policy: initDecoder(key, config) };
  }, { needs: ["tokenizer"], adds: ["config", "policy"] });
}
