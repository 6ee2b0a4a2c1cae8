/**
 * The long experiment behind every figure of the main job: seeds × worlds, each with its controls, as JSON.
 *
 *     deno task evidence
 */
import {
  divide,
  finish,
  fold,
  key,
  meanOf,
  pipeline,
  type PolicyState,
  type RefState,
  type ReplyEvaluation,
  run,
} from "../../mod.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { judgeReplies } from "../../pipelines/setup.ts";
import { summary } from "../../pipelines/summary.ts";
import { worldPolicy, worldQuestions } from "../../fixtures/world/shipped.ts";
import { bestConstant, sftOnChosen, sharpened } from "./controls.ts";

type Settings = typeof settings.values;

const SEEDS = [0, 1, 2, 3, 4];
const WORLDS = [0, 1, 2];

/** The state at the end of a run; a failure ends the program. */
async function stateOf<State>(running: Parameters<typeof finish<State>>[0]): Promise<State> {
  const ended = await finish(running);
  if (ended._tag === "Left") throw new Error(ended.left.sentences.join("\n"));
  return ended.right;
}

/** The replies of a state's policy in a world: those of a whole run, as keys know only pipeline and stage. */
async function judged(state: PolicyState & RefState, seed: number, s: Settings): Promise<ReplyEvaluation> {
  const { config, tokenizer, policy, ref } = state;
  const given = { config, tokenizer, policy, ref };
  const { replies } = await stateOf(run(pipeline("dpo", [judgeReplies(s)]), { seed, given }));
  return replies as ReplyEvaluation;
}

/** All of one seed. */
async function seedRun(seed: number): Promise<readonly object[]> {
  const at = <T extends object>(change: T): Settings & T => ({ ...settings.values, ...change });
  const whole = (change: Partial<Settings>) => stateOf(run(dpo(at(change) as Settings), { seed, given: {} }));
  const aligned = await whole({});
  const others = {
    sftOnChosen: await stateOf(run(sftOnChosen(settings.values), { seed, given: {} })),
    shuffledLabels: await whole({ labels: "shuffled" }),
    flippedLabels: await whole({ labels: "flipped" }),
  };
  const rows: object[] = [];
  for (const world of WORLDS) {
    const s = at({ world });
    const replies = await judged(aligned, seed, s);
    const field = { prompts: worldQuestions(s).prompts, before: replies.replies.map((r) => r.before.score) };
    const root = fold(key(seed), "controls");
    const trained: [string, object][] = [];
    for (const [name, state] of Object.entries(others)) {
      const { winRate: { ceiling: _, share: __, ...win }, kl, mean } = await judged(state, seed, s);
      trained.push([name, { ...win, kl: kl.estimate, gold: mean.after.estimate }]);
    }
    const { samples: _, ...figures } = summary({ ...aligned, replies }).json as Record<string, unknown>;
    rows.push({
      seed,
      world,
      ...figures,
      controls: {
        ...Object.fromEntries(trained),
        bestConstant: bestConstant(root, field),
        sharpened: sharpened(root, worldPolicy(), { ...field, kl: replies.kl.estimate }),
      },
    });
    console.error(
      `seed ${seed}, world ${world}: ${divide(meanOf(replies.replies.map((r) => r.after.score))).toFixed(3)}`,
    );
  }
  return rows;
}

const rows: object[] = [];
for (const seed of SEEDS) rows.push(...await seedRun(seed));
const path = new URL("./dpo.json", import.meta.url);
await Deno.writeTextFile(
  path,
  `${JSON.stringify({ command: "deno task evidence", settings: settings.values, rows }, null, 1)}\n`,
);
