/**
 * The decoder's parameters: a plain record of tensors, in the shape that its architecture says.
 */
import { fold, type Key, normal } from "../tensor/random.ts";
import { build, type Dtype, type HalfTensor, size, type Tensor } from "../tensor/tensor.ts";
import { checkArchitecture, type DecoderConfig } from "./architecture.ts";
import type { Adapter } from "./lora.ts";

export type { DecoderConfig } from "./architecture.ts";

/**
 * Parameters of one layer, with h = heads·headDim and g = kvHeads·headDim. Matrices are `[out, in]` and multiply as
 * x·Wᵀ; norms have weights, and biases too where they are of type `layer`. An entry is there where the architecture has
 * that part, else absent. `W` is the type of the matrices: tensors, or as a layer multiplies by them.
 */
export interface LayerParams<W = Tensor | HalfTensor> {
  /** Weights of the norm before attention, `[d]`; unless norms are placed `after`. */
  readonly attentionNorm?: Tensor;
  /** Its bias, `[d]`. */
  readonly attentionNormBias?: Tensor;
  /** `[h, d]`; rows are heads one after another. */
  readonly query: W;
  /** `[h]`. */
  readonly queryBias?: Tensor;
  /** `[g, d]`. */
  readonly key: W;
  /** `[g]`. */
  readonly keyBias?: Tensor;
  /** `[g, d]`. */
  readonly value: W;
  /** `[g]`. */
  readonly valueBias?: Tensor;
  /** Weights of the norm of queries, `[headDim]` or `[h]`. */
  readonly queryNorm?: Tensor;
  /** Weights of the norm of keys, `[headDim]` or `[g]`. */
  readonly keyNorm?: Tensor;
  /** From attended values to the residual stream, `[d, h]`. */
  readonly output: W;
  /** `[d]`. */
  readonly outputBias?: Tensor;
  /** Weights of the norm of what attention adds, `[d]`, where norms are placed `after` or `both`. */
  readonly attentionPostNorm?: Tensor;
  /** Its bias, `[d]`. */
  readonly attentionPostNormBias?: Tensor;
  /** Weights of the norm before the MLP, `[d]`; unless norms are placed `after`. */
  readonly mlpNorm?: Tensor;
  /** Its bias, `[d]`. */
  readonly mlpNormBias?: Tensor;
  /** `[mlp.size, d]`, where the MLP has a gate. */
  readonly gate?: W;
  /** `[mlp.size]`. */
  readonly gateBias?: Tensor;
  /** `[mlp.size, d]`. */
  readonly up: W;
  /** `[mlp.size]`. */
  readonly upBias?: Tensor;
  /** From the MLP to the residual stream, `[d, mlp.size]`. */
  readonly down: W;
  /** `[d]`. */
  readonly downBias?: Tensor;
  /** Weights of the norm of what the MLP adds, `[d]`, where norms are placed `after` or `both`. */
  readonly mlpPostNorm?: Tensor;
  /** Its bias, `[d]`. */
  readonly mlpPostNormBias?: Tensor;
}

/** Parameters of a decoder. An entry is there where the architecture has that part, else absent. */
export interface DecoderParams {
  /** A row for each token, `[V, d]`. */
  readonly embedding: Tensor | HalfTensor;
  /** A row for each position, `[contextLength, d]`, where positions are `learned`. */
  readonly positions?: Tensor | HalfTensor;
  /** The layers, first to last. */
  readonly layers: readonly LayerParams[];
  /** Weights of the norm after the last layer, `[d]`. */
  readonly norm: Tensor;
  /** Its bias, `[d]`. */
  readonly normBias?: Tensor;
  /** The language-model head where it is not the embedding, `[V, d]`. */
  readonly head?: Tensor | HalfTensor;
  /** What is added to matrices of the layers, if anything is: then training changes that alone. */
  readonly adapter?: Adapter;
}

/** A decoder and its parameters. */
export interface LanguageModel {
  /** Architecture. */
  readonly config: DecoderConfig;
  /** Parameters of that architecture. */
  readonly params: DecoderParams;
}

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Shapes of the parameters of a norm. */
function normShapes({ norm }: DecoderConfig, name: string, width: number): Shapes {
  return { [name]: [width], ...norm.type === "layer" && { [`${name}Bias`]: [width] } };
}

/** Shapes of a matrix, and of its bias if there is one. */
function weightShapes(name: string, [out, inner]: readonly [number, number], bias: boolean): Shapes {
  return { [name]: [out, inner], ...bias && { [`${name}Bias`]: [out] } };
}

/** Shapes of a layer's parameters. */
function layerShapes(config: DecoderConfig): Shapes {
  const { hiddenSize: d, norm: { placement = "before" }, attention, mlp } = config;
  const { heads, kvHeads, headDim, queryKeyNorm, bias } = attention;
  const [h, g] = [heads * headDim, kvHeads * headDim];
  const [before, after] = [placement !== "after", placement !== "before"];
  const perHead = queryKeyNorm === "head";
  return {
    ...before && normShapes(config, "attentionNorm", d),
    ...weightShapes("query", [h, d], bias !== undefined),
    ...weightShapes("key", [g, d], bias !== undefined),
    ...weightShapes("value", [g, d], bias !== undefined),
    ...queryKeyNorm !== undefined && { queryNorm: [perHead ? headDim : h], keyNorm: [perHead ? headDim : g] },
    ...weightShapes("output", [d, h], bias === "all"),
    ...after && normShapes(config, "attentionPostNorm", d),
    ...before && normShapes(config, "mlpNorm", d),
    ...mlp.type !== "gelu" && weightShapes("gate", [mlp.size, d], mlp.bias ?? false),
    ...weightShapes("up", [mlp.size, d], mlp.bias ?? false),
    ...weightShapes("down", [d, mlp.size], mlp.bias ?? false),
    ...after && normShapes(config, "mlpPostNorm", d),
  };
}

/** The names of a layer's parameters, in order. */
export function layerNames(config: DecoderConfig): readonly string[] {
  return Object.keys(layerShapes(config));
}

/**
 * A tree of the decoder's structure with `make(name, shape)` at every leaf.
 *
 * @throws {RangeError} if sizes of the architecture do not fit each other
 */
export function decoderTree(
  config: DecoderConfig,
  make: (path: string, shape: readonly number[]) => Tensor | HalfTensor,
): DecoderParams {
  checkArchitecture(config);
  const { vocabSize, hiddenSize, layers, contextLength, positions, tiedEmbeddings } = config;
  const all = (shapes: Shapes, prefix = ""): Readonly<Record<string, Tensor | HalfTensor>> =>
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, make(prefix + name, shape)]));
  return {
    embedding: make("embedding", [vocabSize, hiddenSize]),
    ...positions.type === "learned" && { positions: make("positions", [contextLength, hiddenSize]) },
    layers: Array.from(
      { length: layers },
      (_, i) => all(layerShapes(config), `layers.${i}.`) as unknown as LayerParams,
    ),
    ...all(normShapes(config, "norm", hiddenSize)) as unknown as Pick<DecoderParams, "norm" | "normBias">,
    ...tiedEmbeddings ? {} : { head: make("head", [vocabSize, hiddenSize]) },
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
 * by √(2·layers), norms one (their weights, together with the offset of the architecture), biases zero.
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
  const one = config.norm.type === "rms" ? 1 - (config.norm.offset ?? 0) : 1;
  return decoderTree(config, (path, shape) =>
    build(dtype, shape, (out) => {
      if (shape.length === 1) out.fill(/Bias$/.test(path) ? 0 : one);
      else {
        const deviation = /output|down/.test(path) ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
        out.set(normal(fold(key, path), out.length).map((x) => deviation * x));
      }
    }));
}

/** The language-model head `[V, d]`. */
export function headOf(params: DecoderParams): Tensor | HalfTensor {
  return params.head ?? params.embedding;
}
