/** What a reward model is worth, as one JSON document and as the table at its end. */
import {
  bar,
  fixed,
  type ForecastScores,
  type LoadedState,
  type ModelForm,
  percent,
  type PolicyState,
  reportText,
  type RewardEvaluation,
  type RewardState,
  type Section,
  table,
} from "../mod.ts";
import type { Summary } from "./main.ts";
import { dataSections, shareText } from "./report_sections.ts";
import { countsOf } from "./summary.ts";

/** The state at the end of `reward`. */
export interface Rewarded extends LoadedState, RewardState, Pick<PolicyState, "config" | "tokenizer"> {
  /** Null where no pairs were held out. */
  readonly rewardEvaluation: RewardEvaluation | null;
  /** The form of the files that its trunk came in, if it came in some. */
  readonly form?: ModelForm;
}

/** What a reward model is worth, in the document of `--json`. What needs a known annotator is null on the user's own data. */
export function rewardDocument(
  { rewardEvaluation, reward }: Pick<Rewarded, "rewardEvaluation" | "reward">,
): Summary["json"] {
  const unit = { mean: reward.mean, deviation: reward.deviation };
  if (rewardEvaluation === null) {
    return { accuracy: null, baselines: null, truth: null, logLoss: null, brier: null, calibration: null, unit };
  }
  const { accuracy, scores, tempered, temperature, truth } = rewardEvaluation;
  return {
    accuracy: { heldOut: accuracy.reward, bayes: truth && truth.bayes },
    baselines: { length: accuracy.length, linear: accuracy.linear },
    truth: truth && { accuracy: truth.accuracy, rootMeanSquare: truth.rootMeanSquare },
    logLoss: scores.logLoss,
    brier: scores.brier,
    calibration: {
      ece: scores.reliability.ece,
      temperature,
      tempered: { logLoss: tempered.logLoss, brier: tempered.brier, ece: tempered.reliability.ece },
      bins: scores.reliability.bins,
    },
    unit,
  };
}

const JUDGES = { reward: "reward model", linear: "linear, on words", length: "the shorter reply wins" } as const;

/** Who is right how often: on the labels, and by the annotator's own probabilities. */
export function rewardJudges({ accuracy, truth }: RewardEvaluation): string {
  const rows = (["reward", "linear", "length"] as const).map((judge) => [
    JUDGES[judge],
    shareText(accuracy[judge]),
    truth === null ? null : percent(truth.accuracy[judge]),
  ]);
  const best = truth === null ? [] : [["nobody can beat (Bayes)", null, percent(truth.bayes)]];
  return table(["judge of held-out pairs", "right, with 95 % interval", "to expect of new labels"], [...rows, ...best]);
}

/** Stated confidence against what came of it. */
function reliabilityTable({ scores }: RewardEvaluation): string {
  const rows = scores.reliability.bins.filter(({ n }) => n > 0).map(({ n, confidence, accuracy }) => [
    n,
    percent(confidence),
    percent(accuracy),
    bar(2 * accuracy - 1),
  ]);
  return table(["pairs", "stated", "right", "from ½ to 1"], rows);
}

/** What held-out labels say in figures. */
function figures({ scores, tempered, temperature, truth }: RewardEvaluation): readonly (readonly string[])[] {
  const both = (pick: (of: ForecastScores) => number): string =>
    `${fixed(pick(scores))}, and ${fixed(pick(tempered))} at temperature ${fixed(temperature, 2)}`;
  return [
    ["log loss, nats (a coin: 0.693)", both((of) => of.logLoss)],
    ["Brier score (a coin: 0.250)", both((of) => of.brier)],
    ["expected calibration error", both((of) => of.reliability.ece)],
    ...truth === null ? [] : [["root mean square of p̂ − p", fixed(truth.rootMeanSquare)]],
  ];
}

/** The end of a run that fits a reward model: `json` for `--json`, `table` to read. */
export function rewardSummary(state: Rewarded): Summary {
  const { report, rewardEvaluation, config, tokenizer, reward, form } = state;
  const unit = `mean ${fixed(reward.mean, 2)}, deviation ${fixed(reward.deviation, 2)} nats`;
  const parts = [
    reportText(report),
    ...rewardEvaluation === null ? [] : [rewardJudges(rewardEvaluation), reliabilityTable(rewardEvaluation)],
    table(["figure", "value"], [
      ...rewardEvaluation === null ? [["held-out pairs", "none: all are learned from"]] : figures(rewardEvaluation),
      ["the policy's own replies", unit],
    ]),
  ];
  return {
    json: { data: countsOf(state), reward: rewardDocument(state) },
    table: parts.join("\n\n"),
    model: { config, tokenizer, reward, ...form && { form } },
    report: [...rewardEvaluation === null ? [] : sectionsOf(rewardEvaluation), ...dataSections(state)],
  };
}

/** What the report says of a reward model. */
function sectionsOf({ accuracy, scores, tempered, temperature, truth }: RewardEvaluation): readonly Section[] {
  const tempering = (of: (scores: ForecastScores) => number): string =>
    `${fixed(of(tempered))} at temperature ${fixed(temperature, 2)}`;
  return [
    {
      part: "result",
      title: "Right about held-out pairs",
      note: "A tie counts half. Dots are shares, lines their 95 % intervals.",
      type: "intervals",
      low: 0,
      high: 1,
      percent: true,
      series: ["right"],
      rows: (["reward", "linear", "length"] as const).map((judge) => ({
        name: JUDGES[judge],
        values: [accuracy[judge]],
      })),
      marks: [
        { at: 0.5, name: "a coin" },
        ...truth === null ? [] : [{ at: truth.bayes, name: `nobody can beat (Bayes), ${percent(truth.bayes)}` }],
      ],
    },
    {
      part: "result",
      title: "Is it as sure as it should be?",
      note: "Confidence against the share that came out right, with 95 % intervals; on the dashed line both agree.",
      type: "reliability",
      bins: scores.reliability.bins,
    },
    {
      part: "result",
      title: "In figures",
      type: "figures",
      figures: [
        { name: "log loss, nats (a coin: 0.693)", value: fixed(scores.logLoss), note: tempering((of) => of.logLoss) },
        { name: "Brier score (a coin: 0.250)", value: fixed(scores.brier), note: tempering((of) => of.brier) },
        {
          name: "expected calibration error",
          value: fixed(scores.reliability.ece),
          note: tempering((of) => of.reliability.ece),
        },
        ...truth === null ? [] : [{ name: "root mean square of p̂ − p", value: fixed(truth.rootMeanSquare) }],
      ],
    },
  ];
}
