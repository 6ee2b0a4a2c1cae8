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
import { adapterNumbers, isAdapted, type LORA } from "./lora.ts";
import { type SETUP, SMALL } from "./setup.ts";

type Lora = Exclude<keyof typeof LORA, "merge">;
type Source = Pick<SettingValues<typeof SETUP>, "data" | "context" | "model">;
type Setup = Source & Pick<SettingValues<typeof SETUP>, Lora> & { readonly sftEpochs?: number };

/** What takes memory, or why it cannot be known. */
type Sizes = Promise<Result<Failure, readonly Size[]>>;

const FLOAT = 4;

/** A model, and how it is held and trained. */
interface Held {
  readonly config: DecoderConfig;
  /** What is to be said of it. */
  readonly note: string;
  /** Bytes of its parameters. */
  readonly bytes: number;
  /** Numbers of its adapter if it has one: then they alone are trained, and the rest is held once for all. */
  readonly adapter: number | null;
}

/** The sizes that follow from the model. */
async function ofModel(s: Setup, sizes: (held: Held) => readonly Size[]): Sizes {
  const described = await modelOf(s, isAdapted(s) && (s.sftEpochs ?? 0) === 0);
  if (described._tag === "Left") return described;
  const adapter = isAdapted(s) ? await adapterNumbers(s, described.right.config) : right(null);
  return adapter._tag === "Left" ? adapter : right(sizes({ ...described.right, adapter: adapter.right }));
}

async function modelOf(
  { data, context, model }: Source,
  halves: boolean,
): Promise<Result<Failure, Omit<Held, "adapter">>> {
  if (model !== null) {
    const read = await describeModel(model, { halves });
    return read._tag === "Left" ? read : right({ ...read.right, note: model });
  }
  const [config, note] = data === null
    ? [worldVocabulary().config, "the shipped policy"] as const
    : [{ ...SMALL, contextLength: context }, "at most: the tokenizer may find fewer tokens in the data"] as const;
  return right({ config, note, bytes: FLOAT * parameterCount(config) });
}

const floats = (part: string, numbers: number, note = ""): Size => ({ part, numbers, bytes: FLOAT * numbers, note });

/** The policy, and the reference that it began as. */
function policyAndReference({ config, note, bytes, adapter }: Held): readonly Size[] {
  const numbers = parameterCount(config), policy = { part: "policy", numbers, bytes, note };
  return adapter === null
    ? [policy, floats("reference", numbers, "what the policy began with")]
    : [policy, floats("its adapter", adapter), floats("reference", 0, "the policy without its adapter")];
}

/** What is trained of a model with a head of one number, in place of a copy of the policy's trunk an adapter if there is one. */
function headed({ config, adapter }: Held): number {
  const { hiddenSize, vocabSize, tiedEmbeddings } = config;
  return hiddenSize + (adapter ?? parameterCount(config) - (tiedEmbeddings ? 0 : vocabSize * hiddenSize));
}

/** What is said of such a model. */
const headedNote = ({ adapter }: Held, whole: string): string =>
  adapter === null ? whole : "an adapter of the policy's trunk, and a head";

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
  return ofModel(s, (held) => [
    rows(s.data, "pairs", s.pairs),
    ...policyAndReference(held),
    s.data === null ? { ...scored, numbers: 2 * s.pairs, bytes: 16 * s.pairs, note: "at most" } : scored,
    ...training(held.adapter ?? parameterCount(held.config)),
  ]);
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
  return ofModel(s, (held) => {
    const { config } = held, policy = held.adapter ?? parameterCount(config);
    const critic = s.critic === "shared" ? config.hiddenSize : headed(held);
    return [
      rows(s.data, "pairs", s.pairs),
      ...policyAndReference(held),
      s.reward === null
        ? floats("reward model", headed(held), headedNote(held, "the policy's trunk and a head"))
        : { part: "reward", numbers: null, bytes: null, note: `what ${s.reward} takes` },
      floats(
        "critic",
        critic,
        s.critic === "shared" ? "a head on the policy's trunk" : headedNote(held, "a trunk of its own and a head"),
      ),
      ...training(policy + critic),
      floats("a step, for each token of its batch", tokenFloats(config), "activations and their gradients, about"),
      floats("the KV cache, for each token of the answers under way", cacheFloats(config), "64 answers at a time"),
    ];
  });
}

/** Of `sft`. */
export function textSizes(s: Setup & { readonly passages: number }): Sizes {
  return ofModel(s, (held) => [
    rows(s.data, "texts", s.passages),
    ...policyAndReference(held),
    ...training(held.adapter ?? parameterCount(held.config)),
  ]);
}

/** Of `reward`. */
export function rewardSizes(s: Setup & { readonly pairs: number }): Sizes {
  return ofModel(s, (held) => {
    const reward = headed(held), [policy] = policyAndReference(held) as readonly [Size];
    return [
      rows(s.data, "pairs", s.pairs),
      policy,
      floats("reward model", reward, headedNote(held, "the policy's trunk and a head")),
      floats("the best reward model so far", reward),
      ...training(reward),
    ];
  });
}

/** Of `score`, whose model is the world's if none is given; what its files have in 16 bits a number stays so. */
export async function scoreSizes(s: Source & { readonly pairs: number }): Sizes {
  const held = await modelOf({ ...s, data: null }, true);
  if (held._tag === "Left") return held;
  const { config, bytes, note } = held.right;
  return right([rows(s.data, "rows", s.pairs), { part: "policy", numbers: parameterCount(config), bytes, note }]);
}
