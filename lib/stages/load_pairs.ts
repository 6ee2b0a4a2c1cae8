/** The stage where data come in: pairs from any source, with an account of every row, split by prompt. */
import type { Loaded, LoadReport } from "../data/report.ts";
import type { Pair } from "../data/pair.ts";
import { splitByPrompt } from "../data/split.ts";
import type { PairRow } from "../data/token_pair.ts";
import { attempt, type Stage } from "../flow/stage.ts";
import { type Failure, type Result, right } from "../result.ts";
import type { Key } from "../tensor/random.ts";
import { fold } from "../tensor/random.ts";
import type { PairState } from "./state.ts";

/** Where pairs come from: a file, a fixture, an annotator. The key is for sources that draw. */
export type PairSource<P extends PairRow = Pair> = (
  key: Key,
) => Result<Failure, Loaded<P>> | Promise<Result<Failure, Loaded<P>>>;

/** What became of the rows. */
export interface LoadedState<P extends PairRow = PairRow> extends PairState<P> {
  /** How many rows were kept, dropped and truncated, and why. */
  readonly report: LoadReport;
}

/**
 * Loads pairs and holds some out: no prompt is on both sides.
 *
 * @param options.heldOut share of the prompts to hold out, default 0.1
 * @example
 * ```ts
 * import { loadPairs, readPairs } from "@logratio/logratio";
 * const line = '{"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}';
 * const pairs = loadPairs(() => readPairs(line), { heldOut: 0.2 }); // a stage that adds pairs, heldOutPairs and report
 * ```
 */
export function loadPairs<P extends PairRow>(
  source: PairSource<P>,
  options: { readonly heldOut?: number } = {},
): Stage<object, LoadedState<P>> {
  const { heldOut = 0.1 } = options;
  return attempt("loadPairs", async (_: object, { key, emit }) => {
    const loaded = await source(fold(key, "source"));
    if (loaded._tag === "Left") return loaded;
    const { data, report } = loaded.right;
    if (report.source?.shape !== undefined) emit({ type: "remark", message: report.source.shape.sentence });
    const split = splitByPrompt(fold(key, "split"), data, heldOut);
    return right({ pairs: split.train, heldOutPairs: split.heldOut, report });
  }, { needs: [], adds: ["pairs", "heldOutPairs", "report"] });
}
