/**
 * The whole road with a real small model, stories260K, where it lies beside the checkout: load, draw stories, prefer by a
 * rule, DPO through the command line, export, reload, draw again, and chat. Only rates are kept: no text of the model's.
 *
 *     deno run -R -W tests/evidence/stories.ts
 */
import {
  decodeCompletion,
  encodePrompt,
  finish,
  fold,
  generate,
  key,
  loadModel,
  loadPolicy,
  type PolicyState,
  run,
  type Share,
  shareInterval,
} from "../../mod.ts";
import { command as chat } from "../../pipelines/chat.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { command } from "../../pipelines/main.ts";
import { summary } from "../../pipelines/summary.ts";
import { llama2cFiles, writeFiles } from "../model/llama2c_files.ts";

const SHARED = new URL("../../../shared/data/", import.meta.url);
const TOKENS = 64; // of a continuation
const SEEDS = [0, 1, 2];

/** What the rule likes: somebody is glad. */
export const isHappy = (story: string): boolean =>
  /\b(happy|happily|happier|glad|smil\w*|laugh\w*|fun|joy)\b/i.test(story);

const WHO = ["a little girl named", "a little boy named", "a cat named", "a big dog named", "a bird named"];
const NAMES = ["Lily", "Tom", "Sue", "Ben", "Mia", "Tim", "Max", "Anna", "Sam", "Jane", "Bob", "Lucy"];

/** How stories begin; every fourth name is for judging alone. */
const openings = (judging: boolean): readonly string[] =>
  NAMES.filter((_, i) => (i % 4 === 3) === judging).flatMap((name) =>
    WHO.flatMap((who) => [`Once upon a time, there was ${who} ${name}.`, `One day, ${who} ${name} went to the park.`])
  );

/** The model in a folder. */
async function modelIn(folder: string): Promise<PolicyState> {
  const ended = await finish(run(loadPolicy(() => loadModel(folder), { name: folder }), { seed: 0, given: {} }));
  if (ended._tag === "Left") throw new Error(ended.left.sentences.join("\n"));
  return ended.right;
}

/** A continuation as ids, and what the rule says of it. */
interface Story {
  readonly ids: readonly number[];
  readonly happy: boolean;
}

/** Continuations of every opening, `samples` of each. */
function stories(
  seed: number,
  model: PolicyState,
  [prompts, samples]: readonly [readonly string[], number],
): Story[][] {
  const { config, policy, tokenizer } = model;
  const starts = prompts.map((prompt) => encodePrompt(tokenizer, prompt));
  const options = { key: fold(key(seed), "stories"), samples, eos: 1, maxNewTokens: TOKENS };
  return generate({ config, params: policy }, starts, options).map((drawn) =>
    drawn.map(({ ids }) => ({ ids: [...ids], happy: isHappy(decodeCompletion(tokenizer, ids)) }))
  );
}

/** The share of happy ones, with Wilson's interval. */
function rateOf(drawn: readonly (readonly Story[])[]): Omit<Share, "ties"> {
  const all = drawn.flat(), estimate = all.filter(({ happy }) => happy).length / all.length;
  return { estimate, ...shareInterval(estimate, all.length), n: all.length };
}

/** What chat.ts says to each opening, as a conversation of its own: the share of happy answers. */
async function chatRate(folder: string, seed: number): Promise<Omit<Share, "ties">> {
  const answers: string[] = [];
  for (const opening of openings(true)) {
    const said: string[] = [];
    const code = await chat({
      args: `--model ${folder} --seed ${seed} --temperature 1 --top-p 1 --max-new-tokens ${TOKENS} --quiet`.split(" "),
      out: (text) => void said.push(text),
      err: (text) => void said.push(text),
      columns: null,
      signal: new AbortController().signal,
      now: () => performance.now() / 1000,
      lines: (async function* (): AsyncGenerator<string, void> {
        yield await Promise.resolve(opening);
      })(),
      isInteractive: false,
      onInterrupt: () => {},
    });
    if (code !== 0) throw new Error(said.join(""));
    answers.push(said.join(""));
  }
  const estimate = answers.filter(isHappy).length / answers.length;
  return { estimate, ...shareInterval(estimate, answers.length), n: answers.length };
}

/** Pairs of a happy continuation and another of the same opening, as rows of token ids. */
function pairsOf(model: PolicyState, seed: number): readonly string[] {
  const prompts = openings(false);
  return stories(seed, model, [prompts, 16]).flatMap((drawn, i) => {
    const [happy, others] = [drawn.filter((s) => s.happy), drawn.filter((s) => !s.happy)];
    const prompt_ids = [...encodePrompt(model.tokenizer, prompts[i] as string)];
    return happy.slice(0, others.length).map(({ ids }, k) => (
      JSON.stringify({ prompt_ids, chosen_ids: ids, rejected_ids: others[k]?.ids })
    ));
  });
}

/** What a seed gives: the rule's rate on openings that training never saw, before and after. */
async function road(seed: number, folder: string): Promise<Readonly<Record<string, unknown>>> {
  const model = await modelIn(`${folder}/stories260K`);
  const pairs = pairsOf(model, seed), run = `${folder}/run${seed}`;
  await Deno.writeTextFile(`${folder}/pairs.jsonl`, pairs.join("\n"));
  const line = `--model ${folder}/stories260K --data ${folder}/pairs.jsonl --out ${run} --seed ${seed} ` +
    "--lr 1e-4 --epochs 2 --batch-size 32 --beta 0.1 --micro-batch 0 --quiet --json";
  const said: string[] = [];
  const code = await command({
    args: line.split(" "),
    out: (text) => void said.push(text),
    err: (text) => void said.push(text),
    columns: null,
    signal: new AbortController().signal,
    now: () => performance.now() / 1000,
  }, { pipelineOf: dpo, settings, summary });
  if (code !== 0) throw new Error(said.join(""));
  const aligned = await modelIn(`${run}/model`);
  const [before, after] = [model, aligned].map((own) => rateOf(stories(1000 + seed, own, [openings(true), 20])));
  const { accuracy, drift } = JSON.parse(said.join(""));
  const chat = {
    before: await chatRate(`${folder}/stories260K`, seed),
    after: await chatRate(`${run}/model`, seed),
  };
  return { seed, pairs: pairs.length, before, after, chat, accuracy: accuracy.heldOut, drift };
}

const isThere = (): Promise<boolean> => Deno.stat(new URL("stories260K.bin", SHARED)).then(() => true, () => false);

if (import.meta.main && !await isThere()) {
  console.log("No stories260K beside the checkout: its evidence stays as it is");
} else if (import.meta.main) {
  const read = (name: string): Promise<Uint8Array<ArrayBuffer>> => Deno.readFile(new URL(name, SHARED));
  const folder = await Deno.makeTempDir();
  await writeFiles(`${folder}/stories260K`, llama2cFiles(await read("stories260K.bin"), await read("tok512.bin")));
  const rows: unknown[] = [];
  for (const seed of SEEDS) rows.push(await road(seed, folder));
  await Deno.remove(folder, { recursive: true });
  await Deno.writeTextFile(
    new URL("stories.json", import.meta.url),
    `${JSON.stringify({ command: "deno run -R -W tests/evidence/stories.ts", tokens: TOKENS, rows }, null, 1)}\n`,
  );
  console.log(JSON.stringify(rows, null, 1));
}
