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
  };

/** A frequency as a scaling changes it. */
function scaled(frequency: number, scaling: RotaryScaling): number {
  if (scaling.type === "linear") return frequency / scaling.factor;
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength } = scaling;
  const kept = (originalContextLength * frequency / (2 * Math.PI) - low) / (high - low); // 0 … 1 between the two
  const s = Math.min(Math.max(kept, 0), 1);
  return frequency * ((1 - s) / factor + s);
}

/**
 * Rotary angles: position p turns the pair (j, j + headDim/2) by p·theta^(−2j/headDim), or by p times that frequency as
 * `scaling` changes it.
 *
 * @param options.headDim numbers of a head that are turned
 * @see Su et al. 2021, "RoFormer", eq. 15
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
  const frequencies = Float64Array.from({ length: half }, (_, j) => {
    const frequency = theta ** (-2 * j / headDim);
    return scaling === undefined ? frequency : scaled(frequency, scaling);
  });
  const table = (f: (angle: number) => number): Tensor =>
    build(dtype, [positions, half], (out) => {
      for (let i = 0; i < out.length; i++) {
        out[i] = f(Math.floor(i / half) * (frequencies[i % half] as number));
      }
    });
  return { cos: table(Math.cos), sin: table(Math.sin) };
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
  return derive(turn(x, 1), [x], (g) => [turn(g, -1)]); // a rotation's transpose is its inverse
}
