/** Rotary positions: tables of angles, and the turn. */
import { kernels } from "../kernels/provider.ts";
import { build, type Dtype, floats, type Tensor } from "../tensor/tensor.ts";
import { derive } from "./primitive.ts";

/** Cosines and sines of the rotary angles, `[positions, headDim/2]`. */
export interface RotaryTable {
  /** Cosines, `[positions, headDim/2]`. */
  readonly cos: Tensor;
  /** Sines, `[positions, headDim/2]`. */
  readonly sin: Tensor;
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
  }
  | {
    /**
     * YaRN: the pair that makes r turns in the original context is number c(r) = d·ln(originalContextLength / 2πr) /
     * (2·ln theta). Up to c(betaFast) a frequency is kept, from c(betaSlow) on divided by `factor`, and between them
     * frequency · (s/factor + 1 − s), s = (j − c(betaFast)) / (c(betaSlow) − c(betaFast)).
     */
    readonly type: "yarn";
    /** ≥ 1. */
    readonly factor: number;
    /** Turns above which a frequency is kept. */
    readonly betaFast: number;
    /** Turns below which it is divided. */
    readonly betaSlow: number;
    /** Whether c(betaFast) is rounded down and c(betaSlow) up, as in the authors' code. */
    readonly truncate: boolean;
    /** Tokens of the context before it was stretched. */
    readonly originalContextLength: number;
    /** Factor on cosines and sines, and so its square on the scores of attention. */
    readonly attentionFactor: number;
  }
  | {
    /** LongRoPE within the original context: frequency j is divided by `factors[j]`. Beyond, it has other angles. */
    readonly type: "longrope";
    /** A number for each pair that is turned. */
    readonly factors: readonly number[];
    /** Tokens of the context before it was stretched: the most positions there are. */
    readonly originalContextLength: number;
    /** Factor on cosines and sines. */
    readonly attentionFactor: number;
  };

/** A pair of numbers of a head. */
interface Turned {
  /** Which pair. */
  readonly j: number;
  /** Its frequency before it is changed. */
  readonly frequency: number;
  readonly headDim: number;
  readonly theta: number;
}

/** A frequency as a scaling changes it. */
function scaled(pair: Turned, scaling: RotaryScaling): number {
  const { j, frequency } = pair;
  switch (scaling.type) {
    case "linear":
      return frequency / scaling.factor;
    case "longrope":
      return frequency / (scaling.factors[j] as number);
    case "yarn":
      return yarn(pair, scaling);
    case "llama3": {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength } = scaling;
      const kept = (originalContextLength * frequency / (2 * Math.PI) - low) / (high - low); // 0 … 1 between the two
      const s = Math.min(Math.max(kept, 0), 1);
      return frequency * ((1 - s) / factor + s);
    }
  }
}

function yarn({ j, frequency, headDim, theta }: Turned, scaling: Extract<RotaryScaling, { type: "yarn" }>): number {
  const { factor, betaFast, betaSlow, truncate, originalContextLength } = scaling;
  const at = (turns: number): number =>
    headDim * Math.log(originalContextLength / (2 * Math.PI * turns)) / (2 * Math.log(theta));
  const [first, last] = [at(betaFast), at(betaSlow)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const high = Math.min(truncate ? Math.ceil(last) : last, headDim - 1);
  const s = Math.min(Math.max((j - low) / (high === low ? 0.001 : high - low), 0), 1);
  return frequency * (s / factor + 1 - s);
}

/**
 * Rotary angles: position p turns the pair (j, j + headDim/2) by p·theta^(−2j/headDim), or by p times that frequency as
 * `scaling` changes it.
 *
 * @param options.headDim numbers of a head that are turned
 * @throws {RangeError} if LongRoPE has not a factor for each pair, or there are more positions than in its original context
 * @see Su et al. 2021, "RoFormer", eq. 15; Peng et al. 2023, "YaRN", section 3.2; Ding et al. 2024, "LongRoPE"
 */
export function rotaryTable(
  positions: number,
  options: {
    readonly headDim: number;
    readonly theta: number;
    readonly dtype: Dtype;
    readonly scaling?: RotaryScaling | undefined;
  },
): RotaryTable {
  const { headDim, theta, dtype, scaling } = options;
  const half = headDim / 2;
  if (scaling?.type === "longrope") checkLongrope(scaling, positions, half);
  const frequencies = Float64Array.from({ length: half }, (_, j) => {
    const frequency = theta ** (-2 * j / headDim);
    return scaling === undefined ? frequency : scaled({ j, frequency, headDim, theta }, scaling);
  });
  const factor = scaling !== undefined && "attentionFactor" in scaling ? scaling.attentionFactor : 1;
  const table = (f: (angle: number) => number): Tensor =>
    build(dtype, [positions, half], (out) => {
      for (let i = 0; i < out.length; i++) {
        out[i] = factor * f(Math.floor(i / half) * (frequencies[i % half] as number));
      }
    });
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

function checkLongrope(
  { factors, originalContextLength }: Extract<RotaryScaling, { type: "longrope" }>,
  positions: number,
  pairs: number,
): void {
  if (factors.length !== pairs) {
    throw new RangeError(`Cannot make angles as there must be ${pairs} factors: there are ${factors.length}`);
  }
  if (positions > originalContextLength) {
    const rule = `LongRoPE has others beyond its ${originalContextLength} positions`;
    throw new RangeError(`Cannot make angles as ${rule}: there are ${positions}`);
  }
}

/**
 * Turns queries or keys by their positions.
 *
 * @param x `[T, heads·headDim]`
 * @param positions `[T]`
 * @param options.headDim numbers of a head, where the table turns only the first of them. Default: as many as it turns
 */
export function rotary(
  x: Tensor,
  positions: Int32Array,
  { cos, sin }: RotaryTable,
  options: { readonly headDim?: number } = {},
): Tensor {
  const size = 2 * (cos.shape[1] as number);
  const { headDim = size } = options;
  const heads = (x.shape[1] as number) / headDim;
  const k = kernels(x.dtype);
  const turn = (from: Tensor, direction: 1 | -1): Tensor =>
    build(from.dtype, from.shape, (out) => {
      k.rotary(floats(from), positions, floats(cos), floats(sin), out, heads, headDim, direction, size);
    });
  return derive(turn(x, 1), [x], (g) => [turn(g, -1)]); // a rotation's transpose turns back
}
