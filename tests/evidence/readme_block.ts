/**
 * What the README says of the main job, of PPO, of the reward model, of speed and of the kernels, as a function of their
 * evidence files. A test holds the README to it.
 *
 *     deno run --allow-read --allow-write=README.md tests/evidence/readme_block.ts
 */
import { percent, shareOfCeiling } from "../../mod.ts";
import { kernelsBlock } from "./kernels_block.ts";
import { type BeforeAfter, change, type Estimated, type Gold, goldRows, over, two } from "./over_runs.ts";
import { ppoBlock } from "./ppo_block.ts";
import { rewardBlock } from "./reward_block.ts";
import { speedBlock } from "./speed_block.ts";

/** One run of the main job with its controls: the parts of a row of `dpo.json` that are shown. */
export interface Run {
  readonly seed: number;
  readonly world: number;
  readonly gold: BeforeAfter<Gold>;
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

/** A policy's win rate against the warm start, as a row. */
function contest(name: string, runs: readonly Run[], win: (run: Run) => number): string {
  const reached = (run: Run): number => shareOfCeiling(win(run), run.winRate.ceiling);
  return `| ${name} | ${over(runs, win, percent)} | ${over(runs, reached, percent)} |`;
}

/** The block of the README, as Markdown. */
export function dpoBlock({ command, rows: runs }: { readonly command: string; readonly rows: readonly Run[] }): string {
  const different = (pick: (run: Run) => number): number => new Set(runs.map(pick)).size;
  const controls = Object.entries(CONTROLS) as readonly [keyof typeof CONTROLS, string][];
  return [
    `Over ${different((r) => r.seed)} seeds and ${different((r) => r.world)} draws of ${runs[0]?.winRate.n} held-out ` +
    `questions each (\`${command}\`): the median run, and in brackets the lowest and the highest.`,
    "",
    ...goldRows(runs),
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

/** The README with every block made anew. */
export async function withEvidence(readme: string, read: (name: string) => Promise<string>): Promise<string> {
  const [dpo, ppo, reward, curve, peers, kernels] = await Promise.all(
    ["dpo", "ppo", "reward", "reward_curve", "peers", "kernels"].map(async (name) =>
      JSON.parse(await read(`${name}.json`))
    ),
  );
  const blocks = {
    ...{ dpo: dpoBlock(dpo), ppo: ppoBlock(ppo, dpo.rows), reward: rewardBlock(reward, curve) },
    ...{ speed: speedBlock(peers), kernels: kernelsBlock(kernels) },
  };
  return Object.entries(blocks).reduce((text, [name, block]) => withBlock(text, name, block), readme);
}

if (import.meta.main) {
  const at = (path: string): URL => new URL(path, import.meta.url);
  const readme = await Deno.readTextFile(at("../../README.md"));
  await Deno.writeTextFile(at("../../README.md"), await withEvidence(readme, (name) => Deno.readTextFile(at(name))));
}
