/**
 * What a decoder can be, as data: each part is a union, so that another kind of it is another case and not another model.
 *
 * Everything here is plain JSON. A part that is absent has the meaning it has in a Llama.
 */
import type { RotaryScaling } from "../grad/rotary.ts";
import type { Approximate, AttentionShape } from "../kernels/kernels.ts";

/** How residual streams are normed, in every place where the decoder norms them. */
export interface NormPlace {
  /**
   * Where a layer norms. `before`: the inputs of attention and MLP (GPT-2, Llama). `after`: their outputs, before these
   * are added to the residual stream (OLMo 2). `both` (Gemma 2, 3). The norm after the last layer is there always.
   * Default `before`.
   */
  readonly placement?: "before" | "after" | "both";
}

/** x / √(mean x² + eps) · (offset + weight). The norms of queries and keys, where there are some, are of this kind too. */
export interface RmsNorm extends NormPlace {
  /** Root mean square. */
  readonly type: "rms";
  /** Added to the mean square. */
  readonly eps: number;
  /** What is added to the stored weights: 1 in Gemma's files. Default 0. */
  readonly offset?: 0 | 1;
}

/** (x − mean) / √(variance + eps) · weight + bias, with the variance of all, not of a sample. */
export interface LayerNorm extends NormPlace {
  /** Mean and variance. */
  readonly type: "layer";
  /** Added to the variance. */
  readonly eps: number;
}

/**
 * Queries and keys are turned by angles: position p turns the pair (j, j + size/2) of every head by
 * p · theta^(−2j/size), j < size/2 ("rotate half").
 */
export interface RotaryPositions {
  /** Angles. */
  readonly type: "rotary";
  /** The base, `rope_theta`. */
  readonly theta: number;
  /** The first so many numbers of a head are turned, an even number; the rest stays. Default: all, headDim. */
  readonly size?: number;
  /** Changed frequencies. Default: none. */
  readonly scaling?: RotaryScaling;
}

/** A layer that is not told of positions (NoPE). */
export interface NoPositions {
  /** Nothing. */
  readonly type: "none";
}

/** A table of contextLength rows, the parameter `positions`, of which each token's is added to its embedding (GPT-2). */
export interface LearnedPositions {
  /** A table. */
  readonly type: "learned";
}

/** Each layer by its own rule: Gemma 3's two kinds, SmolLM3's layers without rotary. */
export interface PositionsByLayer {
  /** A list. */
  readonly type: "byLayer";
  /** The rule of each layer, first to last, as many as there are layers. */
  readonly layers: readonly (RotaryPositions | NoPositions)[];
}

/** How positions enter. */
export type Positions = RotaryPositions | NoPositions | LearnedPositions | PositionsByLayer;

/** Causal attention; query heads share key/value heads in groups of heads / kvHeads, consecutive ones the same. */
export interface AttentionConfig {
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads, a divisor of `heads`. */
  readonly kvHeads: number;
  /** Numbers of a head; heads · headDim need not be hiddenSize. */
  readonly headDim: number;
  /** Factor on the scores q·k: Gemma's query_pre_attn_scalar^(−1/2). Default headDim^(−1/2). */
  readonly scale?: number;
  /** Which projections add a bias: query, key and value (Qwen 2), or these and output (GPT-2). Default: none. */
  readonly bias?: "queryKeyValue" | "all";
  /**
   * RMS norms of queries and keys before positions enter, with the eps and offset of `norm`: over each `head`, with one
   * weight `[headDim]` for all heads (Qwen 3, Gemma 3), or over the whole `projection`, with weights `[heads·headDim]`
   * and `[kvHeads·headDim]` (OLMo 2). Default: none.
   */
  readonly queryKeyNorm?: "head" | "projection";
  /**
   * How many tokens a query sees, itself included: of window w, position i sees i−w+1 … i. One number for all layers, or
   * a list of one for each, null where all are seen. Default: all are seen.
   */
  readonly window?: number | readonly (number | null)[];
  /** Scaled scores s become softcap · tanh(s / softcap) (Gemma 2). Default: they stay. */
  readonly softcap?: number;
}

/** down · (activation(gate · x) ⊙ (up · x)), or without a gate down · activation(up · x). */
export type MlpConfig =
  & {
    /** The width between: rows of gate and up, columns of down. */
    readonly size: number;
    /** Whether gate, up and down add a bias. Default false. */
    readonly bias?: boolean;
  }
  & ({
    /** With a gate, x·σ(x) of it. */
    readonly type: "gatedSilu";
  } | {
    /** With a gate, gelu of it (Gemma), or without one (GPT-2). */
    readonly type: "gatedGelu" | "gelu";
    /** x·Φ(x) itself, or its form with a tanh (`gelu_new`, `gelu_pytorch_tanh`): ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
    readonly approximate: Approximate;
  });

/**
 * Architecture of a decoder.
 *
 * @example
 * ```ts
 * import { type DecoderConfig, parameterCount } from "@logratio/logratio";
 * const gpt2: DecoderConfig = {
 *   vocabSize: 50_257,
 *   hiddenSize: 768,
 *   layers: 12,
 *   contextLength: 1024,
 *   norm: { type: "layer", eps: 1e-5 },
 *   positions: { type: "learned" },
 *   attention: { heads: 12, kvHeads: 12, headDim: 64, bias: "all" },
 *   mlp: { type: "gelu", approximate: "tanh", size: 3072, bias: true },
 *   tiedEmbeddings: true,
 * };
 * parameterCount(gpt2); // 124,439,808
 * ```
 */
export interface DecoderConfig {
  /** Token ids are 0 … vocabSize − 1; V in shapes. */
  readonly vocabSize: number;
  /** Width of the residual stream; d in shapes. */
  readonly hiddenSize: number;
  /** Number of layers. */
  readonly layers: number;
  /** Most tokens of a sequence, prompt and completion together. */
  readonly contextLength: number;
  /** Norms within the layers and after the last one. */
  readonly norm: RmsNorm | LayerNorm;
  /** How positions enter. */
  readonly positions: Positions;
  /** Attention. */
  readonly attention: AttentionConfig;
  /** Feed-forward part. */
  readonly mlp: MlpConfig;
  /** Factor on the embeddings as they enter the first layer, not as a head: Gemma's √hiddenSize. Default 1. */
  readonly embeddingScale?: number;
  /** Logits z become logitSoftcap · tanh(z / logitSoftcap), wherever they are used (Gemma 2). Default: they stay. */
  readonly logitSoftcap?: number;
  /** Whether the language-model head is the embedding itself. */
  readonly tiedEmbeddings: boolean;
}

/** How positions enter layer `layer`, those of a table apart. */
export function positionsAt({ positions }: DecoderConfig, layer: number): RotaryPositions | NoPositions {
  const own = positions.type === "byLayer" ? positions.layers[layer] as RotaryPositions | NoPositions : positions;
  return own.type === "learned" ? { type: "none" } : own;
}

/** Attention of layer `layer` as kernels want it. */
export function attentionShape({ attention }: DecoderConfig, layer: number): AttentionShape {
  const { heads, kvHeads, headDim, scale = 1 / Math.sqrt(headDim), softcap } = attention;
  const window = typeof attention.window === "object" ? attention.window[layer] : attention.window;
  const seen = window === null || window === undefined ? {} : { window };
  return { heads, kvHeads, headDim, scale, ...seen, ...softcap !== undefined && { softcap } };
}

/**
 * Refuses sizes that do not fit each other.
 *
 * @throws {RangeError} naming the entry
 */
export function checkArchitecture(config: DecoderConfig): void {
  const { layers, positions, attention: { heads, kvHeads, headDim, window, softcap }, logitSoftcap } = config;
  const refuse = (rule: string, value: unknown): never => {
    throw new RangeError(`Cannot make a decoder as ${rule}: current value is ${value}`);
  };
  const count = (name: string, list: readonly unknown[]): void => {
    if (list.length !== layers) refuse(`${name} must have an entry for each of ${layers} layers`, list.length);
  };
  if (heads % kvHeads !== 0) refuse(`attention.kvHeads must divide ${heads} heads`, kvHeads);
  if (positions.type === "byLayer") count("positions.layers", positions.layers);
  if (typeof window === "object") count("attention.window", window);
  for (const w of typeof window === "object" ? window : [window]) {
    if (w !== null && w !== undefined && !(Number.isInteger(w) && w >= 1)) {
      refuse("attention.window must be a whole number ≥ 1", w);
    }
  }
  for (const [name, cap] of Object.entries({ "attention.softcap": softcap, logitSoftcap })) {
    if (cap !== undefined && !(cap > 0)) refuse(`${name} must be > 0`, cap);
  }
  for (let layer = 0; layer < layers; layer++) {
    const own = positionsAt(config, layer);
    if (own.type === "none") continue;
    const { size = headDim } = own;
    if (!(size % 2 === 0 && size > 0 && size <= headDim)) {
      refuse(`rotary size must be an even number of at most headDim ${headDim}`, size);
    }
  }
}
