/** Strengths of items from comparisons, with honest intervals: `deno run pipelines/bradley_terry.ts`. */
import { count, define, file, number, oneOf, pipeline, text, toggle } from "../mod.ts";
import { loadComparisons } from "./bradley_terry_load.ts";
import { explainFit, fitItems, rankItems, resample } from "./bradley_terry_stages.ts";
import { summary } from "./bradley_terry_report.ts";
import { main } from "./main.ts";

export const settings = define({
  data: file({
    help:
      "comparisons, counts or rankings, as .csv, .json(l), .gz or .parquet; without it, votes on 59 language models",
  }),
  ties: oneOf(["half", "davidson", "rao-kupper", "davidson-beaver"], {
    help: "a tie is half a win, or an outcome of its own",
  }),
  order: toggle(false, { help: "estimate the effect of being at home or shown first" }),
  covariates: text("", { help: "columns to control for, such as length: name,name (or name_a and name_b)" }),
  itemCovariates: file({
    help: "strengths from what is known of the items: a column item, all others numbers; an item without keeps its own",
  }),
  cluster: text("", { help: "robust errors clustered by this column, such as judge or prompt" }),
  robust: toggle(false, { help: "errors that do not trust the model's variances (sandwich)" }),
  ridge: number(0, { atLeast: 0, help: "pull of all strengths to their mean, κ/2 Σ λ²: finite on any data" }),
  firth: toggle(false, { help: "Firth's bias-reducing penalty: finite on any data" }),
  perComponent: toggle(false, { help: "fit each group of items that beat each other by itself" }),
  level: number(0.95, { above: 0, below: 1, help: "confidence of all intervals" }),
  scale: oneOf(["elo", "log"], { help: "ratings of 400 points for tenfold odds, or log-abilities" }),
  anchor: text("", { help: "an item and its rating, NAME=1000; without it the mean is 1000 (0 on the log scale)" }),
  elo: toggle(false, { help: "sequential Elo beside, in the order of the column time or of the rows" }),
  bootstrap: count(0, { help: "resamples for percentile intervals, whole clusters with --cluster" }),
  next: count(5, { help: "pairs to compare next, most informative first" }),
});

export const bradleyTerry = (s: typeof settings.values) =>
  pipeline("bradley_terry", [
    loadComparisons(s),
    fitItems(s),
    rankItems(s),
    resample(s),
    explainFit(s),
  ]);

if (import.meta.main) await main(bradleyTerry, settings, summary);
