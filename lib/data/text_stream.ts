/**
 * Text as its tokens come, for those who read along.
 */
import { decode, type Tokenizer } from "./tokenizer.ts";

/** Takes tokens one by one and gives the text that is certain. */
export interface TextStream {
  /** The text that this token adds; empty while a character is not complete. */
  readonly push: (id: number) => string;
  /** What is left, whole characters or not. */
  readonly end: () => string;
}

/**
 * A stream of text from tokens: all that it gives, joined, is `decode` of all the tokens, and half a character is held
 * back until the rest of it comes.
 *
 * @example
 * ```ts
 * import { encode, textStream, trainTokenizer } from "@logratio/logratio";
 * const tokenizer = trainTokenizer([], { vocabSize: 256 });
 * const stream = textStream(tokenizer);
 * Array.from(encode(tokenizer, "né"), stream.push); // ["n", "", "é"]
 * ```
 */
export function textStream(tokenizer: Tokenizer): TextStream {
  // Only a few of the last tokens are decoded again: what a token says may depend on the one before, as a space does.
  let window: number[] = [];
  let given = 0; // tokens of the window whose text was given
  const take = (text: string): string => {
    const fresh = text.slice(decode(tokenizer, window.slice(0, given)).length);
    window = window.slice(given);
    given = window.length;
    return fresh;
  };
  return {
    push: (id) => {
      window.push(id);
      const text = decode(tokenizer, window);
      return text.endsWith("\ufffd") ? "" : take(text);
    },
    end: () => take(decode(tokenizer, window)),
  };
}
