/** What stands in place of a tokenizer where a model came without one: its texts are its ids in numerals. */

/** The vocabulary of a model without a tokenizer, as plain data. It reads rows of token ids, and no text. */
export type IdTokenizer = {
  /** Ids are 0 … idCount − 1. */
  readonly idCount: number;
  /** Ids that end a completion, as the model's config names them; of a model that names none, no completion ends. */
  readonly ends: readonly number[];
};

/** Ids as they are shown: `1 17 2`. */
export function idsText(ids: Iterable<number>): string {
  return [...ids].join(" ");
}

/** Why a text has no ids. */
export const NO_TOKENIZER = "the model came without a tokenizer";
