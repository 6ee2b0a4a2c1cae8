/** What the training pipelines keep in memory, as far as it is known before a run. */
import {
  type DecoderConfig,
  describeModel,
  type Failure,
  parameterCount,
  type Result,
  right,
  type SettingValues,
} from "../mod.ts";
import { worldVocabulary } from "../fixtures/world/shipped.ts";
import type { Size } from "./explain.ts";
import { type SETUP, SMALL } from "./setup.ts";

type Setup = Pick<SettingValues<typeof SETUP>, "data" | "context" | "model">;

/** What takes memory, or why it cannot be known. */
type Sizes = Promise<Result<Failure, readonly Size[]>>;

const FLOAT = 4;

/** The sizes that follow from the architecture, and from what is to be said of it. */
async function ofArchitecture(
  { data, context, model }: Setup,
  sizes: (config: DecoderConfig, note: string) => readonly Size[],
): Sizes {
  if (model !== null) {
    const read = await describeModel(model);
    return read._tag === "Left" ? read : right(sizes(read.right.config, model));
  }
  if (data === null) return right(sizes(worldVocabulary().config, "the shipped policy"));
  return right(sizes({ ...SMALL, contextLength: context }, "at most: the tokenizer may find fewer tokens in the data"));
}

const floats = (part: string, numbers: number, note = ""): Size => ({ part, numbers, bytes: FLOAT * numbers, note });

/** What training holds beside the parameters themselves. */
function training(parameters: number): readonly Size[] {
  return [
    floats("gradients", parameters),
    floats("AdamW's two moments", 2 * parameters),
  ];
}

/** Numbers that forward and backward pass leave for a token until the step ends; twice as many backward as forward. */
function tokenFloats({ layers, hiddenSize, attention: { heads, kvHeads, headDim }, mlp }: DecoderConfig): number {
  return 3 * layers * (7 * hiddenSize + 3 * (heads + kvHeads) * headDim + 3 * mlp.size);
}

/** Numbers that generation keeps for a token until its answer is complete. */
function cacheFloats({ layers, attention: { kvHeads, headDim } }: DecoderConfig): number {
  return 2 * layers * kvHeads * headDim;
}

/** The rows: counted in the world, a file's size on own data. */
function rows(data: string | null, what: string, count: number): Size {
  if (data === null) {
    return { part: what, numbers: null, bytes: null, note: `${count.toLocaleString("en")} of the world` };
  }
  const readable = Deno.permissions.querySync({ name: "read", path: data }).state === "granted";
  try {
    const bytes = readable ? Deno.statSync(data).size : null;
    const note = readable ? "the file; its rows are known once it is read" : `unknown without permission: -R=${data}`;
    return { part: what, numbers: null, bytes, note };
  } catch {
    return { part: what, numbers: null, bytes: null, note: `there is no file ${data}` };
  }
}

/** Of `dpo`. */
export function alignmentSizes(s: Setup & { readonly pairs: number }): Sizes {
  const scored: Size = { part: "reference log-probs", numbers: null, bytes: null, note: "16 bytes a pair" };
  return ofArchitecture(s, (config, note) => {
    const parameters = parameterCount(config);
    return [
      rows(s.data, "pairs", s.pairs),
      floats("policy", parameters, note),
      floats("reference", parameters, "what the policy began with"),
      s.data === null ? { ...scored, numbers: 2 * s.pairs, bytes: 16 * s.pairs, note: "at most" } : scored,
      ...training(parameters),
    ];
  });
}

/** Numbers of a model with a head of one number in place of the language model's. */
function headed(config: DecoderConfig): number {
  const head = config.tiedEmbeddings ? 0 : config.vocabSize * config.hiddenSize;
  return parameterCount(config) - head + config.hiddenSize;
}

/** Of `ppo`. */
export function reinforcementSizes(
  s: Setup & {
    readonly pairs: number;
    readonly rollouts: number;
    readonly reward: string | null;
    readonly critic: string;
  },
): Sizes {
  return ofArchitecture(s, (config, note) => {
    const policy = parameterCount(config);
    const critic = s.critic === "shared" ? config.hiddenSize : headed(config);
    return [
      rows(s.data, "pairs", s.pairs),
      floats("policy", policy, note),
      floats("reference", policy, "what the policy began with"),
      s.reward === null
        ? floats("reward model", headed(config), "the policy's trunk and a head")
        : { part: "reward", numbers: null, bytes: null, note: `what ${s.reward} takes` },
      floats(
        "critic",
        critic,
        s.critic === "shared" ? "a head on the policy's trunk" : "a trunk of its own and a head",
      ),
      ...training(policy + critic),
      floats("a step, for each token of its batch", tokenFloats(config), "activations and their gradients, about"),
      floats("the KV cache, for each token of the answers under way", cacheFloats(config), "64 answers at a time"),
    ];
  });
}

/** Of `sft`. */
export function textSizes(s: Setup & { readonly passages: number }): Sizes {
  return ofArchitecture(s, (config, note) => {
    const parameters = parameterCount(config);
    return [
      rows(s.data, "texts", s.passages),
      floats("policy", parameters, note),
      floats("reference", parameters, "what the policy began with"),
      ...training(parameters),
    ];
  });
}

/** Of `reward`. */
export function rewardSizes(s: Setup & { readonly pairs: number }): Sizes {
  return ofArchitecture(s, (config, note) => {
    const reward = headed(config);
    return [
      rows(s.data, "pairs", s.pairs),
      floats("policy", parameterCount(config), note),
      floats("reward model", reward, "the policy's trunk and a head"),
      floats("the best reward model so far", reward),
      ...training(reward),
    ];
  });
}

/** Of `score`, whose model is the world's if none is given; what its files have in 16 bits a number stays so. */
export function scoreSizes(s: Setup & { readonly pairs: number }): Sizes {
  return ofArchitecture({ ...s, data: null }, (config, note) => [
    rows(s.data, "rows", s.pairs),
    floats("policy", parameterCount(config), s.model === null ? note : `${note}; half of it if its files have 16 bits`),
  ]);
}
