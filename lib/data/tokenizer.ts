/**
 * Text to token ids and back, by a byte-level BPE of our own training or by any `tokenizer.json`; and what a model without
 * either has instead.
 */
import { type BytePairTokenizer, decodeBytePairs, encodeBytePairs } from "./byte_pair.ts";
import { idsText, type IdTokenizer, NO_TOKENIZER } from "./id_tokenizer.ts";
import { decodePretrained, encodePretrained, type PretrainedTokenizer, pretrainedVocabSize } from "./pretrained.ts";

/**
 * A tokenizer as plain data: `trainTokenizer` makes one, `readTokenizer` reads one from a model's folder. A model that has
 * none reads token ids alone.
 */
export type Tokenizer = BytePairTokenizer | PretrainedTokenizer | IdTokenizer;

/** Whether a tokenizer is one that came with a model. */
export function isPretrained(tokenizer: Tokenizer): tokenizer is PretrainedTokenizer {
  return "files" in tokenizer;
}

/** Whether there is no tokenizer, so that only token ids can be read. */
export function isIdTokenizer(tokenizer: Tokenizer): tokenizer is IdTokenizer {
  return "idCount" in tokenizer;
}

/** The least number of embeddings: one more than the largest id. Models may have some more, which no text uses. */
export function vocabSizeOf(tokenizer: Tokenizer): number {
  if (isIdTokenizer(tokenizer)) return tokenizer.idCount;
  return isPretrained(tokenizer) ? pretrainedVocabSize(tokenizer) : tokenizer.vocab.length;
}

/**
 * The token ids of a text, without the special tokens that begin or end a sequence. A lone surrogate, which UTF-8 cannot
 * say, becomes U+FFFD.
 *
 * With a tokenizer of `trainTokenizer`, `decode(tokenizer, encode(tokenizer, text))` is the text again, and special tokens
 * are never produced: text that spells out `<|end|>` is encoded as the characters it consists of. Other tokenizers do as
 * Hugging Face's do, which read it as the special token, so a user's text could end a turn there.
 *
 * @param text any string
 * @returns ids, `[T]`
 * @throws {RangeError} if a pretrained tokenizer has no token for a character, and none for unknown ones
 * @throws {TypeError} if there is no tokenizer
 * @example
 * ```ts
 * import { decode, encode, trainTokenizer } from "@logratio/logratio";
 * const tokenizer = trainTokenizer(["low lower lowest"], { vocabSize: 260 });
 * decode(tokenizer, encode(tokenizer, "slow 🐢")); // "slow 🐢"
 * ```
 */
export function encode(tokenizer: Tokenizer, text: string): Int32Array {
  if (isIdTokenizer(tokenizer)) throw new TypeError(`Cannot encode a text as ${NO_TOKENIZER}: give it token ids`);
  return isPretrained(tokenizer) ? encodePretrained(tokenizer, text) : encodeBytePairs(tokenizer, text);
}

/**
 * The text of token ids; bytes that are not UTF-8, as in half a character, become U+FFFD. Ids that a pretrained tokenizer
 * does not know, such as those of spare embeddings, are left out, as Hugging Face's decoders do. Without a tokenizer the
 * ids stand for themselves, `1 17 2`.
 *
 * @param ids `[T]`
 * @param options `skipSpecialTokens`: leave special tokens out instead of writing their names (default false)
 * @throws {RangeError} if an id is not in the vocabulary of a tokenizer of `trainTokenizer`
 */
export function decode(
  tokenizer: Tokenizer,
  ids: Iterable<number>,
  { skipSpecialTokens = false }: { readonly skipSpecialTokens?: boolean } = {},
): string {
  if (isIdTokenizer(tokenizer)) return idsText(ids);
  return isPretrained(tokenizer)
    ? decodePretrained(tokenizer, ids, skipSpecialTokens)
    : decodeBytePairs(tokenizer, ids, skipSpecialTokens);
}
