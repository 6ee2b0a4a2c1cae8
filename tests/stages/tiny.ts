/** A model so small that its numbers are known, and the way to run a stage to its end. */
import { assert } from "@std/assert";
import { specialId } from "../../lib/data/chat.ts";
import { CHAT_TOKENS, END } from "../../lib/data/chat_tokens.ts";
import { encode } from "../../lib/data/tokenizer.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import type { Event, Metrics } from "../../lib/flow/event.ts";
import type { Merge } from "../../lib/flow/pipeline.ts";
import { finish, run, type RunOptions } from "../../lib/flow/run.ts";
import type { Stage } from "../../lib/flow/stage.ts";
import { type DecoderConfig, type DecoderParams, decoderTree } from "../../lib/model/decoder.ts";
import { tensor, zeros } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";

/** A byte a token. */
export const tokenizer = trainTokenizer([], { vocabSize: 259, specialTokens: CHAT_TOKENS });

export const config = {
  vocabSize: 259,
  hiddenSize: 8,
  layers: 1,
  contextLength: 64,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 100 },
  attention: { heads: 2, kvHeads: 1, headDim: 4 },
  mlp: { type: "gatedSilu", size: 12 },
  tiedEmbeddings: true,
} as const;

/** The architecture of `unigram`. */
export const untied: DecoderConfig = { ...config, norm: { type: "rms", eps: 0 }, tiedEmbeddings: false };

export const end: number = specialId(tokenizer, END);

/** The id of a character. */
export function idOf(character: string): number {
  return encode(tokenizer, character)[0] as number;
}

/**
 * Parameters that draw each token by itself: log π(completion) is a sum of log-probabilities that the test chose. Every
 * layer adds zero and every embedding is ones, so hidden states are ones and a token's logit is its row's first number.
 *
 * @param probs of characters; what is left of 1 is the end token's
 */
export function unigram(probs: Readonly<Record<string, number>>): DecoderParams {
  const logits = new Float64Array(untied.vocabSize).fill(-100);
  const rest = 1 - Object.values(probs).reduce((a, b) => a + b, 0);
  logits[end] = Math.log(rest);
  for (const [character, p] of Object.entries(probs)) logits[idOf(character)] = Math.log(p);
  const ones = (shape: readonly number[]) => tensor(shape, new Float64Array(shape.reduce((a, b) => a * b)).fill(1));
  return decoderTree(untied, (path, shape) => {
    if (path === "embedding" || /norm$/i.test(path)) return ones(shape);
    if (path !== "head") return zeros("f32", shape);
    const width = untied.hiddenSize;
    return tensor(
      shape,
      Float64Array.from({ length: width * logits.length }, (_, i) => i % width === 0 ? logits[i / width] as number : 0),
    );
  });
}

/** The ids of a text, an end token behind it. */
export function ended(text: string): Int32Array {
  return Int32Array.from([...encode(tokenizer, text), end]);
}

/** What a run leaves. */
export interface Finished<State> {
  readonly state: State;
  readonly events: readonly Event[];
  /** Of every step. */
  readonly metrics: readonly Metrics[];
}

/** A stage run to its end. */
export async function finished<Needs, Adds extends object>(
  stage: Stage<Needs, Adds>,
  given: NoInfer<Needs>,
  more: Partial<RunOptions<NoInfer<Needs>>> = {},
): Promise<Finished<Merge<Needs, Adds>>> {
  const events: Event[] = [];
  const result = await finish(run(stage, { seed: 3, given, ...more }), (event) => events.push(event));
  assert(result._tag === "Right", JSON.stringify(result));
  return { state: result.right, events, metrics: events.flatMap((e) => e.type === "step" ? [e.metrics] : []) };
}

/** The numbers of a tree, leaf by leaf. */
export function numbers(tree: unknown): readonly (readonly number[])[] {
  return leaves(tree).map(([, leaf]) => [...leaf.data]);
}
