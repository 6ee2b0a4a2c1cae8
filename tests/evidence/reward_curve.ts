/**
 * What more pairs would teach the reward model: pairs drawn anew from the warm start, up to eight times as many as
 * `pipelines/reward.ts` learns from, judged on prompts that none of the models learned from and in three worlds, as JSON.
 *
 *     deno task evidence
 */
import { finish, fold, key, loadPairs, type Pair, pipeline, right, run, splitByPrompt } from "../../mod.ts";
import { learnReward, settings } from "../../pipelines/reward.ts";
import { sampleAskedPairs } from "../../fixtures/make.ts";
import { ANNOTATOR } from "../../fixtures/world/annotator.ts";
import { labelledPairs, type Labels, worldPolicy } from "../../fixtures/world/shipped.ts";
import { freshPairs, judgedOn } from "./judged_pairs.ts";

const SIZES = [3_000, 12_000, 36_000, 100_000];
const WORLDS = [0, 1, 2];
const JUDGED = 3_000;

const root = fold(key(0), "reward curve");
const replies = sampleAskedPairs(fold(root, "pairs"), worldPolicy(), 125_000);

/** The pairs with the annotator's labels, apart by prompt. */
function split(labels: Labels): { readonly train: readonly Pair[]; readonly heldOut: readonly Pair[] } {
  const loaded = labelledPairs(() => replies, { labels, annotator: ANNOTATOR })(fold(root, "labels"));
  if (!("right" in loaded)) throw new Error("Cannot draw labels");
  return splitByPrompt(fold(root, "split"), loaded.right.data, 0.1);
}

/** A reward model of the first so many pairs. The decay in all is that of a run without flags, however many steps. */
async function fitted(train: readonly Pair[], pairs: number): Promise<Parameters<typeof judgedOn>[0]> {
  const weightDecay = settings.values.weightDecay * Math.min(1, settings.values.pairs / pairs);
  const own = { ...settings.values, heldOut: 0, weightDecay };
  const data = train.slice(0, pairs);
  if (data.length < pairs) throw new Error(`Cannot learn from ${pairs} pairs as there are ${data.length}`);
  const report = { rows: pairs, kept: pairs, dropped: [], truncated: [], unread: [] };
  const source = () => right({ data, report });
  const ended = await finish(
    run(pipeline("reward", [loadPairs(source, { heldOut: 0 }), ...learnReward(own)]), { seed: 0, given: {} }),
  );
  if (ended._tag === "Left") throw new Error(ended.left.sentences.join("\n"));
  return ended.right;
}

const worlds = WORLDS.map(freshPairs);
const rows: object[] = [];
for (const labels of ["drawn", "exact"] as const) {
  const { train, heldOut } = split(labels);
  for (const pairs of labels === "drawn" ? SIZES : SIZES.slice(1, 3)) {
    const model = await fitted(train, pairs);
    const own = judgedOn(model, heldOut.slice(0, JUDGED));
    rows.push({
      pairs,
      labels,
      heldOut: own,
      worlds: worlds.map((all, world) => ({ world, ...judgedOn(model, all) })),
    });
    console.error(
      `${pairs} ${labels}: ${own.rootMeanSquare.toFixed(3)}, of it rough ${own.rough.ofMeanSquare.toFixed(2)}`,
    );
  }
}
await Deno.writeTextFile(
  new URL("./reward_curve.json", import.meta.url),
  `${JSON.stringify({ command: "deno task evidence", judged: JUDGED, rows }, null, 1)}\n`,
);
