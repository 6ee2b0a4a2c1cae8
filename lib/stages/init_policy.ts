/** A policy from nothing: a tokenizer trained on the pairs at hand, and fresh parameters. */
import { promptMessages } from "../data/chat.ts";
import { CHAT_TOKENS } from "../data/chat_tokens.ts";
import type { Pair } from "../data/pair.ts";
import { isTokenPair } from "../data/token_pair.ts";
import { trainTokenizer } from "../data/train_tokenizer.ts";
import { attempt, once, type Stage } from "../flow/stage.ts";
import { type DecoderConfig, type DecoderParams, initDecoder } from "../model/decoder.ts";
import { inputFailure, right } from "../result.ts";
import type { PairState, PolicyState } from "./state.ts";

/** A tokenizer, and the architecture of the model that will read its ids. */
export type VocabularyState = Pick<PolicyState, "tokenizer" | "config">;

/**
 * Trains a byte-level BPE on prompts and completions of the training pairs, and gives the architecture its size.
 *
 * @param architecture of the decoder; `vocabSize` is the most tokens that the tokenizer may have
 */
export function fitTokenizer(architecture: DecoderConfig): Stage<PairState, VocabularyState> {
  return attempt("fitTokenizer", ({ pairs }: PairState) => {
    const ids = pairs.find(isTokenPair);
    if (ids !== undefined) {
      return inputFailure(
        `Cannot fit a tokenizer as pairs must be texts: row ${ids.id} is token ids, which need the model they are of`,
      );
    }
    const texts = (pairs as readonly Pair[]).flatMap(({ prompt, chosen, rejected }) => [
      ...promptMessages(prompt).map((message) => message.content),
      chosen,
      rejected,
    ]);
    const { vocabSize } = architecture;
    const tokenizer = trainTokenizer(texts, { vocabSize, specialTokens: CHAT_TOKENS });
    return right({ tokenizer, config: { ...architecture, vocabSize: tokenizer.vocab.length } });
  }, { needs: ["pairs"], adds: ["tokenizer", "config"] });
}

/** Fresh parameters, drawn by the run's seed. */
export function initPolicy(): Stage<Pick<PolicyState, "config">, { readonly policy: DecoderParams }> {
  return once(
    "initPolicy",
    ({ config }: Pick<PolicyState, "config">, { key }) => ({ policy: initDecoder(key, config) }),
    {
      needs: ["config"],
      adds: ["policy"],
    },
  );
}
