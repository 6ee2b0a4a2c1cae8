/** What the README says of PPO, as a function of its evidence file and of the main job's. */
import { percent } from "../../mod.ts";
import { type BeforeAfter, type Estimated, type Gold, goldRows, median, over, two } from "./over_runs.ts";

/** One run, judged in one world: the parts of a row of `ppo.json` that are shown. */
export interface PpoRun {
  readonly seed: number;
  readonly world: number;
  readonly gold: BeforeAfter<Gold>;
  readonly winRate: Estimated & { readonly n: number; readonly share: number };
  readonly kl: Estimated;
}

/** A run whose reward was gamed. */
export interface GamedRun {
  readonly seed: number;
  readonly curve: readonly { readonly proxy: number; readonly gold: number; readonly kl: number }[];
  readonly rewardHacking: { readonly verdict: string };
}

/** `ppo.json`, as far as it is shown. */
export interface PpoEvidence {
  readonly command: string;
  readonly rows: readonly PpoRun[];
  readonly gamed: readonly GamedRun[];
}

const last = <T>(list: readonly T[]): T => list.at(-1) as T;

/** The block of the README, as Markdown. `dpo`: the rows of the main job's evidence, on the same pairs. */
export function ppoBlock({ command, rows, gamed }: PpoEvidence, dpo: readonly Omit<PpoRun, "gold">[]): string {
  const different = (pick: (run: PpoRun) => number): number => new Set(rows.map(pick)).size;
  const contest = (name: string, runs: readonly Omit<PpoRun, "gold">[]): string =>
    `| ${name} | ${over(runs, (r) => r.winRate.estimate, percent)} | ${over(runs, (r) => r.winRate.share, percent)} | ${
      over(runs, (r) => r.kl.estimate, two)
    } |`;
  const peak = ({ curve }: GamedRun): number => Math.max(...curve.map((point) => point.gold));
  const gamedBy = (pick: (run: GamedRun) => number): string => two(median(gamed.map(pick)));
  const said = gamed.filter(({ rewardHacking }) => rewardHacking.verdict === "hacked").length;
  return [
    `Over ${different((r) => r.seed)} seeds and ${different((r) => r.world)} draws of ${rows[0]?.winRate.n} held-out ` +
    `questions each (\`${command}\`): the median run, and in brackets the lowest and the highest.`,
    "",
    ...goldRows(rows),
    "",
    "| on the same pairs | win rate, ties half | of the way from ½ to a perfect policy | KL, nats a reply |",
    "|---|---|---|---|",
    contest("**PPO**", rows),
    contest("DPO", dpo),
    "",
    `A reward can be gamed. Fitted to 200 pairs of an annotator who likes length, and with hardly a pull to the ` +
    `reference, it rises in the median run of ${gamed.length} from ${gamedBy((r) => r.curve[0]?.proxy ?? NaN)} to ` +
    `${gamedBy((r) => last(r.curve).proxy)} (in its own unit), while the gold score of the same replies peaks at ` +
    `${gamedBy(peak)} and ends at ${gamedBy((r) => last(r.curve).gold)}, ${
      gamedBy((r) => last(r.curve).kl)
    } nats away. ` +
    `The monitor says so in ${said} of ${gamed.length} runs.`,
  ].join("\n");
}
