/** The first stage of the ranking pipeline: the user's files, or the counts that come with the package. */
import {
  attempt,
  comparisons,
  type Covariates,
  covariatesOf,
  type Failure,
  inputFailure,
  type ReadComparisons,
  type Result,
  right,
  type SettingValues,
  type Stage,
} from "../mod.ts";
import llmfao from "../fixtures/ranking/llmfao.json" with { type: "json" };
import type { settings } from "./bradley_terry.ts";
import { readComparisonFile, readItemCovariateFile } from "./comparison_file.ts";

type Values = SettingValues<typeof settings.fields>;

/** What was read, and where from. */
export interface LoadedComparisons {
  readonly read: ReadComparisons;
  /** What is known about the items, if a file says; `NaN` where it does not. */
  readonly itemCovariates: Covariates | null;
  readonly source: string;
  /** The settings that the printing needs. */
  readonly shown: Pick<Values, "level" | "scale" | "anchor" | "next">;
}

/** Reads the user's file, or takes the counts that come with the package. */
export function loadComparisons(s: Values): Stage<unknown, LoadedComparisons> {
  const { level, scale, anchor, next } = s, shown = { level, scale, anchor, next };
  return attempt("loadComparisons", async () => {
    const read = await readData(s);
    if (read._tag === "Left") return read;
    const itemCovariates = await readItems(s.itemCovariates, read.right);
    if (itemCovariates._tag === "Left") return itemCovariates;
    const source = s.data ?? llmfao.source;
    return right({ read: read.right, itemCovariates: itemCovariates.right, source, shown });
  }, { needs: [], adds: ["read", "itemCovariates", "source", "shown"] });
}

async function readData(s: Values): Promise<Result<Failure, ReadComparisons>> {
  const covariates = s.covariates.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const { data, cluster } = s;
  if (data !== null) {
    const options = { covariates, listedFirst: s.order, sequence: s.elo, ...(cluster !== "" && { cluster }) };
    return await readComparisonFile(data, options);
  }
  const asked = [cluster !== "" && "--cluster", covariates.length > 0 && "--covariates", s.elo && "--elo"].find(
    Boolean,
  );
  return asked
    ? inputFailure(`Cannot use ${asked} without --data as the counts at hand hold no such columns: name a file of rows`)
    : right(shipped());
}

async function readItems(path: string | null, { data }: ReadComparisons): Promise<Result<Failure, Covariates | null>> {
  if (path === null) return right(null);
  const table = await readItemCovariateFile(path);
  if (table._tag === "Left") return table;
  const { items } = data.type === "comparisons" ? data.comparisons : data.rankings;
  if (items.some((item) => table.right.byItem.has(item))) return right(covariatesOf(items, table.right));
  const [theirs = ""] = table.right.byItem.keys(), [ours = ""] = items;
  return inputFailure(
    `Cannot use ${path} as it must tell of the items that were compared: it has "${
      theirs.slice(0, 40)
    }" and others, the comparisons have "${ours.slice(0, 40)}" and others`,
  );
}

/** Counts of crowd votes on language models: real data, so that the first run shows something. */
function shipped(): ReadComparisons {
  const column = (k: number): number[] => llmfao.comparisons.map((row) => row[k]!);
  const data = comparisons({
    items: llmfao.items,
    first: column(0),
    second: column(1),
    winsFirst: column(2),
    winsSecond: column(3),
    ties: column(4),
    order: column(0).map(() => 1), // the left answer
  });
  return { data: { type: "comparisons", comparisons: data }, rows: 8931, bothBad: 0, hasOrder: true, clusters: 0 };
}
