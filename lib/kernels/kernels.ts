/**
 * The one interface that every kernel provider implements, in plain words and shapes.
 *
 * Kernels write into arrays they are given and allocate nothing that outlives the call. All matrices are row-major.
 * Arrays are views of the shared memory (see `memory.ts`), so a provider may use their `byteOffset` as an address.
 *
 * **Batch invariance**: an output element depends on its own row, its own column and the inner dimension alone, never
 * on the number of rows, on tile edges, on the batch it travels in, or on a thread. Then the same key gives the same
 * tokens in any batch, and PPO's first ratio is exactly 1. A provider that cannot promise it says how near it stays.
 */

import type { Half } from "./half.ts";

/** The arrays kernels compute with. */
export type Floats = Float32Array | Float64Array;

/** Row and column stride of a matrix, in elements: `[n, 1]` as stored, `[1, n]` transposed. */
export type Strides = readonly [row: number, column: number];

/** Number of `Int32`s that describe one attention segment. */
export const SEGMENT = 6;

/** Sizes of attention. */
export interface AttentionShape {
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads, a divisor of `heads`: consecutive query heads share one. */
  readonly kvHeads: number;
  /** Numbers of a head. */
  readonly headDim: number;
  /** Factor on the scores q·k, usually headDim^(−1/2). */
  readonly scale: number;
  /** How many of its keys a query sees, the last ones, itself included; all if not given. */
  readonly window?: number;
  /** Scaled scores s become softcap · tanh(s / softcap); they stay if not given. */
  readonly softcap?: number;
}

/** How gelu x·Φ(x) is computed: as it is, or by ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
export type Approximate = "none" | "tanh";

/** What AdamW needs to know in one step; `correction1` is 1 − β₁ᵗ and `correction2` is 1 − β₂ᵗ. */
export interface AdamStep {
  /** Gradients are multiplied by it before all else: what clipping leaves of them. */
  readonly factor: number;
  /** Where the update goes: over the gradient, or added to the parameter, and the gradient is only read. */
  readonly into: "g" | "p";
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly correction1: number;
  readonly correction2: number;
}

/** A parameter p in a step of AdamW: its gradient and moments, and the λ it decays by, all of one length. */
export interface AdamwArrays<A extends Floats> {
  readonly g: A;
  readonly m: A;
  readonly v: A;
  readonly p: A;
  readonly decay: number;
}

/** Elementwise functions of one argument; `log1mexp` is log(1 − eˣ) for x < 0. */
export type UnaryOp = "neg" | "exp" | "log" | "square" | "sigmoid" | "logSigmoid" | "log1mexp" | "relu";

/** Elementwise functions of two arguments; one of length 1 stands for all elements. */
export type BinaryOp = "add" | "sub" | "mul" | "div" | "max" | "min";

/** A matrix W `[outer, inner]` that rows are multiplied by, and where the products y `[rows, outer]` go. */
export interface LinearLayer<A extends Floats> {
  readonly weight: A;
  /** W in panels, if it was put into them; see `Kernels.panels`. */
  readonly panels?: A | undefined;
  readonly outer: number;
  readonly y: A;
  readonly beta: 0 | 1;
}

/**
 * A kernel provider for arrays of type `A`.
 *
 * Attention segments are rows of six integers `[start, end, prefixStart, prefixEnd, keyStart, past]`: the query rows
 * are `start … end−1`; query `start + i` sees the key rows `prefixStart … prefixEnd−1` (a shared prompt, possibly
 * empty) and `keyStart … keyStart + past + i` (its own past and itself). In training `keyStart = start` and `past = 0`;
 * in generation the keys are rows of a cache. Key rows are summed in that order.
 */
export interface Kernels<A extends Floats> {
  /** The provider's name, as in `--backend`. */
  readonly name: string;
  /**
   * How far a token's log-probability may be from the same one's in another batch, in nats: 0 where batch invariance is
   * promised, to the last bit.
   */
  readonly batchError: number;
  /** C ← A·B + beta·C with A `[m, k]`, B `[k, n]` by strides and C `[m, n]` with rows `ldc` apart; beta is 0 or 1. */
  gemm(
    m: number,
    n: number,
    k: number,
    a: A,
    aStrides: Strides,
    b: A,
    bStrides: Strides,
    c: A,
    ldc: number,
    beta: 0 | 1,
  ): void;
  /** y ← x·Wᵀ + beta·y for some W at once, each as `gemm` would; x `[rows, inner]`, W `[outer, inner]`, y `[rows, outer]`. */
  linears(rows: number, inner: number, x: A, layers: readonly LinearLayer<A>[]): void;
  /**
   * out ← W once more, in the order in which products of few rows read it, for `linears`; W `[outer, inner]`, out as many
   * numbers, outer a multiple of 8. Missing where nothing is gained by it.
   */
  readonly panels?: (weight: A, outer: number, inner: number, out: A) => void;
  /** out[i] ← bits[i], a number of 16 bits; exact. */
  widen(half: Half, bits: Uint16Array, out: A): void;
  /** out[i] ← table[ids[i]]; table `[V, dim]`, out `[T, dim]`. */
  gatherRows(table: A, ids: Int32Array, out: A, dim: number): void;
  /** out[ids[i]] ← out[ids[i]] + x[i]; x `[T, dim]`, out `[V, dim]`; in order of i. */
  scatterAddRows(x: A, ids: Int32Array, out: A, dim: number): void;
  /** out ← x / √(mean x² + eps) · weight, by rows of `dim`. */
  rmsNorm(x: A, weight: A, out: A, dim: number, eps: number): void;
  /** Gradients of `rmsNorm` for the output gradient `g`: dx is overwritten, dWeight `[dim]` is overwritten. */
  rmsNormBackward(x: A, weight: A, g: A, dx: A, dWeight: A, dim: number, eps: number): void;
  /** out ← (x − mean x) / √(var x + eps) · weight + bias, by rows of `dim`; var is mean (x − mean x)². */
  layerNorm(x: A, weight: A, bias: A, out: A, dim: number, eps: number): void;
  /** Gradients of `layerNorm` for the output gradient `g`: dx, dWeight `[dim]` and dBias `[dim]` are overwritten. */
  layerNormBackward(x: A, weight: A, g: A, dx: A, dWeight: A, dBias: A, dim: number, eps: number): void;
  /**
   * Rotary embedding of x `[T, heads, headDim]`: the pair (j, j + size/2) turns by the angle of its position, whose
   * cosines and sines are the row `positions[t]` of `cos` and `sin` `[P, size/2]`; `size` is headDim if not given, and
   * numbers of a head from `size` on stay. `direction` −1 turns back.
   */
  rotary(
    x: A,
    positions: Int32Array,
    cos: A,
    sin: A,
    out: A,
    heads: number,
    headDim: number,
    direction: 1 | -1,
    size?: number,
  ): void;
  /**
   * out `[Q, heads, headDim]` ← softmax(scale · q·kᵀ)·v over each query's keys; lse `[Q, heads]` ← log Σ exp(scores).
   * With a window w these keys are the last w of them, with a softcap the scores are capped. Rows no segment names
   * become 0.
   */
  attention(q: A, k: A, v: A, segments: Int32Array, out: A, lse: A, shape: AttentionShape): void;
  /**
   * Gradients of `attention` for the output gradient `g`: dq, dk, dv are overwritten (rows no segment names become 0).
   */
  attentionBackward(
    q: A,
    k: A,
    v: A,
    out: A,
    lse: A,
    g: A,
    segments: Int32Array,
    dq: A,
    dk: A,
    dv: A,
    shape: AttentionShape,
  ): void;
  /** out ← silu(gate) · up, silu(x) = x·σ(x). */
  siluGate(gate: A, up: A, out: A): void;
  /** Gradients of `siluGate`. */
  siluGateBackward(gate: A, up: A, g: A, dGate: A, dUp: A): void;
  /** out ← gelu(gate) · up. */
  geluGate(gate: A, up: A, out: A, approximate: Approximate): void;
  /** Gradients of `geluGate`. */
  geluGateBackward(gate: A, up: A, g: A, dGate: A, dUp: A, approximate: Approximate): void;
  /** out ← gelu(x). */
  gelu(x: A, out: A, approximate: Approximate): void;
  /** dx ← g · gelu′(x). */
  geluBackward(x: A, g: A, dx: A, approximate: Approximate): void;
  /** out ← cap · tanh(x / cap); out may be x. */
  softcap(x: A, out: A, cap: number): void;
  /** dx ← g · (1 − (y/cap)²), the gradient of `softcap` by its result y; dx may be g. */
  softcapBackward(y: A, g: A, dx: A, cap: number): void;
  /** logps[r] ← logits[r, targets[r]] − lse[r] and lse[r] ← log Σ_v exp logits[r, v], by rows of `vocab`. */
  logProbRows(logits: A, targets: Int32Array, logps: A, lse: A, vocab: number): void;
  /** logits[r, v] ← g[r]·(1[v = targets[r]] − exp(logits[r, v] − lse[r])), in place. */
  logProbRowsBackward(logits: A, targets: Int32Array, lse: A, g: A, vocab: number): void;
  /**
   * ids[r] ← the first token at which the cumulative softmax of the row rows[r] of logits `[R, vocab]`, divided by the
   * temperature, is beyond draws[r] in [0, 1); probabilities[r] ← its probability, never 0. In double precision.
   */
  drawRows(
    logits: A,
    rows: Int32Array,
    draws: Float64Array,
    temperature: number,
    ids: Int32Array,
    probabilities: Float64Array,
    vocab: number,
  ): void;
  /** out[i] ← f(x[i]). */
  map(op: UnaryOp, x: A, out: A): void;
  /** out[i] ← a[i] ∘ b[i]; an argument of length 1 stands for all i. */
  zip(op: BinaryOp, a: A, b: A, out: A): void;
  /** out[s] ← Σ x[i] for offsets[s] ≤ i < offsets[s+1]. */
  segmentSum(x: A, offsets: Int32Array, out: A): void;
  /** Σ x² over all arrays, summed in double precision. */
  sumOfSquares(xs: readonly A[]): number;
  /**
   * One step of AdamW over all parameters with g′ = factor·g: m ← β₁m + (1−β₁)g′, v ← β₂v + (1−β₂)g′², and the update
   * u = −rate·(m/correction1) / (√(v/correction2) + eps) − rate·decay·p. Either g ← u and p is only read, or p ← p + u
   * and g is.
   */
  adamw(params: readonly AdamwArrays<A>[], step: AdamStep): void;
  /** out ← alpha·x + y; out may be x or y. */
  axpy(alpha: number, x: A, y: A, out: A): void;
}

/** `Kernels.linears` where nothing is gained by several products at once. */
export function oneByOne<A extends Floats>(gemm: Kernels<A>["gemm"]): Kernels<A>["linears"] {
  return (rows, inner, x, layers) => {
    for (const { weight, outer, y, beta } of layers) {
      gemm(rows, outer, inner, x, [inner, 1], weight, [1, inner], y, outer, beta);
    }
  };
}
