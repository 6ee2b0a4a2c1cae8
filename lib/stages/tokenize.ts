/** From text to token ids: pairs that fit the context, with the account of those that do not. */
import { fitPairs, type Overflow } from "../data/overflow.ts";
import { encodePair } from "../data/token_pair.ts";
import { attempt, type Stage } from "../flow/stage.ts";
import { right } from "../result.ts";
import type { VocabularyState } from "./init_policy.ts";
import type { LoadedState } from "./load_pairs.ts";
import type { RowState } from "./state.ts";

/**
 * Encodes training and held-out pairs; the report goes on counting what is dropped or truncated.
 *
 * @param options.overflow what to do with pairs longer than the context; without it they are dropped, and the run
 * refuses to start when more than one row in twenty would go
 */
export function tokenize(
  options: { readonly overflow?: Overflow | undefined } = {},
): Stage<LoadedState & VocabularyState, RowState & Pick<LoadedState, "report">> {
  return attempt("tokenize", ({ pairs, heldOutPairs, tokenizer, config, report }: LoadedState & VocabularyState) => {
    const data = [pairs, heldOutPairs].flatMap((side, i) =>
      side.map((pair) => ({ ...encodePair(tokenizer, pair), heldOut: i === 1 }))
    );
    const fitted = fitPairs({ data, report }, config.contextLength, options.overflow);
    if (fitted._tag === "Left") return fitted;
    const side = (heldOut: boolean): RowState["rows"] => fitted.right.data.filter((row) => row.heldOut === heldOut);
    return right({ rows: side(false), heldOutRows: side(true), report: fitted.right.report });
  }, { needs: ["pairs", "heldOutPairs", "tokenizer", "config", "report"], adds: ["rows", "heldOutRows", "report"] });
}
