/** What the README says of the reward model, as a function of its evidence file. */
import { fixed, percent } from "../../mod.ts";
import { over } from "./over_runs.ts";

/** A reward model against the annotator's own probabilities. */
interface Judged {
  readonly accuracy: number;
  readonly bayes: number;
  readonly rootMeanSquare: number;
}

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
  readonly worlds: readonly Judged[];
}

const three = (x: number): string => fixed(x, 3);

/** Judgements as a row. */
function judged(name: string, all: readonly Judged[]): string {
  const cells = [
    over(all, (x) => x.accuracy, percent),
    over(all, (x) => x.bayes, percent),
    over(all, (x) => x.rootMeanSquare, three),
  ];
  return `| ${[name, ...cells].join(" | ")} |`;
}

/** The block of the README, as Markdown. */
export function rewardBlock({ rows }: { readonly rows: readonly RewardRun[] }): string {
  const own = rows.map(({ reward: { accuracy, truth } }): Judged => (
    { accuracy: truth.accuracy.reward, bayes: accuracy.bayes, rootMeanSquare: truth.rootMeanSquare }
  ));
  const words = over(rows, (r) => r.reward.truth.accuracy.linear, percent);
  return [
    `The reward model of \`pipelines/reward.ts\` against the annotator's own probabilities p, over ${rows.length} seeds of ` +
    `${rows[0]?.data.pairs.toLocaleString("en")} pairs; a linear model on words is right in ${words} of the first row.`,
    "",
    "| pairs | right | nobody can beat | root mean square of p̂ − p |",
    "|---|---|---|---|",
    judged("of prompts held out", own),
    judged(
      `of ${rows[0]?.worlds.length} worlds, whose wordings or facts were never asked about`,
      rows.flatMap(({ worlds }) => worlds),
    ),
  ].join("\n");
}
