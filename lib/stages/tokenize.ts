/** From text to token ids: pairs that fit the context, with the account of those that do not. */
import { NO_TOKENIZER } from "../data/id_tokenizer.ts";
import { firstSentences } from "../data/report.ts";
import { fitPairs, type Overflow } from "../data/overflow.ts";
import { encodePair, isTokenPair, type TokenPair } from "../data/token_pair.ts";
import { isIdTokenizer } from "../data/tokenizer.ts";
import { attempt, type Stage } from "../flow/stage.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import type { VocabularyState } from "./init_policy.ts";
import type { LoadedState } from "./load_pairs.ts";
import type { RowState } from "./state.ts";

/**
 * Encodes training and held-out pairs; those that came as token ids stay as they are, and must be of the vocabulary. The
 * report goes on counting what is dropped or truncated.
 *
 * @param options.overflow what to do with pairs longer than the context; without it they are dropped, and the run
 * refuses to start when more than one row in twenty would go
 */
export function tokenize(
  options: { readonly overflow?: Overflow | undefined } = {},
): Stage<LoadedState & VocabularyState, RowState & Pick<LoadedState, "report">> {
  return attempt("tokenize", ({ pairs, heldOutPairs, tokenizer, config, report }: LoadedState & VocabularyState) => {
    const text = isIdTokenizer(tokenizer) ? [...pairs, ...heldOutPairs].find((pair) => !isTokenPair(pair)) : undefined;
    if (text !== undefined) return inputFailure(`Cannot use row ${text.id} as ${NO_TOKENIZER}: ${REMEDY}`);
    const encoded = [pairs, heldOutPairs].flatMap((side, i) =>
      side.map((pair) => ({ ...(isTokenPair(pair) ? pair : encodePair(tokenizer, pair)), heldOut: i === 1 }))
    );
    const checked = withinVocabulary(encoded, config.vocabSize);
    if (checked._tag === "Left") return checked;
    const fitted = fitPairs({ data: encoded, report }, config.contextLength, options.overflow);
    if (fitted._tag === "Left") return fitted;
    const side = (heldOut: boolean): RowState["rows"] => fitted.right.data.filter((row) => row.heldOut === heldOut);
    return right({ rows: side(false), heldOutRows: side(true), report: fitted.right.report });
  }, { needs: ["pairs", "heldOutPairs", "tokenizer", "config", "report"], adds: ["rows", "heldOutRows", "report"] });
}

const REMEDY = "put its tokenizer.json beside it, or give rows of prompt_ids, chosen_ids and rejected_ids";

/** Every id must be one that the model has an embedding for. */
function withinVocabulary(pairs: readonly TokenPair[], vocabSize: number): Result<Failure, null> {
  const faults = pairs.flatMap((pair) => {
    const found = (["prompt", "chosen", "rejected"] as const).flatMap((field) => {
      const id = pair[field].find((id) => id >= vocabSize);
      return id === undefined ? [] : [`${field} has ${id}`];
    });
    const rule = `every id must be below ${vocabSize}, the size of the model's vocabulary`;
    return found.length === 0 ? [] : [`Cannot use row ${pair.id} as ${rule}: ${found.join(", ")}`];
  });
  return faults.length === 0 ? right(null) : inputFailure(...firstSentences(faults.slice(0, 20), faults.length));
}
