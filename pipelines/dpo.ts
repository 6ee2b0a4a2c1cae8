/** Direct preference optimisation: `deno run pipelines/dpo.ts`. */
import { count, define, dpoUpdate, evaluatePairs, loadPairs, number, pipeline, refLogps, tokenize } from "../mod.ts";
import { main } from "./main.ts";
import { MARGINS, margins } from "./margins.ts";
import { judgeLabels, judgeReplies, overflowOf, pairsOf, reference, SETUP, vocabulary, warmStart } from "./setup.ts";
import { alignmentSizes } from "./sizes.ts";
import { summary } from "./summary.ts";
import { ratesWith, training, trainingFields } from "./training.ts";

export const settings = define({
  beta: number(0.2, { above: 0, help: "strength of the pull to the reference policy" }),
  labelSmoothing: number(0, { atLeast: 0, below: 0.5, help: "probability that a label is wrong" }),
  margins: MARGINS,
  lr: number(4e-4, { above: 0, help: "peak learning rate", defaultWith: ratesWith(1e-6) }),
  epochs: number(1, { above: 0, help: "passes over the pairs" }),
  batchSize: count(64, { atLeast: 1, help: "pairs of one optimizer step" }),
  ...trainingFields(),
  ...SETUP,
});

export const dpo = (s: typeof settings.values) =>
  pipeline("dpo", [
    loadPairs(pairsOf(s), { heldOut: s.heldOut }),
    vocabulary(s),
    tokenize(overflowOf(s)),
    warmStart(s),
    reference(s),
    refLogps(),
    margins(s),
    dpoUpdate({ beta: s.beta, labelSmoothing: s.labelSmoothing, ...training(s) }),
    evaluatePairs(),
    judgeLabels(s),
    judgeReplies(s),
  ]);

if (import.meta.main) await main(dpo, settings, summary, alignmentSizes);
