/** From text to token ids: pairs that fit the context, with the account of those that do not. */
import { encodeRows } from "../data/encode_rows.ts";
import { NO_TOKENIZER } from "../data/id_tokenizer.ts";
import { fitPairs, type Overflow } from "../data/overflow.ts";
import { encodePair, isTokenPair } from "../data/token_pair.ts";
import { isIdTokenizer } from "../data/tokenizer.ts";
import { dropWeightless } from "../data/weightless.ts";
import { withinVocabulary } from "../data/within_vocabulary.ts";
import { attempt, type Stage } from "../flow/stage.ts";
import { inputFailure, right } from "../result.ts";
import type { VocabularyState } from "./init_policy.ts";
import type { LoadedState } from "./load_pairs.ts";
import type { RowState } from "./state.ts";

/**
 * Encodes training and held-out pairs; those that came as token ids stay as they are, and must be of the vocabulary. Those of
 * weight 0 are left out. The report goes on counting what is dropped or truncated.
 *
 * @param options.overflow what to do with pairs longer than the context; without it they are dropped, and the run
 * refuses to start when more than one row in twenty would go
 */
export function tokenize(
  options: { readonly overflow?: Overflow | undefined } = {},
): Stage<LoadedState & VocabularyState, RowState & Pick<LoadedState, "report">> {
  return attempt("tokenize", ({ pairs, heldOutPairs, tokenizer, config, report }: LoadedState & VocabularyState) => {
    const text = isIdTokenizer(tokenizer) ? [...pairs, ...heldOutPairs].find((pair) => !isTokenPair(pair)) : undefined;
    if (text !== undefined) return inputFailure(`Cannot use row ${text.id} as ${NO_TOKENIZER}: ${NEEDS_TOKENIZER}`);
    const sides = [
      ...pairs.map((pair) => ({ pair, heldOut: false })),
      ...heldOutPairs.map((pair) => ({ pair, heldOut: true })),
    ];
    const read = encodeRows(
      sides.map((side) => ({ ...side, id: side.pair.id })),
      ({ pair, heldOut }) => ({ ...isTokenPair(pair) ? pair : encodePair(tokenizer, pair), heldOut }),
    );
    if (read._tag === "Left") return read;
    const encoded = read.right;
    const checked = withinVocabulary(encoded, config.vocabSize, ({ prompt, chosen, rejected }) => (
      { prompt, chosen, rejected }
    ));
    if (checked._tag === "Left") return checked;
    const counting = dropWeightless({ data: encoded, report });
    if (counting._tag === "Left") return counting;
    const fitted = fitPairs(counting.right, config.contextLength, options.overflow);
    if (fitted._tag === "Left") return fitted;
    const side = (heldOut: boolean): RowState["rows"] => fitted.right.data.filter((row) => row.heldOut === heldOut);
    return right({ rows: side(false), heldOutRows: side(true), report: fitted.right.report });
  }, { needs: ["pairs", "heldOutPairs", "tokenizer", "config", "report"], adds: ["rows", "heldOutRows", "report"] });
}

/** What to do about texts where there is no tokenizer. */
export const NEEDS_TOKENIZER =
  "put its tokenizer.json beside it, or give rows of prompt_ids, chosen_ids and rejected_ids";
