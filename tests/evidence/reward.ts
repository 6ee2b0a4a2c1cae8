/**
 * The long experiment behind the figures of the reward model: seeds, each with controls, and every model on questions of
 * three worlds that training never saw, as JSON.
 *
 *     deno task evidence
 */
import { finish, run } from "../../mod.ts";
import { reward, settings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { freshPairs, judgedOn } from "./judged_pairs.ts";

type Settings = typeof settings.values;
type State = Parameters<typeof rewardSummary>[0];

const SEEDS = [0, 1, 2, 3, 4];
const WORLDS = [0, 1, 2];

/** The state at the end of a run; a failure ends the program. */
async function fitted(seed: number, change: Partial<Settings>): Promise<State> {
  const ended = await finish(run(reward({ ...settings.values, ...change }), { seed, given: {} }));
  if (ended._tag === "Left") throw new Error(ended.left.sentences.join("\n"));
  return ended.right;
}

const fresh = WORLDS.map(freshPairs);
const rows: object[] = [];
for (const seed of SEEDS) {
  const state = await fitted(seed, {});
  const blind = seed === SEEDS[0] ? await fitted(seed, { surprise: "ignore" }) : null;
  const truthOf = async (change: Partial<Settings>) => (await fitted(seed, change)).rewardEvaluation!.truth;
  rows.push({
    seed,
    ...rewardSummary(state).json,
    worlds: fresh.map((pairs, world) => ({ world, ...judgedOn(state, pairs) })),
    controls: {
      ...blind && {
        ignoredSurprise: {
          ...blind.rewardEvaluation!.truth,
          worlds: fresh.map((pairs, world) => ({ world, ...judgedOn(blind, pairs) })),
        },
        exactLabels: await truthOf({ labels: "exact" }),
      },
      shuffledLabels: await truthOf({ labels: "shuffled" }),
      twoHundredPairs: await truthOf({ pairs: 200 }),
    },
  });
  const { truth } = state.rewardEvaluation!;
  console.error(`seed ${seed}: ${truth?.accuracy.reward.toFixed(3)} of ${truth?.bayes.toFixed(3)}`);
}
await Deno.writeTextFile(
  new URL("./reward.json", import.meta.url),
  `${JSON.stringify({ command: "deno task evidence", settings: settings.values, rows }, null, 1)}\n`,
);
