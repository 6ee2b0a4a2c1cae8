/**
 * One decoder, described by data: the pre-norm transformer of the Llama family.
 *
 * Its parameters are a plain record of tensors; `hiddenStates` is a pure function of them and a ragged batch. What
 * differs between training and generation is one argument: how a layer attends.
 */
import { add } from "../grad/ops.ts";
import {
  attention,
  gatherRows,
  linear,
  rmsNorm,
  rotary,
  type RotaryTable,
  rotaryTable,
  siluGate,
} from "../grad/layers.ts";
import { fold, type Key, normal } from "../tensor/random.ts";
import type { Batch } from "../tensor/ragged.ts";
import { build, type Dtype, size, type Tensor } from "../tensor/tensor.ts";
import type { AttentionShape } from "../kernels/kernels.ts";

/** Architecture of a decoder. Each part is a union, so that another kind of it is another case and not another model. */
export interface DecoderConfig {
  /** Token ids are 0 … vocabSize − 1; V in shapes. */
  readonly vocabSize: number;
  /** Width of the residual stream; d in shapes. */
  readonly hiddenSize: number;
  /** Number of layers. */
  readonly layers: number;
  /** Most tokens of a sequence, prompt and completion together. */
  readonly contextLength: number;
  /** Norm before attention, before the MLP and after the last layer; `eps` is added to the mean square. */
  readonly norm: { readonly type: "rms"; readonly eps: number };
  /** How positions enter: rotary angles of base `theta`. */
  readonly positions: { readonly type: "rotary"; readonly theta: number };
  /** Query heads share key/value heads in groups of heads / kvHeads. */
  readonly attention: { readonly heads: number; readonly kvHeads: number; readonly headDim: number };
  /** Feed-forward part: `size` is the width between gate and down. */
  readonly mlp: { readonly type: "gatedSilu"; readonly size: number };
  /** Whether the language-model head is the embedding itself. */
  readonly tiedEmbeddings: boolean;
}

/** Parameters of one layer; matrices are `[out, in]`. */
export interface LayerParams {
  /** Weights of the norm before attention, `[d]`. */
  readonly attentionNorm: Tensor;
  /** `[heads·headDim, d]`. */
  readonly query: Tensor;
  /** `[kvHeads·headDim, d]`. */
  readonly key: Tensor;
  /** `[kvHeads·headDim, d]`. */
  readonly value: Tensor;
  /** From attended values to the residual stream, `[d, heads·headDim]`. */
  readonly output: Tensor;
  /** Weights of the norm before the MLP, `[d]`. */
  readonly mlpNorm: Tensor;
  /** `[mlp.size, d]`. */
  readonly gate: Tensor;
  /** `[mlp.size, d]`. */
  readonly up: Tensor;
  /** From the MLP to the residual stream, `[d, mlp.size]`. */
  readonly down: Tensor;
}

/** Parameters of a decoder; `head` is there where embeddings are not tied. */
export interface DecoderParams {
  /** A row for each token, `[V, d]`. */
  readonly embedding: Tensor;
  /** The layers, first to last. */
  readonly layers: readonly LayerParams[];
  /** Weights of the norm after the last layer, `[d]`. */
  readonly norm: Tensor;
  /** The language-model head where it is not the embedding, `[V, d]`. */
  readonly head?: Tensor;
}

/** How layer `layer` attends from queries to keys and values, each `[T, …]`. */
export type Attend = (qkv: readonly [Tensor, Tensor, Tensor], layer: number) => Tensor;

/** The head counts of a config as kernels want them; scores are scaled by headDim^(−1/2). */
export function attentionShape({ attention }: DecoderConfig): AttentionShape {
  return { ...attention, scale: 1 / Math.sqrt(attention.headDim) };
}

/** Shapes of a layer's parameters. */
function layerShapes(config: DecoderConfig): Readonly<Record<keyof LayerParams, readonly number[]>> {
  const { hiddenSize: d, attention: { heads, kvHeads, headDim }, mlp } = config;
  return {
    attentionNorm: [d],
    query: [heads * headDim, d],
    key: [kvHeads * headDim, d],
    value: [kvHeads * headDim, d],
    output: [d, heads * headDim],
    mlpNorm: [d],
    gate: [mlp.size, d],
    up: [mlp.size, d],
    down: [d, mlp.size],
  };
}

/** A tree of the decoder's structure with `make(name, shape)` at every leaf. */
export function decoderTree(
  config: DecoderConfig,
  make: (path: string, shape: readonly number[]) => Tensor,
): DecoderParams {
  const { vocabSize, hiddenSize, layers, tiedEmbeddings } = config;
  const layer = (i: number): LayerParams =>
    Object.fromEntries(
      Object.entries(layerShapes(config)).map(([name, shape]) => [name, make(`layers.${i}.${name}`, shape)]),
    ) as unknown as LayerParams;
  return {
    embedding: make("embedding", [vocabSize, hiddenSize]),
    layers: Array.from({ length: layers }, (_, i) => layer(i)),
    norm: make("norm", [hiddenSize]),
    ...(tiedEmbeddings ? {} : { head: make("head", [vocabSize, hiddenSize]) }),
  };
}

/** The number of parameters of an architecture, without making them. */
export function parameterCount(config: DecoderConfig): number {
  let count = 0;
  decoderTree(config, (_, shape) => {
    count += size(shape);
    return undefined as unknown as Tensor; // the tree is not looked at
  });
  return count;
}

/**
 * Fresh parameters: matrices normal with deviation 0.02, those that write to the residual stream (output, down) smaller
 * by √(2·layers), norms one.
 *
 * @see Radford et al. 2019, GPT-2, section 2.3
 * @example
 * ```ts
 * import { type DecoderConfig, initDecoder, key } from "@logratio/logratio";
 * const config: DecoderConfig = {
 *   vocabSize: 300,
 *   hiddenSize: 32,
 *   layers: 2,
 *   contextLength: 64,
 *   norm: { type: "rms", eps: 1e-5 },
 *   positions: { type: "rotary", theta: 10_000 },
 *   attention: { heads: 4, kvHeads: 2, headDim: 8 },
 *   mlp: { type: "gatedSilu", size: 88 },
 *   tiedEmbeddings: true,
 * };
 * const params = initDecoder(key(0), config); // params.embedding is [300, 32]
 * ```
 */
export function initDecoder(key: Key, config: DecoderConfig, dtype: Dtype = "f32"): DecoderParams {
  return decoderTree(config, (path, shape) =>
    build(dtype, shape, (out) => {
      if (shape.length === 1) out.fill(1);
      else {
        const deviation = /output|down/.test(path) ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
        out.set(normal(fold(key, path), out.length).map((x) => deviation * x));
      }
    }));
}

/** The language-model head `[V, d]`. */
export function headOf(params: DecoderParams): Tensor {
  return params.head ?? params.embedding;
}

function layerForward(
  p: LayerParams,
  x: Tensor,
  { eps, turn, attend }: {
    eps: number;
    turn: (x: Tensor) => Tensor;
    attend: (qkv: readonly [Tensor, Tensor, Tensor]) => Tensor;
  },
): Tensor {
  const a = rmsNorm(x, p.attentionNorm, eps);
  const attended = attend([turn(linear(a, p.query)), turn(linear(a, p.key)), linear(a, p.value)]);
  const h = add(x, linear(attended, p.output));
  const m = rmsNorm(h, p.mlpNorm, eps);
  return add(h, linear(siluGate(linear(m, p.gate), linear(m, p.up)), p.down));
}

/** The rotary table of a config, for all positions of its context. */
export function rotaryOf(config: DecoderConfig, dtype: Dtype): RotaryTable {
  const { positions, contextLength, attention: { headDim } } = config;
  return rotaryTable(contextLength, { headDim, theta: positions.theta, dtype });
}

/**
 * Final hidden states with a given way to attend: what `hiddenStates` and generation share.
 *
 * @param tokens ids and positions, `[T]` each, and what is added to the embeddings, if anything is, `[T, d]`
 * @returns `[T, d]`, after the last norm
 * @throws {RangeError} if a position is beyond the context
 */
export function forward(
  params: DecoderParams,
  config: DecoderConfig,
  tokens: {
    readonly ids: Int32Array;
    readonly positions: Int32Array;
    readonly rotary: RotaryTable;
    readonly attend: Attend;
    readonly added?: Tensor | undefined;
  },
): Tensor {
  const { ids, positions, attend, added } = tokens;
  const last = positions.reduce((a, b) => Math.max(a, b), 0);
  if (last >= config.contextLength) {
    throw new RangeError(
      `Cannot run the decoder as its context is ${config.contextLength} tokens: a sequence has ${last + 1}`,
    );
  }
  const { eps } = config.norm;
  const turn = (x: Tensor): Tensor => rotary(x, positions, tokens.rotary);
  const embedded = gatherRows(params.embedding, ids);
  const hidden = params.layers.reduce(
    (x, layer, i) => layerForward(layer, x, { eps, turn, attend: (qkv) => attend(qkv, i) }),
    added === undefined ? embedded : add(embedded, added),
  );
  return rmsNorm(hidden, params.norm, eps);
}

/**
 * Final hidden states of a ragged batch, differentiable by the parameters.
 *
 * @param options.added to the embeddings, `[T, d]`: what is known of a token beside its id
 * @returns `[T, d]`
 */
export function hiddenStates(
  params: DecoderParams,
  config: DecoderConfig,
  batch: Batch,
  options: { readonly added?: Tensor | undefined } = {},
): Tensor {
  const shape = attentionShape(config);
  return forward(params, config, {
    ...batch,
    ...options,
    rotary: rotaryOf(config, params.embedding.dtype),
    attend: (qkv) => attention(qkv, batch.segments, shape),
  });
}
