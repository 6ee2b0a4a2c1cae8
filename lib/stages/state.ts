/** The fields of the state that stages share, by the names the method uses. */
import type { PairRow, TokenPair } from "../data/token_pair.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { DecoderConfig, DecoderParams } from "../model/decoder.ts";

/** A language model with its tokenizer; `policy` is what training changes. */
export interface PolicyState {
  /** Architecture of policy and reference. */
  readonly config: DecoderConfig;
  /** From text to ids and back; its ids are those of the embedding. */
  readonly tokenizer: Tokenizer;
  /** Parameters as training has left them. */
  readonly policy: DecoderParams;
}

/** The reference policy: the parameters the policy began with. */
export interface RefState {
  /** Parameters; never trained. */
  readonly ref: DecoderParams;
}

/** Preference pairs as they came, texts or token ids: to learn from, and held out. */
export interface PairState<P extends PairRow = PairRow> {
  /** To learn from. */
  readonly pairs: readonly P[];
  /** To judge by: no prompt is on both sides. */
  readonly heldOutPairs: readonly P[];
}

/** Pairs as tokens. */
export interface RowState {
  /** To learn from. */
  readonly rows: readonly TokenPair[];
  /** To judge by. */
  readonly heldOutRows: readonly TokenPair[];
}

/** log π_ref of every completion of `rows`, nats, `[2·rows]`: chosen, rejected, chosen, … */
export interface RefLogpsState {
  /** Row i has the entries 2i (chosen) and 2i + 1 (rejected). */
  readonly refLogps: Float64Array;
}
