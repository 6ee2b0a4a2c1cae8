/**
 * The long experiment behind the figures of the reward model: seeds, each with controls, and every model on questions of
 * three worlds that training never saw, as JSON.
 *
 *     deno task evidence
 */
import {
  decodeCompletion,
  encodeCompletion,
  encodePrompt,
  endsOf,
  finish,
  fold,
  generate,
  key,
  logOddsOf,
  type Pair,
  probabilityOf,
  run,
} from "../../mod.ts";
import { reward, settings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { ANNOTATOR } from "../../fixtures/world/annotator.ts";
import { parsePrompt } from "../../fixtures/world/grammar.ts";
import { worldPolicy, worldProbability, worldQuestions } from "../../fixtures/world/shipped.ts";

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

/** Two different replies of the warm start to each question of a world, where it has two. */
function freshPairs(world: number): readonly Pair[] {
  const { config, tokenizer, policy } = worldPolicy();
  const { prompts, maxNewTokens } = worldQuestions({ world, prompts: 600 });
  const ids = prompts.map(({ text }) => encodePrompt(tokenizer, text));
  const sampling = { key: fold(key(world), "replies"), samples: 2, maxNewTokens, ...endsOf(tokenizer) };
  return generate({ config, params: policy }, ids, sampling).flatMap((replies, i): Pair[] => {
    const [chosen, rejected] = replies.map((reply) => decodeCompletion(tokenizer, reply.ids)) as [string, string];
    return chosen === rejected ? [] : [{ id: `${i}`, prompt: prompts[i]?.text as string, chosen, rejected }];
  });
}

/** A reward model against the annotator's probabilities on such pairs, whichever of the two comes first. */
function onFreshPairs({ reward }: Pick<State, "reward">, pairs: readonly Pair[]): object {
  const { config, tokenizer } = worldPolicy();
  const rows = pairs.map((pair) => ({
    id: pair.id,
    prompt: encodePrompt(tokenizer, pair.prompt),
    chosen: encodeCompletion(tokenizer, pair.chosen),
    rejected: encodeCompletion(tokenizer, pair.rejected),
  }));
  const truth = pairs.map(worldProbability(ANNOTATOR));
  const z = logOddsOf(reward, config, rows);
  const mean = (of: (p: number, z: number) => number): number =>
    truth.reduce((sum, p, i) => sum + of(p, z[i] as number), 0) / truth.length;
  const kinds = Map.groupBy(pairs.keys(), (i) => parsePrompt(pairs[i]?.prompt as string)?.kind as string);
  const squareOf = (i: number): number => (probabilityOf(z[i] as number) - (truth[i] as number)) ** 2;
  const byKind = Array.from(
    kinds,
    ([kind, own]) => [kind, Math.sqrt(own.reduce((sum, i) => sum + squareOf(i), 0) / own.length)],
  );
  return {
    n: pairs.length,
    accuracy: mean((p, z) => 0.5 + Math.sign(z) * (p - 0.5)),
    bayes: mean((p) => Math.max(p, 1 - p)),
    rootMeanSquare: Math.sqrt(mean((p, z) => (probabilityOf(z) - p) ** 2)),
    byKind: Object.fromEntries(byKind),
  };
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
    worlds: fresh.map((pairs, world) => ({ world, ...onFreshPairs(state, pairs) })),
    controls: {
      ...blind && {
        ignoredSurprise: {
          ...blind.rewardEvaluation!.truth,
          worlds: fresh.map((pairs, world) => ({ world, ...onFreshPairs(blind, pairs) })),
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
