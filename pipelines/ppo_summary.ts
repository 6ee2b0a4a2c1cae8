/** What a run of PPO is worth: what `dpo` says, what the reward model is worth, and the way from iteration to iteration. */
import {
  analyseRewardHacking,
  bar,
  fixed,
  type Line,
  type MonitorPoint,
  type MonitorState,
  type Section,
  table,
} from "../mod.ts";
import type { Summary } from "./main.ts";
import type { FittedReward } from "./ppo_setup.ts";
import { rewardDocument, rewardJudges } from "./reward_summary.ts";
import { type Aligned, summary } from "./summary.ts";

/** The state at the end of `ppo`. */
export interface Reinforced extends Aligned, MonitorState, FittedReward {}

/** Iterations in the table: all, or evenly chosen ones with the last. */
const ROWS = 16;

/** The course of the run, a row an iteration. */
function courseTable({ curve }: MonitorState): string {
  const every = Math.ceil(curve.length / ROWS);
  const shown = curve.filter(({ iteration }) => iteration % every === 0 || iteration === curve.length - 1);
  const rows = shown.map(({ iteration, proxy, gold, kl, length, diversity, entropy }) => [
    iteration + 1,
    fixed(proxy, 2),
    ...typeof gold !== "number" ? [] : [fixed(gold, 2), bar(gold, 10)],
    ...[kl, length, diversity, entropy].map((x) => fixed(x, 2)),
  ]);
  const gold = curve.some((point) => typeof point.gold === "number") ? ["gold", ""] : [];
  return table(["iteration", "reward", ...gold, "KL", "tokens", "distinct", "entropy"], rows);
}

/** A figure of the rollouts, iteration by iteration. */
function line(name: string, curve: readonly MonitorPoint[], of: (point: MonitorPoint) => unknown): readonly Line[] {
  const points = curve.flatMap((point) => {
    const y = of(point);
    return typeof y === "number" ? [{ x: point.iteration + 1, y, low: y, high: y }] : [];
  });
  return points.length === 0 ? [] : [{ name, points }];
}

/** Reward and truth in one picture, and what the monitor makes of them. */
function hackingSections(curve: readonly MonitorPoint[], sentences: readonly string[]): readonly Section[] {
  return [
    { part: "result", title: "Is the reward gamed?", type: "text", lines: sentences },
    {
      part: "result",
      title: "Reward against truth",
      note: "Means over each iteration's rollouts: the reward in its own unit, gold from 0 to 1.",
      type: "lines",
      unit: "iteration",
      lines: [...line("reward", curve, (p) => p.proxy), ...line("gold", curve, (p) => p.gold)],
    },
  ];
}

/** The end of a run of PPO: `json` for `--json`, `table` to read. */
export function ppoSummary(state: Reinforced): Summary {
  const { report = [], json, table: aligned, ...end } = summary(state);
  const { curve, reward, rewardEvaluation } = state;
  const hacking = analyseRewardHacking(curve);
  const fitted = reward === null ? null : { reward, rewardEvaluation };
  return {
    ...end,
    json: { ...json, reward: fitted && rewardDocument(fitted), curve, rewardHacking: hacking },
    table: [
      aligned,
      ...rewardEvaluation === null ? [] : [rewardJudges(rewardEvaluation)],
      courseTable(state),
      hacking.sentences.join("\n"),
    ].join("\n\n"),
    report: [...report.slice(0, 2), ...hackingSections(curve, hacking.sentences), ...report.slice(2)],
  };
}
