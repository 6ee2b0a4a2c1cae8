/**
 * The decoder's computation: hidden states as a pure function of parameters and a ragged batch.
 *
 * What differs between training and generation is one argument: how a layer attends. What differs between architectures
 * is said by the config, and read here and nowhere else.
 */
import { gelu, geluGate, siluGate } from "../grad/activations.ts";
import { attention, gatherRows } from "../grad/layers.ts";
import { layerNorm, rmsNorm } from "../grad/norms.ts";
import { checkpoint, isTraced } from "../grad/checkpoint.ts";
import { add, reshape, scale, shift } from "../grad/ops.ts";
import { rotary, type RotaryTable, rotaryTable } from "../grad/rotary.ts";
import type { Batch } from "../tensor/ragged.ts";
import { type Dtype, size, type Tensor } from "../tensor/tensor.ts";
import {
  attentionShape,
  checkArchitecture,
  type DecoderConfig,
  type LayerNorm,
  type MlpConfig,
  positionsAt,
  type RmsNorm,
} from "./architecture.ts";
import { type DecoderParams, layerNames, type LayerParams } from "./decoder.ts";
import { adaptedLayers } from "./lora.ts";
import { project, type Weight } from "./project.ts";

/** How layer `layer` attends from queries to keys and values, each `[T, …]`. */
export type Attend = (qkv: readonly [Tensor, Tensor, Tensor], layer: number) => Tensor;

/** How the decoder runs, whatever it computes. */
export interface ForwardOptions {
  /**
   * Gradient checkpointing: of each layer only what it passes on is kept, and its inside is computed again in the backward
   * walk. Values and gradients keep their bits, memory for a token falls to a tenth and less, time rises by a third.
   * Default false.
   */
  readonly gradientCheckpointing?: boolean;
}

/** Rotary tables of the layers, undefined where one turns nothing; equal ones are one. */
export type RotaryTables = readonly (RotaryTable | undefined)[];

/** The rotary tables of an architecture for positions 0 … length−1. */
export function rotaryTables(config: DecoderConfig, length: number, dtype: Dtype): RotaryTables {
  const made = new Map<string, RotaryTable>();
  return Array.from({ length: config.layers }, (_, layer) => {
    const own = positionsAt(config, layer);
    if (own.type === "none") return undefined;
    const { theta, scaling, size = config.attention.headDim } = own;
    const name = JSON.stringify([theta, size, scaling]);
    const table = made.get(name) ?? rotaryTable(length, { headDim: size, theta, scaling, dtype });
    made.set(name, table);
    return table;
  });
}

/** The norm of the architecture with given weights, and a bias if it is of the kind that has one. */
function normed(x: Tensor, [weight, bias]: readonly (Tensor | undefined)[], norm: RmsNorm | LayerNorm): Tensor {
  if (norm.type === "layer") return layerNorm(x, [weight, bias] as [Tensor, Tensor], norm.eps);
  const factor = norm.offset === 1 ? shift(weight as Tensor, 1) : weight as Tensor;
  return rmsNorm(x, factor, norm.eps);
}

/** The norm of queries or keys, if they have one: of each head, or of the whole row. */
function headsNormed(x: Tensor, weight: Tensor | undefined, { norm, attention }: DecoderConfig): Tensor {
  if (weight === undefined) return x;
  const rows = attention.queryKeyNorm === "head"
    ? reshape(x, [size(x.shape) / attention.headDim, attention.headDim])
    : x;
  const rms: RmsNorm = { ...norm, type: "rms" };
  return reshape(normed(rows, [weight], rms), x.shape);
}

function mlp(p: LayerParams<Weight>, x: Tensor, config: MlpConfig): Tensor {
  return project(mlpInner(p, x, config), [p.down, p.downBias])[0];
}

function mlpInner(p: LayerParams<Weight>, x: Tensor, config: MlpConfig): Tensor {
  const toUp = [p.up, p.upBias] as const;
  if (config.type === "gelu") return gelu(project(x, toUp)[0], config.approximate);
  const [up, gate] = project(x, toUp, [p.gate as Weight, p.gateBias]);
  return config.type === "gatedSilu" ? siluGate(gate, up) : geluGate(gate, up, config.approximate);
}

/** What a layer needs beside its parameters and what enters it. */
interface LayerOptions {
  readonly config: DecoderConfig;
  /** Turns queries, or keys, by their positions. */
  readonly turn: Readonly<Record<"queries" | "keys", (x: Tensor) => Tensor>>;
  readonly attend: (qkv: readonly [Tensor, Tensor, Tensor]) => Tensor;
  /** The rows that are passed on; all if not given. */
  readonly wanted?: Int32Array | undefined;
}

/** One layer: h = x + attention(x), h + mlp(h), each normed before, after or both. */
function layerForward(p: LayerParams<Weight>, x: Tensor, { config, turn, attend, wanted }: LayerOptions): Tensor {
  const { norm } = config;
  const ifThere = (x: Tensor, weight?: Tensor, bias?: Tensor): Tensor =>
    weight === undefined ? x : normed(x, [weight, bias], norm);
  const passed = (x: Tensor): Tensor => wanted === undefined ? x : gatherRows(x, wanted);
  const a = ifThere(x, p.attentionNorm, p.attentionNormBias);
  const toQuery = [p.query, p.queryBias] as const, toKey = [p.key, p.keyBias] as const;
  const toValue = [p.value, p.valueBias] as const;
  const [query, key, value] = wanted === undefined
    ? project(a, toQuery, toKey, toValue)
    : [...project(passed(a), toQuery), ...project(a, toKey, toValue)] as const;
  const q = turn.queries(headsNormed(query, p.queryNorm, config));
  const k = turn.keys(headsNormed(key, p.keyNorm, config));
  const [attended] = project(attend([q, k, value]), [p.output, p.outputBias]);
  const h = add(passed(x), ifThere(attended, p.attentionPostNorm, p.attentionPostNormBias));
  const m = mlp(p, ifThere(h, p.mlpNorm, p.mlpNormBias), config.mlp);
  return add(h, ifThere(m, p.mlpPostNorm, p.mlpPostNormBias));
}

/**
 * Refuses parameters that are not those of the architecture: none is left out in silence, and none missed.
 *
 * @throws {TypeError} naming the layer and what it has
 */
export function checkParams(params: DecoderParams, config: DecoderConfig): void {
  checkArchitecture(config);
  const expected = layerNames(config);
  params.layers.forEach((layer, i) => {
    const names = Object.keys(layer);
    if (names.length === expected.length && expected.every((name) => name in layer)) return;
    throw new TypeError(
      `Cannot run the decoder as layer ${i} must have the parameters ${expected.join(", ")}: it has ${
        names.join(", ")
      }`,
    );
  });
}

/** What enters the first layer: embeddings, scaled, with learned positions and what else is known of a token. */
function embedded(
  params: DecoderParams,
  { positions, embeddingScale }: DecoderConfig,
  tokens: { readonly ids: Int32Array; readonly positions: Int32Array; readonly added?: Tensor | undefined },
): Tensor {
  const rows = gatherRows(params.embedding, tokens.ids);
  const scaled = embeddingScale === undefined ? rows : scale(rows, embeddingScale);
  const placed = positions.type === "learned"
    ? add(scaled, gatherRows(params.positions as Tensor, tokens.positions))
    : scaled;
  return tokens.added === undefined ? placed : add(placed, tokens.added);
}

/** The number of positions that rows of these have: one more than the last. */
function extent(positions: Int32Array): number {
  return positions.reduce((a, b) => Math.max(a, b), 0) + 1;
}

/**
 * Final hidden states with a given way to attend: what `hiddenStates` and generation share. The parameters have been checked.
 *
 * @param tokens ids and positions, `[T]` each, and what is added to the embeddings, if anything is, `[T, d]`
 * @param tokens.wanted the tokens whose states are wanted, all if not given: the last layer passes on no others, and
 * attends from them alone
 * @param tokens.see is shown what enters layer 0, and what each layer passes on
 * @param tokens.forgetful whether a layer's inside is freed when it is done, to be computed again if need be
 * @returns `[T, d]`, or of the wanted tokens, after the last norm
 * @throws {RangeError} if a position is beyond the context
 */
export function forward(
  params: DecoderParams,
  config: DecoderConfig,
  tokens: {
    readonly ids: Int32Array;
    readonly positions: Int32Array;
    readonly rotary: RotaryTables;
    readonly attend: Attend;
    readonly added?: Tensor | undefined;
    readonly wanted?: Int32Array | undefined;
    readonly see?: (state: Tensor) => void;
    readonly forgetful?: boolean;
  },
): Tensor {
  const { positions, attend, see = () => {}, forgetful = false } = tokens;
  const length = extent(positions);
  if (length > config.contextLength) {
    throw new RangeError(
      `Cannot run the decoder as its context is ${config.contextLength} tokens: a sequence has ${length}`,
    );
  }
  const { headDim } = config.attention;
  const first = embedded(params, config, tokens);
  see(first);
  const last = adaptedLayers(params).reduce((x, layer, i) => {
    const table = tokens.rotary[i];
    const turnAt = (positions: Int32Array) => (x: Tensor): Tensor =>
      table === undefined ? x : rotary(x, positions, table, { headDim });
    const wanted = i === config.layers - 1 ? tokens.wanted : undefined;
    const turn = { keys: turnAt(positions), queries: turnAt(wanted?.map((t) => positions[t] as number) ?? positions) };
    const apply = (p: LayerParams<Weight>, x: Tensor): Tensor =>
      layerForward(p, x, { config, turn, attend: (qkv) => attend(qkv, i), wanted });
    const passed = forgetful ? checkpoint(apply, layer, x) : apply(layer, x);
    see(passed);
    return passed;
  }, first);
  return normed(last, [params.norm, params.normBias], config.norm);
}

/**
 * Final hidden states of a ragged batch, differentiable by the parameters.
 *
 * @param options.added to the embeddings, `[T, d]`: what is known of a token beside its id
 * @param options.gradientCheckpointing for memory, see `ForwardOptions`
 * @param options.see is shown the residual stream, `[T, d]`: as it enters layer 0, and after each layer
 * @returns `[T, d]`
 * @throws {TypeError} if the parameters are not those of the architecture
 */
export function hiddenStates(
  params: DecoderParams,
  config: DecoderConfig,
  batch: Batch,
  options: ForwardOptions & { readonly added?: Tensor | undefined; readonly see?: (state: Tensor) => void } = {},
): Tensor {
  checkParams(params, config);
  const length = Math.min(extent(batch.positions), config.contextLength);
  const { gradientCheckpointing = false, ...rest } = options;
  return forward(params, config, {
    ...batch,
    ...rest,
    forgetful: gradientCheckpointing || !isTraced([params, options.added]),
    rotary: rotaryTables(config, length, params.norm.dtype),
    attend: (qkv, layer) => attention(qkv, batch.segments, attentionShape(config, layer)),
  });
}
