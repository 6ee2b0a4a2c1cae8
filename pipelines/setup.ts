/**
 * What the training pipelines share: where pairs and first policy come from, and how replies are judged. Without `--data`
 * all three are the fixture world's; with it, they are made from the user's file.
 */
import {
  attempt,
  count,
  demonstrateChosen,
  type DemonstrationState,
  evaluateReplies,
  file,
  fitTokenizer,
  freezeRef,
  initPolicy,
  inputFailure,
  inTenths,
  isTokenPair,
  loadModel,
  loadPairs,
  loadPolicy,
  loadRef,
  type LoadReport,
  number,
  once,
  oneOf,
  type Overflow,
  type Pair,
  type PairRow,
  pairRowReader,
  type PairSource,
  type PairState,
  pipeline,
  type PolicyState,
  type Prompt,
  readTable,
  type RefState,
  type ReplyEvaluation,
  ROW_SHAPES,
  type RowState,
  type SettingValues,
  sftUpdate,
  type Stage,
  text,
  tokenize,
  type VocabularyState,
} from "../mod.ts";
import { isAdapted, LORA, withAdapterOf } from "./lora.ts";
import { ANNOTATOR, type AnnotatorOptions } from "../fixtures/world/annotator.ts";
import { worldDemonstrations } from "../fixtures/world/demonstrations.ts";
import { gold } from "../fixtures/world/gold.ts";
import {
  type PairPrompts,
  worldBayes,
  worldPairs,
  worldPolicy,
  worldProbability,
  worldQuestions,
  worldVocabulary,
} from "../fixtures/world/shipped.ts";

/** How the rows of `--data` are read. */
export const ROWS = oneOf(ROW_SHAPES, {
  help: "own data: how rows say what is chosen; auto: by their columns; pairs: chosen and rejected, as hh-rlhf's too",
});

/** What to go on with. */
export const MODEL = file({
  kind: "model",
  help:
    "a model to begin with: a folder in Hugging Face's form, a safetensors file in one, or org/name[@revision] on the hub",
});

/** The settings that every training pipeline has. */
export const SETUP = {
  data: file({
    help: "preference pairs to train on, .jsonl, .json, .csv or .parquet, also gzipped; without it, the fixture world",
  }),
  rows: ROWS,
  model: MODEL,
  ...LORA,
  refModel: file({
    kind: "model",
    help: "a reference policy of the same architecture; without it, what training begins as",
  }),
  saveDtype: oneOf(["exact", "f32", "f16", "bf16"], {
    help: "element type of the saved weights; exact: each tensor's own where it holds its numbers, else f32",
  }),
  modelHash: text("", { help: "with --model: refuse one of another content; a kept run writes it down" }),
  overflow: oneOf(["refuse", "error", "drop", "keepStart", "keepEnd"], {
    help: "pairs longer than the context; refuse: drop them unless more than 5 % would go",
  }),
  heldOut: number(0.1, { atLeast: 0, below: 1, help: "share of the prompts held out to judge by; 0: learn from all" }),
  context: count(1024, { atLeast: 8, help: "most tokens of prompt and completion, if the model reads so many" }),
  sftEpochs: number(1, {
    atLeast: 0,
    help: "own data: passes over the chosen replies before alignment",
    defaultWith: { model: 0 },
  }),
  pairs: count(6000, { atLeast: 20, help: "world: pairs to learn from" }),
  labels: oneOf(["drawn", "shuffled", "flipped", "exact"], {
    help: "world: the annotator's labels, controls that must not help, or its own probabilities",
  }),
  annotatorTemperature: number(ANNOTATOR.temperature, { above: 0, help: "world: gold difference worth one nat" }),
  lengthBias: number(ANNOTATOR.lengthBias, { help: "world: the annotator's nats for each character more" }),
  errorRate: number(ANNOTATOR.errorRate, { atLeast: 0, atMost: 0.5, help: "world: share of labels turned round" }),
  world: count(0, { help: "world: draws the evaluation prompts" }),
  prompts: count(600, { atLeast: 30, atMost: 1500, help: "world: evaluation prompts" }),
} as const;

type Setup = SettingValues<typeof SETUP>;

/** The settings of pairs and first policy, without those of the questions afterwards. */
type PairSetup = Omit<Setup, "world" | "prompts" | "refModel">;

/** Where the pairs come from; of the world's, which prompts they are of. */
export function pairsOf(s: PairSetup, prompts: PairPrompts = "each"): PairSource<PairRow> {
  return s.data === null
    ? worldPairs({ pairs: s.pairs, labels: s.labels, annotator: annotatorOf(s), prompts })
    : fileSource(s.data, s);
}

function fileSource(path: string, { rows }: Pick<PairSetup, "rows">): PairSource<PairRow> {
  return () => readTable(path, pairRowReader({ name: path, rows }));
}

function annotatorOf(s: PairSetup): AnnotatorOptions {
  return { temperature: s.annotatorTemperature, lengthBias: s.lengthBias, errorRate: s.errorRate };
}

/** The choice of `--overflow` as the library has it: none is the default. */
export function overflowOf({ overflow }: Pick<Setup, "overflow">): { readonly overflow?: Overflow } {
  return overflow === "refuse" ? {} : { overflow };
}

/** Small enough to learn a file of pairs from nothing on a laptop. */
export const SMALL = {
  vocabSize: 1024,
  hiddenSize: 64,
  layers: 2,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 10000 },
  attention: { heads: 4, kvHeads: 2, headDim: 16 },
  mlp: { type: "gatedSilu", size: 172 },
  tiedEmbeddings: true,
} as const;

/**
 * The tokenizer and the architecture: those of a model, which comes with its parameters; the world's; or a tokenizer fitted
 * to the user's pairs and a small decoder.
 */
export function vocabulary(s: PairSetup): Stage<PairState, VocabularyState> {
  if (s.model !== null) return givenModel(s.model, s);
  if (s.data !== null) return fitTokenizer({ ...SMALL, contextLength: s.context });
  return once("vocabulary", worldVocabulary, { needs: [], adds: ["tokenizer", "config"] });
}

/** A model that is there: it is loaded, and that is all. */
function givenModel(
  path: string,
  s: Pick<Setup, "context" | "modelHash" | "loraRank" | "adapter" | "sftEpochs">,
): Stage<object, PolicyState> {
  const halves = isAdapted(s) && s.sftEpochs === 0; // what is not trained stays in the 16 bits that its file has
  return loadPolicy((tell) => loadModel(path, { halves, onProgress: inTenths(tell) }), {
    ...{ name: path, contextLength: s.context, hash: s.modelHash },
  });
}

/** Passes over the chosen replies. */
const imitation = (epochs: number, lr: number) =>
  [demonstrateChosen(), sftUpdate({ batchSize: 32, epochs, lr })] as const;

/** Stages of a model that `vocabulary` has loaded: the settings that chose them say that it has. */
function loaded<Needs, Adds>(stage: Stage<Needs, Adds>): Stage<Omit<Needs, "policy">, Adds> {
  return stage as unknown as Stage<Omit<Needs, "policy">, Adds>;
}

/** The parameters that came with a model, as they are. */
const asLoaded = (): Stage<Pick<PolicyState, "policy">, Pick<PolicyState, "policy">> =>
  once("warmStart", ({ policy }: Pick<PolicyState, "policy">) => ({ policy }), { needs: ["policy"], adds: ["policy"] });

/**
 * The policy before alignment: a given one, the world's shipped one, or one that has learned to give chosen replies; with an
 * adapter, if one is to be trained.
 */
export function warmStart(s: PairSetup): Stage<VocabularyState & RowState, Pick<PolicyState, "policy">> {
  return withAdapterOf(s, unadapted(s));
}

function unadapted(s: PairSetup): Stage<VocabularyState & RowState, Pick<PolicyState, "policy">> {
  if (s.model !== null) {
    return s.sftEpochs === 0 ? loaded(asLoaded()) : loaded(pipeline("warmStart", imitation(s.sftEpochs, 2e-5)));
  }
  if (s.data === null) {
    return once("warmStart", () => ({ policy: worldPolicy().policy }), { needs: [], adds: ["policy"] });
  }
  return s.sftEpochs === 0 ? initPolicy() : pipeline("warmStart", [initPolicy(), ...imitation(s.sftEpochs, 2e-3)]);
}

/** The reference policy: the one that training begins as, or another model, which is never trained and stays as it is stored. */
export function reference({ refModel }: Pick<Setup, "refModel">): Stage<PolicyState, RefState> {
  if (refModel === null) return freezeRef();
  return loadRef((tell) => loadModel(refModel, { halves: true, onProgress: inTenths(tell) }), { name: refModel });
}

/** What fine-tuning begins with: a given model, or fresh parameters. */
export function untuned(
  s: Pick<Setup, "model" | Exclude<keyof typeof LORA, "merge">>,
): Stage<VocabularyState, Pick<PolicyState, "policy">> {
  return withAdapterOf(s, s.model === null ? initPolicy() : loaded(asLoaded()));
}

/** What to learn to say: the world's training text, or the chosen replies of the user's pairs. */
export function demonstrations(
  s:
    & Pick<
      Setup,
      "data" | "rows" | "model" | "modelHash" | "loraRank" | "adapter" | "heldOut" | "context" | "overflow"
    >
    & { readonly passages: number },
): Stage<object, VocabularyState & DemonstrationState & { readonly report?: LoadReport }> {
  const { data, model } = s;
  if (data === null && model !== null) {
    const rule = "the world's text is in the tokens of its own model";
    return attempt("demonstrations", () => inputFailure(`Cannot fine-tune ${model} without --data as ${rule}`));
  }
  if (data === null) {
    return once("demonstrations", () => worldDemonstrations(s.passages), {
      needs: [],
      adds: ["tokenizer", "config", "demonstrations", "heldOutDemonstrations"],
    });
  }
  return pipeline("demonstrations", [
    loadPairs(fileSource(data, s), s),
    model === null ? fitTokenizer({ ...SMALL, contextLength: s.context }) : givenModel(model, { ...s, sftEpochs: 0 }),
    tokenize(overflowOf(s)),
    demonstrateChosen(),
  ]);
}

/** Judges the replies of both policies by the world's gold reward; null where no truth is known. */
export function judgeReplies(
  s: Pick<Setup, "data" | "world" | "prompts">,
): Stage<PolicyState & RefState, { readonly replies: ReplyEvaluation | null }> {
  return s.data === null
    ? evaluateReplies(worldQuestions(s))
    : once("judgeReplies", () => ({ replies: null }), { needs: [], adds: ["replies"] });
}

/** How good a completion truly is; undefined where no truth is known. */
export function truthOf({ data }: Pick<Setup, "data">): ((prompt: Prompt, completion: string) => number) | undefined {
  return data === null ? (prompt, completion) => gold(prompt as string, completion) : undefined;
}

/** The annotator's probability that the chosen reply is the better one; undefined where the annotator is not known. */
export function probabilityOfChosen(s: PairSetup): ((pair: Pair) => number) | undefined {
  return s.data === null ? worldProbability(annotatorOf(s)) : undefined;
}

/** The accuracy that nobody can beat on the held-out labels; null where the annotator is not known. */
export function judgeLabels(s: PairSetup): Stage<PairState, { readonly bayes: number | null }> {
  return once("judgeLabels", ({ heldOutPairs }: PairState) => ({
    bayes: s.data === null
      ? worldBayes(heldOutPairs.filter((pair): pair is Pair => !isTokenPair(pair)), annotatorOf(s))
      : null,
  }), { needs: ["heldOutPairs"], adds: ["bayes"] });
}
