/**
 * Reward models of people's own judgements, Anthropic's hh-rlhf, harmless: accuracy on prompts held out in folds, beside the
 * linear model on words, the shorter reply and both models on labels that a coin has turned. Only figures leave the data.
 *
 *     deno run --allow-read --allow-write=tests/evidence tests/evidence/hh_reward.ts FILE.jsonl.gz
 */
import {
  finish,
  fold,
  key,
  type Pair,
  type PairState,
  pipeline,
  type RewardEvaluation,
  run,
  type Share,
  shareInterval,
  splitByPrompt,
} from "../../mod.ts";
import { uniform } from "../../lib/tensor/random.ts";
import { learnReward, settings } from "../../pipelines/reward.ts";
import { pairsOf } from "../../pipelines/setup.ts";

const FOLDS = 3;
const ROOT = key(0);

const [path] = Deno.args;
if (path === undefined) throw new Error("Cannot fit reward models as the file of pairs must be named");
const chosen = { ...settings.values, data: path, epochs: 2 }; // as with --data

const loaded = await pairsOf(chosen)(ROOT);
if (loaded._tag === "Left") throw new Error(loaded.left.sentences.join("\n"));
const { data, report } = loaded.right;

/** Prompts in parts of one size, none in two. */
function foldsOf(pairs: readonly Pair[], count: number): readonly (readonly Pair[])[] {
  if (count === 1) return [pairs];
  const { train, heldOut } = splitByPrompt(ROOT, pairs, 1 / count);
  return [heldOut, ...foldsOf(train, count - 1)];
}

/** Half of the pairs turned round. */
function turned(pairs: readonly Pair[], seed: number): readonly Pair[] {
  const coins = uniform(fold(fold(ROOT, "turned"), seed), pairs.length);
  return pairs.map((pair, i) =>
    (coins[i] as number) < 0.5 ? pair : { ...pair, chosen: pair.rejected, rejected: pair.chosen }
  );
}

/** A reward model learned from some pairs, judged on others. */
async function judged(given: PairState, seed: number): Promise<RewardEvaluation> {
  const ended = await finish(run(pipeline("reward", learnReward(chosen)), { seed, given: { ...given, report } }));
  if (ended._tag === "Left") throw new Error(ended.left.sentences.join("\n"));
  return ended.right.rewardEvaluation!;
}

/** The share over all folds, each case once. */
function joined(shares: readonly Share[]): Share {
  const n = shares.reduce((sum, share) => sum + share.n, 0);
  const estimate = shares.reduce((sum, share) => sum + share.n * share.estimate, 0) / n;
  return { estimate, ...shareInterval(estimate, n), n, ties: shares.reduce((sum, share) => sum + share.ties, 0) };
}

const parts = foldsOf(data as readonly Pair[], FOLDS);
const folds: Pick<RewardEvaluation, "accuracy">[] = [];
const shuffled: typeof folds = [];
for (const [i, heldOutPairs] of parts.entries()) {
  const pairs = parts.filter((part) => part !== heldOutPairs).flat();
  const { accuracy, scores, temperature } = await judged({ pairs, heldOutPairs }, i);
  folds.push({ accuracy, ...{ logLoss: scores.logLoss, brier: scores.brier, temperature } });
  shuffled.push({ accuracy: (await judged({ pairs: turned(pairs, i), heldOutPairs }, i)).accuracy });
  console.error(`fold ${i}: ${accuracy.reward.estimate.toFixed(3)}, words ${accuracy.linear.estimate.toFixed(3)}`);
}

const over = (rows: typeof folds, judge: keyof RewardEvaluation["accuracy"]): Share =>
  joined(rows.map(({ accuracy }) => accuracy[judge]));
await Deno.writeTextFile(
  new URL("./hh_reward.json", import.meta.url),
  `${
    JSON.stringify(
      {
        data: "hh-rlhf harmless-base, test split (Bai et al. 2022, MIT)",
        settings: { ...settings.values, pairs: null },
        report: { rows: report.rows, kept: report.kept },
        all: { reward: over(folds, "reward"), linear: over(folds, "linear"), length: over(folds, "length") },
        shuffledLabels: { reward: over(shuffled, "reward"), linear: over(shuffled, "linear") },
        folds,
      },
      null,
      1,
    )
  }\n`,
);
