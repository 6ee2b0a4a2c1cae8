/**
 * The decoder's computation: hidden states as a pure function of parameters and a ragged batch.
 *
 * What differs between training and generation is one argument: how a layer attends.
 */
import type { AttentionShape } from "../kernels/kernels.ts";
import { add } from "../grad/ops.ts";
import { attention, gatherRows, rmsNorm, rotary, type RotaryTable, rotaryTable, siluGate } from "../grad/layers.ts";
import type { Batch } from "../tensor/ragged.ts";
import type { Dtype, Tensor } from "../tensor/tensor.ts";
import { type DecoderConfig, type RotaryPositions, uncomputed } from "./architecture.ts";
import type { DecoderParams, LayerParams } from "./decoder.ts";
import { adaptedLayers } from "./lora.ts";
import { project, type Weight } from "./project.ts";

/** How layer `layer` attends from queries to keys and values, each `[T, …]`. */
export type Attend = (qkv: readonly [Tensor, Tensor, Tensor], layer: number) => Tensor;

/** The head counts of a config as kernels want them; scores are scaled by headDim^(−1/2). */
export function attentionShape({ attention: { heads, kvHeads, headDim } }: DecoderConfig): AttentionShape {
  return { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim) };
}

function layerForward(
  p: LayerParams<Weight>,
  x: Tensor,
  { eps, turn, attend }: {
    eps: number;
    turn: (x: Tensor) => Tensor;
    attend: (qkv: readonly [Tensor, Tensor, Tensor]) => Tensor;
  },
): Tensor {
  const a = rmsNorm(x, p.attentionNorm as Tensor, eps);
  const attended = attend([turn(project(a, p.query)), turn(project(a, p.key)), project(a, p.value)]);
  const h = add(x, project(attended, p.output));
  const m = rmsNorm(h, p.mlpNorm as Tensor, eps);
  return add(h, project(siluGate(project(m, p.gate as Weight), project(m, p.up)), p.down));
}

/** The rotary table of a config, for all positions of its context. */
export function rotaryOf(config: DecoderConfig, dtype: Dtype): RotaryTable {
  const { positions, contextLength, attention: { headDim } } = config;
  return rotaryTable(contextLength, { headDim, theta: (positions as RotaryPositions).theta, dtype });
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
  const missing = uncomputed(config);
  if (missing !== undefined) throw new TypeError(`Cannot run the decoder as ${missing}`);
  const last = positions.reduce((a, b) => Math.max(a, b), 0);
  if (last >= config.contextLength) {
    throw new RangeError(
      `Cannot run the decoder as its context is ${config.contextLength} tokens: a sequence has ${last + 1}`,
    );
  }
  const { eps } = config.norm;
  const turn = (x: Tensor): Tensor => rotary(x, positions, tokens.rotary);
  const embedded = gatherRows(params.embedding, ids);
  const hidden = adaptedLayers(params).reduce(
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
