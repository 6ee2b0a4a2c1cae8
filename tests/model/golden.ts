/** Two small decoders with the figures of a plain float64 implementation: see `meaning` in the fixture. */
import golden from "../../fixtures/oracles/decoder.json" with { type: "json" };
import { type DecoderConfig, type DecoderParams, decoderTree } from "../../lib/model/decoder.ts";
import { type Dtype, tensor } from "../../lib/tensor/tensor.ts";
import { treeMap } from "../../lib/tensor/tree.ts";

/** A prompt and two completions of it. */
export interface TokenPair {
  readonly prompt: Int32Array;
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
}

/** The pairs that both decoders have figures for. */
export const pairs: readonly TokenPair[] = golden.pairs.map(({ prompt, chosen, rejected }) => ({
  prompt: Int32Array.from(prompt),
  chosen: Int32Array.from(chosen),
  rejected: Int32Array.from(rejected),
}));

/** The sequence that both decoders have logits for. */
export const sequence: Int32Array = Int32Array.from(golden.sequence);

/** Strength of the DPO figures. */
export const beta: number = golden.beta;

/** What the plain implementation found for a decoder. */
export interface Figures {
  /** For chosen and rejected of each pair in turn, one number a token. */
  readonly tokenLogps: readonly (readonly number[])[];
  /** [chosen, rejected] of each pair, under the reference. */
  readonly refLogps: readonly (readonly number[])[];
  readonly sftLoss: number;
  readonly dpoLoss: number;
  /** Logits by position of `sequence`. */
  readonly logits: Readonly<Record<string, readonly number[]>>;
  /** [path, flat index, by the SFT loss on chosen, by the DPO loss]. */
  readonly gradients: readonly (readonly [string, number, number, number])[];
}

/** A decoder with its figures. */
export interface Golden {
  readonly config: DecoderConfig;
  readonly params: DecoderParams;
  readonly reference: DecoderParams;
  readonly figures: Figures;
}

/** The names of the decoders: one with tied embeddings and grouped heads, one with a head and a single key/value head. */
export const decoders = ["tied", "untied"] as const;

/** Draws in (−1, 1) whose digits fit any float: the fixture's generator. */
function generator(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(1664525, x) + 1013904223) >>> 0;
    return (x >>> 16) / 32768 - 1;
  };
}

/** A decoder of the fixture in a type of numbers. */
export function decoder(name: (typeof decoders)[number], dtype: Dtype): Golden {
  const { config: c, ...figures } = golden.models[name];
  const config: DecoderConfig = {
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    layers: c.layers,
    contextLength: c.contextLength,
    norm: { type: "rms", eps: c.eps },
    positions: { type: "rotary", theta: c.theta },
    attention: { heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim },
    mlp: { type: "gatedSilu", size: c.mlp },
    tiedEmbeddings: c.tiedEmbeddings,
  };
  const draw = generator(c.seed);
  const params = decoderTree(config, (_path, shape) => {
    const entry = shape.length === 1 ? () => 1 + 0.25 * draw() : () => 0.5 * draw();
    return tensor(shape, Array.from({ length: shape.reduce((a, b) => a * b) }, entry), dtype);
  });
  const reference = treeMap(
    (t, path) => path.endsWith("output") ? tensor(t.shape, Array.from(t.data, (x) => 0.75 * x), dtype) : t,
    params,
  );
  return { config, params, reference, figures: figures as unknown as Figures };
}
