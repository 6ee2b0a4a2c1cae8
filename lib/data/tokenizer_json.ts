/**
 * The standard `tokenizer.json`, written so that Hugging Face tokenizers give the same ids.
 */
import type { BytePairTokenizer } from "./byte_pair.ts";

/** A special token of a `tokenizer.json`. */
export type AddedTokenJson = {
  readonly id: number;
  readonly content: string;
  readonly single_word: false;
  readonly lstrip: false;
  readonly rstrip: false;
  readonly normalized: false;
  readonly special: true;
};

/** The byte-level step of a `tokenizer.json`. */
export type ByteLevelJson = {
  readonly type: "ByteLevel";
  readonly add_prefix_space: false;
  readonly trim_offsets: false;
  readonly use_regex: true;
};

/** The content of a `tokenizer.json` as `tokenizerJson` writes it. */
export type TokenizerJson = {
  readonly version: "1.0";
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly AddedTokenJson[];
  readonly normalizer: null;
  readonly pre_tokenizer: ByteLevelJson;
  readonly post_processor: null;
  readonly decoder: ByteLevelJson;
  readonly model: {
    readonly type: "BPE";
    readonly dropout: null;
    readonly unk_token: null;
    readonly continuing_subword_prefix: null;
    readonly end_of_word_suffix: null;
    readonly fuse_unk: false;
    readonly byte_fallback: false;
    readonly ignore_merges: false;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly string[];
  };
};

const BYTE_LEVEL: ByteLevelJson = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true };

/**
 * A tokenizer as the content of a standard `tokenizer.json`. In `tokenizer_config.json` beside it belongs
 * `"clean_up_tokenization_spaces": false`, or Hugging Face's decoders drop spaces before punctuation.
 */
export function tokenizerJson({ vocab, merges, specialTokens }: BytePairTokenizer): TokenizerJson {
  const special = new Set(Object.values(specialTokens));
  const added = [...special].sort((a, b) => a - b).map((id): AddedTokenJson => ({
    id,
    content: vocab[id] as string,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: BYTE_LEVEL,
    post_processor: null,
    decoder: BYTE_LEVEL,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id] as const).filter(([, id]) => !special.has(id))),
      merges: merges.map(([a, b]) => `${vocab[a]} ${vocab[b]}`), // tokens spell a space as Ġ, so the blank parts them
    },
  };
}
