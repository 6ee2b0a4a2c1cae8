/**
 * What a decoder can be, as data: each part is a union, so that another kind of it is another case and not another model.
 *
 * Everything here is plain JSON. A part that is absent has the meaning it has in a Llama.
 */

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

/** Frequencies of rotary angles that are changed for longer contexts. */
export type RotaryScaling =
  | {
    /** Every frequency is divided by `factor`. */
    readonly type: "linear";
    /** ≥ 1. */
    readonly factor: number;
  }
  | {
    /**
     * Llama 3's: with n = originalContextLength · frequency / 2π turns in the original context, a frequency of
     * n > highFrequencyFactor is kept, of n < lowFrequencyFactor divided by `factor`, and between them
     * frequency · ((1 − s)/factor + s), s = (n − lowFrequencyFactor) / (highFrequencyFactor − lowFrequencyFactor).
     */
    readonly type: "llama3";
    /** ≥ 1. */
    readonly factor: number;
    /** Turns below which a frequency is divided. */
    readonly lowFrequencyFactor: number;
    /** Turns above which it is kept. */
    readonly highFrequencyFactor: number;
    /** Tokens of the context before it was stretched. */
    readonly originalContextLength: number;
  };

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
    readonly approximate: "none" | "tanh";
  });

/** Architecture of a decoder. */
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

/** What of an architecture the decoder does not compute yet, in words; undefined if nothing. */
export function uncomputed(config: DecoderConfig): string | undefined {
  const { norm, positions, attention, mlp } = config;
  const missing: readonly (readonly [boolean, string])[] = [
    [norm.type !== "rms", `norm.type ${norm.type}`],
    [norm.placement !== undefined && norm.placement !== "before", `norm.placement ${norm.placement}`],
    [norm.type === "rms" && norm.offset === 1, "norm.offset 1"],
    [positions.type !== "rotary", `positions.type ${positions.type}`],
    [positions.type === "rotary" && positions.size !== undefined, "positions.size"],
    [positions.type === "rotary" && positions.scaling !== undefined, "positions.scaling"],
    [attention.scale !== undefined, "attention.scale"],
    [attention.bias !== undefined, "attention.bias"],
    [attention.queryKeyNorm !== undefined, "attention.queryKeyNorm"],
    [attention.window !== undefined, "attention.window"],
    [attention.softcap !== undefined, "attention.softcap"],
    [mlp.type !== "gatedSilu", `mlp.type ${mlp.type}`],
    [mlp.bias === true, "mlp.bias"],
    [config.embeddingScale !== undefined, "embeddingScale"],
    [config.logitSoftcap !== undefined, "logitSoftcap"],
  ];
  const [first] = missing.filter(([is]) => is);
  return first === undefined ? undefined : `${first[1]} is not computed yet`;
}
