/** What a reward model is worth, as one JSON document and as the table at its end. */
import {
  bar,
  fixed,
  type ForecastScores,
  interval,
  type LoadedState,
  percent,
  reportText,
  type RewardEvaluation,
  type RewardState,
  type Share,
  table,
} from "../mod.ts";
import type { Summary } from "./main.ts";
import { countsOf } from "./summary.ts";

/** The state at the end of `reward`. */
export interface Rewarded extends LoadedState, RewardState {
  readonly rewardEvaluation: RewardEvaluation;
}

/** The document of `--json`. What needs a known annotator is null on the user's own data. */
function document(state: Rewarded): Summary["json"] {
  const { rewardEvaluation, reward } = state;
  const { accuracy, scores, tempered, temperature, truth } = rewardEvaluation;
  return {
    data: countsOf(state),
    reward: {
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
      unit: { mean: reward.mean, deviation: reward.deviation },
    },
  };
}

const share = (of: Share): string => `${interval(of, percent)}, n = ${of.n}, ${of.ties} ties`;

/** Who is right how often: on the labels, and by the annotator's own probabilities. */
function judgeTable({ accuracy, truth }: RewardEvaluation): string {
  const names = { reward: "reward model", linear: "linear, on words", length: "the shorter reply wins" } as const;
  const rows = (["reward", "linear", "length"] as const).map((judge) => [
    names[judge],
    share(accuracy[judge]),
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

function figures({ rewardEvaluation, reward }: Rewarded): readonly (readonly string[])[] {
  const { scores, tempered, temperature, truth } = rewardEvaluation;
  const both = (pick: (of: ForecastScores) => number): string =>
    `${fixed(pick(scores))}, and ${fixed(pick(tempered))} at temperature ${fixed(temperature, 2)}`;
  return [
    ["log loss, nats (a coin: 0.693)", both((of) => of.logLoss)],
    ["Brier score (a coin: 0.250)", both((of) => of.brier)],
    ["expected calibration error", both((of) => of.reliability.ece)],
    ...truth === null ? [] : [["root mean square of p̂ − p", fixed(truth.rootMeanSquare)]],
    ["the policy's own replies", `mean ${fixed(reward.mean, 2)}, deviation ${fixed(reward.deviation, 2)} nats`],
  ];
}

/** The end of a run that fits a reward model: `json` for `--json`, `table` to read. */
export function rewardSummary(state: Rewarded): Summary {
  const { report, rewardEvaluation } = state;
  const parts = [
    reportText(report),
    judgeTable(rewardEvaluation),
    reliabilityTable(rewardEvaluation),
    table(["figure", "value"], figures(state)),
  ];
  return { json: document(state), table: parts.join("\n\n") };
}
