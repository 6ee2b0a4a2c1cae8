/** What a run is worth, as one JSON document and as the table at its end. */
import {
  bar,
  countOf,
  type Estimate,
  type Figure,
  fixed,
  interval,
  type LikelihoodEvaluation,
  type LoadedState,
  type LoadReport,
  type PairEvaluation,
  percent,
  type PolicyState,
  type ReplyEvaluation,
  reportText,
  type Section,
  shorten,
  table,
} from "../mod.ts";
import type { Summary } from "./main.ts";
import { dataSections, familySection, replyFigures, sampleSection, shareText, winSection } from "./report_sections.ts";

/** The state at the end of a pipeline that aligns. */
export interface Aligned extends LoadedState, PolicyState {
  readonly heldOut: PairEvaluation;
  /** Null where no truth is known. */
  readonly replies: ReplyEvaluation | null;
  /** The accuracy that nobody can beat on the held-out labels; null where the annotator is not known. */
  readonly bayes: number | null;
}

/** Side-by-side samples in the table, and in the JSON. */
const SAMPLES = 12;

const by = (of: Readonly<Record<string, Estimate>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(of).map(([name, { estimate }]) => [name, estimate]));

/** Gold scores by family and in the mean, before and after. */
function goldOf(
  { families, mean }: ReplyEvaluation,
): Readonly<Record<"before" | "after", Readonly<Record<string, number>>>> {
  const side = (which: "before" | "after"): Readonly<Record<string, number>> =>
    by({ ...Object.fromEntries(Object.entries(families).map(([name, of]) => [name, of[which]])), mean: mean[which] });
  return { before: side("before"), after: side("after") };
}

/** What became of the rows. */
export function countsOf({ report, pairs, heldOutPairs }: LoadedState): Readonly<Record<string, number | string>> {
  const shape = report.source?.shape;
  return {
    ...shape && { shape: shape.name },
    pairs: report.kept,
    training: pairs.length,
    heldOut: heldOutPairs.length,
    dropped: countOf(report.dropped),
    truncated: countOf(report.truncated),
  };
}

/** What held-out pairs say; null where none were held out. */
const judged = ({ heldOut }: Aligned): PairEvaluation | null => heldOut.accuracy.n === 0 ? null : heldOut;

/** The document of `--json`. What needs a known truth, or held-out pairs, is null where there are none. */
function document(state: Aligned): Readonly<Record<string, unknown>> {
  const { replies, bayes } = state, heldOut = judged(state);
  return {
    data: countsOf(state),
    gold: replies && goldOf(replies),
    winRate: replies && replies.winRate,
    accuracy: {
      heldOut: heldOut && heldOut.accuracy,
      bayes: heldOut && bayes,
      shorterWins: heldOut && heldOut.shorterWins,
    },
    kl: replies && replies.kl,
    drift: heldOut && heldOut.drift,
    tokens: replies && replies.tokens,
    rates: replies && replies.rates,
    samples: replies && replies.replies.slice(0, SAMPLES).map(({ prompt, before, after }) => (
      { prompt, before: before.text, after: after.text }
    )),
  };
}

/** The state at the end of `sft`. */
export interface Tuned extends PolicyState {
  /** What became of the rows; absent for the world's text. */
  readonly report?: LoadReport;
  readonly demonstrations: readonly unknown[];
  readonly heldOutDemonstrations: readonly unknown[];
  readonly likelihood: LikelihoodEvaluation;
  readonly replies: ReplyEvaluation | null;
}

/** The end of supervised fine-tuning. */
export function sftSummary(state: Tuned): Summary {
  const { report, demonstrations, heldOutDemonstrations, replies } = state;
  const likelihood = heldOutDemonstrations.length === 0 ? null : state.likelihood;
  const nats = (of: Estimate): string => `${interval(of)} nats`;
  const parts = [
    ...report === undefined ? [] : [reportText(report)],
    ...replies === null ? [] : [familyTable(replies), sampleTable(replies)],
    table(["figure", "value, with 95 % interval"], [
      ["texts", `${demonstrations.length}, and ${heldOutDemonstrations.length} held out`],
      ...likelihood === null ? [] : [
        ["held-out loss a token, before", nats(likelihood.before)],
        ["held-out loss a token, after", nats(likelihood.after)],
      ],
    ]),
  ];
  return {
    json: {
      data: {
        texts: demonstrations.length,
        heldOut: heldOutDemonstrations.length,
        ...report && { dropped: countOf(report.dropped), truncated: countOf(report.truncated) },
      },
      nll: likelihood,
      gold: replies && goldOf(replies),
    },
    table: parts.join("\n\n"),
    model: state,
    report: [
      ...likelihood === null ? [] : [likelihoodSection(likelihood)],
      ...replies === null ? [] : [familySection(replies), winSection(replies), sampleSection(replies, SAMPLES)],
      {
        part: "data",
        title: "Texts",
        type: "figures",
        figures: [
          { name: "to learn from", value: String(demonstrations.length) },
          { name: "held out", value: String(heldOutDemonstrations.length) },
        ],
      },
      ...report === undefined ? [] : [
        {
          part: "data",
          title: "What happened to the rows",
          type: "text",
          lines: reportText(report).split("\n"),
        } as const,
      ],
    ],
  };
}

function likelihoodSection({ before, after }: LikelihoodEvaluation): Section {
  return {
    part: "result",
    title: "Held-out text",
    type: "figures",
    figures: [{
      name: "loss a token",
      value: `${fixed(after.estimate)} nats`,
      note: `before: ${fixed(before.estimate)}; 95 % interval ${fixed(after.low)} to ${fixed(after.high)}`,
    }],
  };
}

/** Gold by family, drawn. */
function familyTable({ families, mean }: ReplyEvaluation): string {
  const rows = Object.entries({ ...families, all: mean }).map(([name, { before, after }]) => [
    name,
    interval(before, (x) => fixed(x, 2)),
    interval(after, (x) => fixed(x, 2)),
    bar(after.estimate, 20),
  ]);
  return table(["gold score (0 … 1)", "before", "after", ""], rows);
}

function sampleTable({ replies }: ReplyEvaluation): string {
  const rows = replies.slice(0, SAMPLES).map(({ prompt, before, after }) => [
    shorten(prompt, 44),
    shorten(before.text, 32),
    shorten(after.text, 40),
  ]);
  return table(["held-out prompt", "before", "after"], rows);
}

function figures(state: Aligned): readonly (readonly string[])[] {
  const { replies, bayes } = state, heldOut = judged(state);
  const ofReplies = replies === null ? [] : [
    ["win rate", shareText(replies.winRate)],
    [
      "its ceiling",
      `${percent(replies.winRate.ceiling)} for a perfect policy; ${percent(replies.winRate.share)} of the way from ½`,
    ],
    ["KL(policy ‖ reference)", `${fixed(replies.kl.estimate, 2)} ± ${fixed(replies.kl.standardError, 2)} nats a reply`],
    ["reply length", `${fixed(replies.tokens.before, 1)} → ${fixed(replies.tokens.after, 1)} tokens`],
    ...Object.entries(replies.rates).map((
      [name, { before, after }],
    ) => [name, `${percent(before)} → ${percent(after)}`]),
  ];
  if (heldOut === null) return [...ofReplies, ["held-out pairs", "none: all are learned from"]];
  return [
    ...ofReplies,
    ["accuracy on held-out pairs", shareText(heldOut.accuracy)],
    ["the best possible (Bayes)", bayes === null ? "not known on own data" : percent(bayes)],
    ["the shorter reply wins", shareText(heldOut.shorterWins)],
    [
      "log-probs of chosen, rejected",
      `${fixed(heldOut.drift.chosen, 2)}, ${fixed(heldOut.drift.rejected, 2)} nats since the reference`,
    ],
  ];
}

/** The end of a run that aligns: `json` for `--json`, `table` to read. */
export function summary(state: Aligned): Summary {
  const { report, replies } = state;
  const parts = [
    reportText(report),
    ...replies === null ? [] : [familyTable(replies), sampleTable(replies)],
    table(["figure", "value, with 95 % interval"], figures(state)),
  ];
  return { json: document(state), table: parts.join("\n\n"), model: state, report: sectionsOf(state) };
}

/** The figures of held-out pairs. */
function pairFigures(heldOut: PairEvaluation, bayes: number | null): readonly Figure[] {
  return [
    {
      name: "accuracy on held-out pairs",
      value: percent(heldOut.accuracy.estimate),
      note: bayes === null ? `n = ${heldOut.accuracy.n}` : `the best possible: ${percent(bayes)}`,
    },
    { name: "the shorter reply wins", value: percent(heldOut.shorterWins.estimate), note: "a rule to beat" },
    {
      name: "log-probs since the reference",
      value: `${fixed(heldOut.drift.chosen, 2)}, ${fixed(heldOut.drift.rejected, 2)}`,
      note: "nats, of chosen and rejected replies",
    },
  ];
}

/** What the report says of a run that aligns. */
function sectionsOf(state: Aligned): readonly Section[] {
  const { replies, bayes } = state, heldOut = judged(state);
  const figures = [
    ...replies === null ? [] : replyFigures(replies),
    ...heldOut === null ? [] : pairFigures(heldOut, bayes),
  ];
  const title = replies === null ? "On held-out pairs" : "In figures";
  return [
    ...replies === null ? [] : [familySection(replies), winSection(replies)],
    ...figures.length === 0 ? [] : [{ part: "result", title, type: "figures", figures } as const],
    ...replies === null ? [] : [sampleSection(replies, SAMPLES)],
    ...dataSections(state),
  ];
}
