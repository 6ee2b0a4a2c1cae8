/** What the card of a model says beside the run's report. */
import { type ModelFacts, parameterCount, type SavedModel } from "../mod.ts";

/** How each pipeline trains, in words. */
const METHODS: Readonly<Record<string, string>> = {
  sft: "supervised fine-tuning on the chosen completions",
  dpo: "preference optimisation on pairs, DPO and its kin (Rafailov et al. 2023)",
  ppo: "reinforcement learning from a reward model, PPO (Ouyang et al. 2022)",
  reward: "fitting rewards to pairs by Bradley and Terry's model (Christiano et al. 2017)",
};

/** What a card is told of a run; `data` is null for the shipped world's. */
export interface About {
  readonly pipeline: string;
  readonly data: string | null;
  readonly merge: boolean;
}

/** Numbers of a model as it is written, without an adapter's: a reward model has a head of its own for the other one. */
function parametersOf(model: SavedModel): number {
  const { config } = model;
  if ("policy" in model) return parameterCount(config);
  const { score, surprise, reader } = model.reward;
  const heads = [score, ...surprise === undefined ? [] : [surprise]].map(({ shape }) => shape.reduce((a, b) => a * b));
  const trunk = parameterCount({ ...config, tiedEmbeddings: true });
  return [trunk, ...heads, reader === undefined ? 0 : parameterCount(config)].reduce((sum, n) => sum + n);
}

/** What is known of a model that a pipeline made. */
export function modelFacts(model: SavedModel, { pipeline, data, merge }: About): ModelFacts {
  const { form, config } = model;
  const adapter = "policy" in model && model.policy.adapter !== undefined && !merge;
  const ofWorld = form === undefined && data === null; // which has a first policy for all that do not train one
  const base = form?.source === undefined
    ? ofWorld && pipeline !== "sft" ? { name: "the fixture world's policy" } : undefined
    : { name: form.source, ...form.revision !== undefined && { revision: form.revision } };
  return {
    name: base === undefined ? `${pipeline}: a model made from nothing` : `${base.name}, ${pipeline}`,
    kind: adapter ? "adapter" : "policy" in model ? "language model" : "reward model",
    architecture: form?.modelType ?? "llama",
    parameters: parametersOf(model),
    method: METHODS[pipeline] ?? pipeline,
    tags: [pipeline, "preference-alignment"],
    ...base && { base },
    limits: [
      base !== undefined && !ofWorld
        ? `It has the licence, the languages and the limits of ${base.name}`
        : data === null
        ? "It speaks the language of an invented village, made for learning, and knows nothing of the world"
        : "It was made from nothing on the data of this run alone: it is small, and knows nothing else",
      "The results were measured by the run itself, on rows held out from its own data; nothing else was measured, and " +
      "nothing is known of its safety",
      "What it prefers is what the people or programs preferred who labelled the data, with their errors",
      `Texts were cut or left out beyond ${config.contextLength} tokens; longer ones were not trained on`,
    ],
  };
}
