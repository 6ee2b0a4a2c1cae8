/**
 * The long experiment behind the figures of PPO: seeds × worlds on the pairs that DPO has, and a reward that is gamed, as
 * JSON.
 *
 *     deno task evidence
 */
import { finish, pipeline, run } from "../../mod.ts";
import { ppo, settings } from "../../pipelines/ppo.ts";
import { ppoSummary } from "../../pipelines/ppo_summary.ts";
import { judgeReplies } from "../../pipelines/setup.ts";

type Settings = typeof settings.values;
type State = Parameters<typeof ppoSummary>[0];

const SEEDS = [0, 1, 2, 3, 4];
const WORLDS = [0, 1, 2];

/** A reward that knows little, from an annotator who likes length, and hardly a pull to the reference. */
const GAMED: Partial<Settings> = {
  ...{ rewardPairs: 200, rewardEpochs: 6, lengthBias: 1 },
  ...{ klCoef: 0.001, iterations: 24 },
};

/** The state at the end of a run; a failure ends the program. */
async function stateOf<T>(running: Parameters<typeof finish<T>>[0]): Promise<T> {
  const ended = await finish(running);
  if (ended._tag === "Left") throw new Error(ended.left.sentences.join("\n"));
  return ended.right;
}

const whole = (seed: number, change: Partial<Settings>) =>
  stateOf(run(ppo({ ...settings.values, ...change }), { seed, given: {} }));

/** What is told of a run: all but its texts and bins. */
function figuresOf(state: State): Readonly<Record<string, unknown>> {
  const { samples: _, ...figures } = ppoSummary(state).json as Readonly<Record<string, unknown>>;
  return figures;
}

const rows: object[] = [];
const gamed: object[] = [];
for (const seed of SEEDS) {
  const state = await whole(seed, {});
  const { config, tokenizer, policy, ref } = state;
  for (const world of WORLDS) {
    const judge = pipeline("ppo", [judgeReplies({ ...settings.values, world })]);
    const { replies } = await stateOf(run(judge, { seed, given: { config, tokenizer, policy, ref } }));
    const { curve, rewardHacking, reward, ...figures } = figuresOf({ ...state, replies });
    const families = replies?.families; // with their intervals
    rows.push({ seed, world, ...figures, families, ...world === WORLDS[0] && { curve, rewardHacking, reward } });
    console.error(`seed ${seed}, world ${world}: ${replies?.winRate.share.toFixed(3)} of the way`);
  }
  const game = await whole(seed, GAMED);
  const { gold, winRate, kl, curve, rewardHacking } = figuresOf(game);
  gamed.push({ seed, gold, winRate, kl, curve, rewardHacking });
  console.error(`seed ${seed}, gamed: gold ${game.replies?.mean.after.estimate.toFixed(3)}`);
}
await Deno.writeTextFile(
  new URL("./ppo.json", import.meta.url),
  `${
    JSON.stringify({ command: "deno task evidence", settings: settings.values, gamedBy: GAMED, rows, gamed }, null, 1)
  }\n`,
);
