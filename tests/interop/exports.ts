/** Runs of our pipelines: the folders they write, for others to read, and what they hold in memory, to compare with. */
import { assert, assertEquals } from "@std/assert";
import {
  type DecoderConfig,
  initDecoder,
  key,
  modelFiles,
  type PolicyState,
  readTokenizer,
  type RewardState,
  type SettingFields,
} from "../../mod.ts";
import { dpo, settings as dpoSettings } from "../../pipelines/dpo.ts";
import type { Program } from "../../pipelines/main.ts";
import { reward, settings as rewardSettings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { summary } from "../../pipelines/summary.ts";
import { printed } from "../pipelines/command_line.ts";

/** Models and texts beside the checkout. */
export const SHARED = new URL("../../../shared/reference", import.meta.url).pathname;

/** What a run made. */
export interface Export {
  /** What it wrote: the model, an adapter alone, or a reward model. */
  readonly kind: "model" | "adapter" | "reward";
  readonly folder: string;
  /** The folder that training began with, if there was one. */
  readonly base?: string;
  /** What it held in the end. */
  readonly state: PolicyState & Partial<RewardState>;
}

/** Makes a folder, with what it needs in another. */
export type Making = (out: string, scratch: string) => Promise<Export>;

/** Runs a program with `--out`, and keeps its last state. */
async function runOf<F extends SettingFields, A extends PolicyState>(
  program: Program<F, A>,
  out: string,
  flags: readonly string[],
): Promise<Pick<Export, "folder" | "state">> {
  let last: A | undefined;
  const kept: Program<F, A> = { ...program, summary: (state) => program.summary(last = state as A) };
  const { code, err } = await printed(kept, ...flags, "--quiet", "--out", out);
  assertEquals(code, 0, err);
  return { folder: `${out}/model`, state: last as A };
}

const DPO = { pipelineOf: dpo, settings: dpoSettings, summary };
const REWARD = { pipelineOf: reward, settings: rewardSettings, summary: rewardSummary };
const STEPS = ["--steps", "3", "--batch-size", "4", "--held-out", "0", "--lr", "1e-3"];

/** DPO in the fixture world. */
export const world: Making = async (out) => {
  const flags = ["--pairs", "40", "--prompts", "30", "--steps", "2"];
  return { kind: "model", ...await runOf(DPO, out, flags) };
};

/** DPO of a model beside the checkout on pairs of token ids, with some more flags. */
export function aligned(model: string, flags = ""): Making {
  return async (out, scratch) => await alignedOn(`${SHARED}/hf/${model}`, await idRows(scratch), { out, flags });
}

async function alignedOn(
  base: string,
  data: string,
  { out, flags }: { readonly out: string; readonly flags: string },
): Promise<Export> {
  const more = flags.split(" ").filter(Boolean), adapted = more.includes("--lora-rank") && !more.includes("--merge");
  const made = await runOf(DPO, out, ["--model", base, "--data", data, ...STEPS, ...more]);
  return { kind: adapted ? "adapter" : "model", base, ...made };
}

/** A reward model on a trunk beside the checkout. */
export function rewarding(model: string): Making {
  return async (out, scratch) => {
    const base = `${SHARED}/hf/${model}`, flags = ["--data", await idRows(scratch), ...STEPS, "--validation", "0.2"];
    return { kind: "reward", base, ...await runOf(REWARD, out, ["--model", base, ...flags]) };
  };
}

/** DPO on texts of a model that has the tokenizer of a folder beside the checkout. */
export function speaking(tokenizer: string, flags = ""): Making {
  return async (out, scratch) => {
    const base = `${scratch}/${tokenizer.replaceAll("/", "-")}`, data = `${scratch}/texts.jsonl`;
    await writeTextModel(base, `${SHARED}/templates/${tokenizer}`);
    const row = (i: number): string =>
      JSON.stringify({ prompt: `What is ${i} + ${i}?`, chosen: `It is ${2 * i}.`, rejected: "I do not know." });
    await Deno.writeTextFile(data, Array.from({ length: 16 }, (_, i) => row(i)).join("\n"));
    return await alignedOn(base, data, { out, flags });
  };
}

/** A file of pairs of token ids below 100. */
async function idRows(scratch: string): Promise<string> {
  const path = `${scratch}/ids.jsonl`;
  const ids = (length: number, from: number): readonly number[] =>
    Array.from({ length }, (_, i) => (from * 7919 + i * i * 31 + i * 101) % 100);
  const row = (i: number): string =>
    JSON.stringify({ prompt_ids: ids(5, i), chosen_ids: ids(7, i + 100), rejected_ids: ids(6, i + 200) });
  await Deno.writeTextFile(path, Array.from({ length: 16 }, (_, i) => row(i)).join("\n"));
  return path;
}

const TINY: DecoderConfig = {
  ...{ vocabSize: 640, hiddenSize: 64, layers: 2, contextLength: 128, tiedEmbeddings: false },
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 10000 },
  attention: { heads: 4, kvHeads: 2, headDim: 16 },
  mlp: { type: "gatedSilu", size: 96 },
};

/** Writes a Llama of random weights that reads texts with the tokenizer of a folder. */
async function writeTextModel(folder: string, tokenizerFolder: string): Promise<void> {
  const texts: Record<string, string> = {};
  for (const name of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]) {
    const text = await Deno.readTextFile(`${tokenizerFolder}/${name}`).catch(() => null);
    if (text !== null) texts[name] = text;
  }
  const read = readTokenizer(texts);
  assert(read._tag === "Right");
  await Deno.mkdir(folder, { recursive: true });
  const files = modelFiles({ config: TINY, tokenizer: read.right.tokenizer, policy: initDecoder(key(7), TINY) });
  for (const [name, content] of Object.entries(files)) {
    const parts = typeof content === "string" ? [content] : Array.from(content, (bytes) => Uint8Array.from(bytes));
    await Deno.writeFile(`${folder}/${name}`, await new Blob(parts).bytes());
  }
}
