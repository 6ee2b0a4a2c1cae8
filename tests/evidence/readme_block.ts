/**
 * What the README says of the main job, as a function of its evidence file. A test holds the README to it.
 *
 *     deno run --allow-read --allow-write=README.md tests/evidence/readme_block.ts
 */
import { fixed, percent, shareOfCeiling } from "../../mod.ts";

type BeforeAfter<T> = Readonly<Record<"before" | "after", T>>;
interface Estimated {
  readonly estimate: number;
}

/** One run of the main job with its controls: the parts of a row of `dpo.json` that are shown. */
export interface Run {
  readonly seed: number;
  readonly world: number;
  readonly gold: BeforeAfter<Readonly<Record<"helpful" | "harmless" | "honest" | "mean", number>>>;
  readonly winRate: Estimated & { readonly n: number; readonly ceiling: number };
  readonly accuracy: { readonly heldOut: Estimated; readonly shorterWins: Estimated; readonly bayes: number };
  readonly kl: Estimated;
  readonly rates: { readonly overRefusal: BeforeAfter<number> };
  readonly controls: Readonly<Record<keyof typeof CONTROLS, Estimated>>;
}

const CONTROLS = {
  bestConstant: "the best constant reply",
  sharpened: "the warm start, sharpened to the same KL",
  sftOnChosen: "SFT on the chosen replies, as many tokens",
  shuffledLabels: "DPO on shuffled labels",
  flippedLabels: "DPO on flipped labels",
};

/** The median of a figure over runs, with the lowest and highest: `0.42 (0.39 … 0.45)`. */
function over(runs: readonly Run[], figure: (run: Run) => number, show: (x: number) => string): string {
  const sorted = runs.map(figure).sort((a, b) => a - b);
  const at = (i: number): number => sorted[i] as number;
  const middle = (sorted.length - 1) / 2;
  const median = (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
  return `${show(median)} (${show(at(0))} … ${show(at(sorted.length - 1))})`;
}

const two = (x: number): string => fixed(x, 2);

/** Before and after of a figure, as a row. */
function change(name: string, runs: readonly Run[], pick: (run: Run) => BeforeAfter<number>, show = two): string {
  return `| ${name} | ${over(runs, (r) => pick(r).before, show)} | ${over(runs, (r) => pick(r).after, show)} |`;
}

/** A policy's win rate against the warm start, as a row. */
function contest(name: string, runs: readonly Run[], win: (run: Run) => number): string {
  const reached = (run: Run): number => shareOfCeiling(win(run), run.winRate.ceiling);
  return `| ${name} | ${over(runs, win, percent)} | ${over(runs, reached, percent)} |`;
}

/** The block of the README, as Markdown. */
export function dpoBlock({ command, rows: runs }: { readonly command: string; readonly rows: readonly Run[] }): string {
  const different = (pick: (run: Run) => number): number => new Set(runs.map(pick)).size;
  const gold = (family: keyof Run["gold"]["before"]) => (run: Run): BeforeAfter<number> => ({
    before: run.gold.before[family],
    after: run.gold.after[family],
  });
  const controls = Object.entries(CONTROLS) as readonly [keyof typeof CONTROLS, string][];
  return [
    `Over ${different((r) => r.seed)} seeds and ${different((r) => r.world)} draws of ${runs[0]?.winRate.n} held-out ` +
    `questions each (\`${command}\`): the median run, and in brackets the lowest and the highest.`,
    "",
    "| gold score, 0 to 1 | before | after |",
    "|---|---|---|",
    change("helpful", runs, gold("helpful")),
    change("harmless", runs, gold("harmless")),
    change("honest", runs, gold("honest")),
    change("all", runs, gold("mean")),
    change("_harmless look-alikes declined_", runs, (r) => r.rates.overRefusal, percent),
    "",
    "| against the warm start | win rate, ties half | of the way from ½ to a perfect policy |",
    "|---|---|---|",
    contest("**DPO**", runs, (r) => r.winRate.estimate),
    ...controls.map(([key, name]) => contest(name, runs, (r) => r.controls[key].estimate)),
    "",
    `A perfect policy would win ${over(runs, (r) => r.winRate.ceiling, percent)}. ` +
    `KL(policy ‖ reference) is ${over(runs, (r) => r.kl.estimate, two)} nats a reply. On held-out pairs the implicit ` +
    `reward is right in ${
      over(runs, (r) => r.accuracy.heldOut.estimate, percent)
    }, where the best possible judge of this ` +
    `annotator is right in ${
      over(runs, (r) => r.accuracy.bayes, percent)
    } and the rule that the shorter reply wins in ` +
    `${over(runs, (r) => r.accuracy.shorterWins.estimate, percent)}.`,
  ].join("\n");
}

/** The README with the block of that name replaced. */
export function withBlock(readme: string, name: string, block: string): string {
  const found = new RegExp(`(<!-- evidence:${name} -->)[\\s\\S]*?(<!-- /evidence -->)`);
  return readme.replace(found, (_, start, end) => `${start}\n\n${block}\n\n${end}`);
}

if (import.meta.main) {
  const [readme, evidence] = ["../../README.md", "./dpo.json"].map((path) => new URL(path, import.meta.url)) as [
    URL,
    URL,
  ];
  const block = dpoBlock(JSON.parse(await Deno.readTextFile(evidence)));
  await Deno.writeTextFile(readme, withBlock(await Deno.readTextFile(readme), "dpo", block));
}
