/**
 * Adapters: low-rank changes of a decoder's matrices, a record beside its parameters.
 *
 * A model with an adapter is the model's own record with one entry more, so whoever is given parameters needs not know:
 * they run as they are, training changes the adapter alone (see `trainedPart`), and the model without it, the reference,
 * is the same tensors.
 */
import { fold, type Key, uniform } from "../tensor/random.ts";
import { cast, type HalfTensor, type Tensor, tensor, zeros } from "../tensor/tensor.ts";
import type { DecoderParams, LayerParams } from "./decoder.ts";
import { mergedWeight, rowNorms, type Weight, type WeightChange } from "./project.ts";

/** A matrix of a layer by name. */
export type Projection = "query" | "key" | "value" | "output" | "gate" | "up" | "down";

/** The matrices of a layer that an adapter may change. */
export const PROJECTIONS: readonly Projection[] = ["query", "key", "value", "output", "gate", "up", "down"];

/** Changes of some matrices of a layer. */
export type LayerAdapter = Readonly<Partial<Record<Projection, WeightChange>>>;

/** Low-rank changes of a decoder's matrices. */
export interface Adapter {
  /** Of each layer, first to last. */
  readonly layers: readonly LayerAdapter[];
  /** Whether its scales are alpha / √rank rather than alpha / rank: files say alpha. */
  readonly rsLora?: boolean;
}

/** What a fresh adapter is like. */
export interface AdapterOptions {
  /** Rank r of every change. */
  readonly rank: number;
  /** B·A is multiplied by alpha / rank. Default: 2·rank. */
  readonly alpha?: number;
  /** Which matrices are changed. Default: all that the layers have. */
  readonly targets?: readonly Projection[];
  /** Whether B·A is multiplied by alpha / √rank instead. Default false. */
  readonly rsLora?: boolean;
  /** Whether the norms of rows are learned apart from their directions. Default false. */
  readonly dora?: boolean;
}

/** The factor of B·A: alpha / r, or of rsLoRA alpha / √r. */
export function scaleOf(alpha: number, rank: number, rsLora = false): number {
  return alpha / (rsLora ? Math.sqrt(rank) : rank);
}

function checkOptions({ rank, alpha = 2 * rank, targets }: AdapterOptions): void {
  const refuse = (rule: string, value: unknown): never => {
    throw new RangeError(`Cannot make an adapter as ${rule}: current value is ${value}`);
  };
  if (!(Number.isInteger(rank) && rank >= 1)) refuse("rank must be a whole number ≥ 1", rank);
  if (!(alpha > 0 && alpha < Infinity)) refuse("alpha must be > 0 and finite", alpha);
  if (targets?.length === 0) refuse("targets must name at least one matrix", "[]");
  const unknown = targets?.find((name) => !PROJECTIONS.includes(name));
  if (unknown !== undefined) refuse(`targets must be among ${PROJECTIONS.join(", ")}`, unknown);
}

/**
 * A fresh adapter, which changes nothing yet: A uniform in ±1/√in, B zero; in DoRA magnitudes are the norms of rows.
 *
 * @param params the decoder to adapt; they are only looked at
 * @throws {RangeError} if rank or alpha is out of range, or a target is no matrix of the layers
 * @see Hu et al. 2021, "LoRA", section 4.1; He et al. 2015 with a = √5 for the bound, as PEFT initialises
 * @see Kalajdzievski 2023, "A rank stabilization scaling factor for fine-tuning with LoRA"; Liu et al. 2024, "DoRA"
 * @example
 * ```ts
 * import { type DecoderParams, initAdapter, key, withAdapter } from "@logratio/logratio";
 * const adapted = (policy: DecoderParams): DecoderParams =>
 *   withAdapter(policy, initAdapter(key(0), policy, { rank: 8, alpha: 16, targets: ["query", "value"] }));
 * ```
 */
export function initAdapter(key: Key, params: DecoderParams, options: AdapterOptions): Adapter {
  checkOptions(options);
  const { rank, alpha = 2 * rank, targets, rsLora, dora } = options;
  const scale = scaleOf(alpha, rank, rsLora);
  const change = (w: Tensor | HalfTensor, at: Key): WeightChange => {
    const { dtype } = params.norm, [outer, inner] = w.shape as readonly [number, number];
    const draws = uniform(at, rank * inner).map((u) => (2 * u - 1) / Math.sqrt(inner));
    return {
      a: tensor([rank, inner], draws, dtype),
      b: zeros(dtype, [outer, rank]),
      scale,
      ...dora && { magnitude: tensor([outer], rowNorms(cast(w, dtype)), dtype) },
    };
  };
  const layers = params.layers.map((layer, i): LayerAdapter => {
    const names = targets ?? PROJECTIONS.filter((name) => layer[name] !== undefined);
    return Object.fromEntries(names.map((name) => {
      const w = layer[name];
      if (w !== undefined) return [name, change(w, fold(fold(key, i), name))];
      throw new RangeError(`Cannot make an adapter as layer ${i} has no matrix ${name}`);
    }));
  });
  return { layers, ...rsLora && { rsLora } };
}

/** The decoder with an adapter instead of the one it has, if any: no copy. @throws {RangeError} if the numbers of layers differ */
export function withAdapter(params: DecoderParams, adapter: Adapter): DecoderParams {
  const [own, given] = [params.layers.length, adapter.layers.length];
  if (own !== given) {
    throw new RangeError(`Cannot add an adapter as it must have the decoder's ${own} layers: it has ${given}`);
  }
  return { ...params, adapter };
}

/** The decoder as it was without its adapter: the same tensors. */
export function withoutAdapter(params: DecoderParams): DecoderParams {
  const { adapter: _, ...base } = params;
  return base;
}

/** The layers of a decoder, each matrix with what its adapter adds to it. */
export function adaptedLayers({ layers, adapter }: DecoderParams): readonly LayerParams<Weight>[] {
  if (adapter === undefined) return layers;
  return layers.map((layer, i) => {
    const changes = Object.entries(adapter.layers[i] as LayerAdapter) as [Projection, WeightChange][];
    return {
      ...layer,
      ...Object.fromEntries(changes.map(([name, change]) => [name, { base: layer[name], change }])),
    };
  });
}

/**
 * The decoder with its adapter multiplied in: W + scale·B·A for every changed matrix, in DoRA with rows at their
 * magnitudes. Matrices that are not changed are the same tensors.
 *
 * @example
 * ```ts
 * import { type DecoderParams, initAdapter, key, mergeAdapter, unmergeAdapter, withAdapter } from "@logratio/logratio";
 * function thereAndBack(policy: DecoderParams): DecoderParams {
 *   const adapter = initAdapter(key(0), policy, { rank: 4 });
 *   return unmergeAdapter(mergeAdapter(withAdapter(policy, adapter)), adapter); // policy again, to rounding
 * }
 * ```
 */
export function mergeAdapter(params: DecoderParams): DecoderParams {
  const layers = adaptedLayers(params).map((layer) => {
    const matrices = PROJECTIONS.flatMap((name) => layer[name] === undefined ? [] : [[name, layer[name]] as const]);
    return { ...layer, ...Object.fromEntries(matrices.map(([name, weight]) => [name, mergedWeight(weight)])) };
  }) as readonly LayerParams[];
  return { ...withoutAdapter(params), layers };
}

/**
 * The decoder from which `mergeAdapter` made these parameters, to rounding: W′ − scale·B·A.
 *
 * @throws {TypeError} if the adapter is a DoRA, which forgets the norms of the rows it replaces
 */
export function unmergeAdapter(merged: DecoderParams, adapter: Adapter): DecoderParams {
  const negated = adapter.layers.map((layer) =>
    Object.fromEntries(
      Object.entries(layer).map(([name, change]) => {
        if (change.magnitude === undefined) return [name, { ...change, scale: -change.scale }];
        throw new TypeError("Cannot unmerge a DoRA as the norms of the rows that it replaced are not known");
      }),
    )
  );
  return mergeAdapter(withAdapter(merged, { layers: negated }));
}
