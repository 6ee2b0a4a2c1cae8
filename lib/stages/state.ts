/** The fields of the state that stages share, by the names the method uses. */
import type { Pair } from "../data/pair.ts";
import type { TokenPair } from "../data/token_pair.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { DecoderConfig, DecoderParams } from "../model/decoder.ts";

/** A language model with its tokenizer; `policy` is what training changes. */
export interface PolicyState {
  readonly config: DecoderConfig;
  readonly tokenizer: Tokenizer;
  readonly policy: DecoderParams;
}

/** The reference policy: the parameters the policy began with. */
export interface RefState {
  readonly ref: DecoderParams;
}

/** Preference pairs as text: to learn from, and held out. */
export interface PairState {
  readonly pairs: readonly Pair[];
  readonly heldOutPairs: readonly Pair[];
}

/** Pairs as tokens. */
export interface RowState {
  readonly rows: readonly TokenPair[];
  readonly heldOutRows: readonly TokenPair[];
}

/** log π_ref of every completion of `rows`, nats, `[2·rows]`: chosen, rejected, chosen, … */
export interface RefLogpsState {
  readonly refLogps: Float64Array;
}
