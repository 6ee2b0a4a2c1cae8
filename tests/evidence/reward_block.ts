/** What the README says of the reward model, as a function of its evidence file. */
import { fixed, percent } from "../../mod.ts";
import type { Judged } from "./judged_pairs.ts";
import { over } from "./over_runs.ts";

/** A reward model against the annotator's own probabilities: the parts that are shown. */
type Shown = Pick<Judged, "accuracy" | "bayes" | "rootMeanSquare">;

/** One run: the parts of a row of `reward.json` that are shown. */
export interface RewardRun {
  readonly data: { readonly pairs: number };
  readonly reward: {
    readonly accuracy: { readonly bayes: number };
    readonly truth: {
      readonly accuracy: Readonly<Record<"reward" | "linear", number>>;
      readonly rootMeanSquare: number;
    };
  };
  readonly worlds: readonly Shown[];
}

/** One model of `reward_curve.json`: the parts that are shown. */
export interface CurveRun {
  readonly pairs: number;
  readonly labels: string;
  readonly heldOut: Omit<Judged, "byKind">;
  readonly worlds: readonly Shown[];
}

const three = (x: number): string => fixed(x, 3);

/** Judgements as a row. */
function judged(name: string, all: readonly Shown[]): string {
  const cells = [
    over(all, (x) => x.accuracy, percent),
    over(all, (x) => x.bayes, percent),
    over(all, (x) => x.rootMeanSquare, three),
  ];
  return `| ${[name, ...cells].join(" | ")} |`;
}

const whole = (n: number): string => n.toLocaleString("en");

/** What more pairs would teach, as Markdown. */
function curveBlock(rows: readonly CurveRun[]): readonly string[] {
  const [first] = rows;
  const lines = rows.map(({ pairs, labels, heldOut, worlds }) => {
    const lost = (x: Shown): string => percent(x.bayes - x.accuracy);
    const cells = [
      `${whole(pairs)}${labels === "exact" ? ", exact labels" : ""}`,
      lost(heldOut),
      three(heldOut.rootMeanSquare),
      percent(heldOut.rough.ofMeanSquare),
      over(worlds, (x) => x.rootMeanSquare, three),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    `More pairs help, each time less. Of pairs drawn anew (one seed, judged on the same ${
      whole(first?.heldOut.n ?? 0)
    } pairs of prompts ` +
    "that none was fitted to):",
    "",
    "| pairs | lost to the best judge | root mean square of p̂ − p | from hedged or bare right values | in the worlds |",
    "|---|---|---|---|---|",
    ...lines,
    "",
    "Exact labels are the annotator's own probabilities. What is left is largely what the policy's text never taught: in " +
    `${percent(first?.heldOut.rough.share ?? 0)} of the pairs somebody says a right value hedged or bare ` +
    "(_Surely the piano._, where _surely_ never came before what is true), and the model cannot tell it from a wrong one.",
  ];
}

/** The block of the README, as Markdown. */
export function rewardBlock(
  { rows }: { readonly rows: readonly RewardRun[] },
  curve: { readonly rows: readonly CurveRun[] },
): string {
  const own = rows.map(({ reward: { accuracy, truth } }): Shown => (
    { accuracy: truth.accuracy.reward, bayes: accuracy.bayes, rootMeanSquare: truth.rootMeanSquare }
  ));
  const words = over(rows, (r) => r.reward.truth.accuracy.linear, percent);
  return [
    `The reward model of \`pipelines/reward.ts\` against the annotator's own probabilities p, over ${rows.length} seeds of ` +
    `${whole(rows[0]?.data.pairs ?? 0)} pairs; a linear model on words is right in ${words} of the first row.`,
    "",
    "| pairs | right | nobody can beat | root mean square of p̂ − p |",
    "|---|---|---|---|",
    judged("of prompts held out", own),
    judged(
      `of ${rows[0]?.worlds.length} worlds, whose wordings or facts were never asked about`,
      rows.flatMap(({ worlds }) => worlds),
    ),
    "",
    ...curveBlock(curve.rows),
  ].join("\n");
}
