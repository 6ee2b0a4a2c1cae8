/** Sections that the reports of several pipelines share. */
import {
  type BeforeAfter,
  countOf,
  type Estimate,
  type Figure,
  fixed,
  interval,
  type LoadedState,
  percent,
  type ReplyEvaluation,
  reportText,
  type Section,
  type Share,
} from "../mod.ts";

/** A share with its interval and how many cases it is from. */
export const shareText = (of: Share): string => `${interval(of, percent)}, n = ${of.n}, ${of.ties} ties`;

/** Gold by family, before and after. */
export function familySection({ families, mean }: Pick<ReplyEvaluation, "families" | "mean">): Section {
  const rows = Object.entries<BeforeAfter<Estimate>>({ ...families, all: mean });
  return {
    part: "result",
    title: "Gold score of replies to held-out questions",
    note: "By family, from 0 (bad) to 1 (good). Dots are means, lines their 95 % intervals.",
    type: "intervals",
    low: 0,
    high: 1,
    series: ["before", "after"],
    rows: rows.map(([name, { before, after }]) => ({ name, values: [before, after] })),
  };
}

/** How often the replies are better than before, and how often they could be. */
export function winSection({ winRate }: Pick<ReplyEvaluation, "winRate">): Section {
  return {
    part: "result",
    title: "Win rate against the policy it began with",
    note: `Ties count half. ${winRate.n} questions, ${winRate.ties} ties.`,
    type: "intervals",
    low: 0,
    high: 1,
    percent: true,
    series: ["win rate"],
    rows: [{ name: "after against before", values: [winRate] }],
    marks: [{ at: 0.5, name: "no change" }, {
      at: winRate.ceiling,
      name: `a perfect policy, ${percent(winRate.ceiling)}`,
    }],
  };
}

/** The figures of replies that stand for themselves. */
export function replyFigures({ winRate, kl, tokens, rates }: ReplyEvaluation): readonly Figure[] {
  return [
    {
      name: "win rate",
      value: percent(winRate.estimate),
      note: `${percent(winRate.share)} of the way from a half to a perfect policy`,
    },
    {
      name: "KL(policy ‖ reference)",
      value: `${fixed(kl.estimate, 2)} nats`,
      note: `± ${fixed(kl.standardError, 2)} a reply`,
    },
    { name: "reply length", value: `${fixed(tokens.after, 1)} tokens`, note: `before: ${fixed(tokens.before, 1)}` },
    ...Object.entries(rates).map(([name, { before, after }]) => (
      { name: inWords(name), value: percent(after), note: `before: ${percent(before)}` }
    )),
  ];
}

/** `overRefusal` as words. */
const inWords = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** Replies side by side. */
export function sampleSection({ replies }: Pick<ReplyEvaluation, "replies">, most: number): Section {
  return {
    part: "result",
    title: "Side by side",
    note: "The first of the held-out questions, as they come; numbers are gold scores.",
    type: "samples",
    samples: replies.slice(0, most).map(({ prompt, before, after }) => ({
      prompt,
      before: before.text,
      after: after.text,
      scores: { before: before.score, after: after.score },
    })),
  };
}

/** What became of the rows. */
export function dataSections({ report, pairs, heldOutPairs }: LoadedState): readonly Section[] {
  return [
    {
      part: "data",
      title: "Rows",
      type: "figures",
      figures: [
        { name: "rows", value: String(report.rows) },
        { name: "kept", value: String(report.kept) },
        { name: "dropped", value: String(countOf(report.dropped)) },
        { name: "truncated", value: String(countOf(report.truncated)) },
        { name: "to learn from", value: String(pairs.length) },
        { name: "held out", value: String(heldOutPairs.length), note: "no prompt is on both sides" },
      ],
    },
    { part: "data", title: "What happened to them", type: "text", lines: reportText(report).split("\n") },
  ];
}
