/** The distribution a token is drawn from, and the draw. */
import { kernels } from "../kernels/provider.ts";
import { floats, type Tensor } from "../tensor/tensor.ts";

/** How tokens are drawn: temperature first, then the k most probable, then the smallest set of mass p. */
export interface Sampling {
  /** Divides the logits; 0 takes the most probable token. Default 1. */
  readonly temperature?: number;
  /** Keeps the k most probable tokens. Default: all. */
  readonly topK?: number;
  /** Keeps the smallest set of most probable tokens whose mass reaches p, the one that crosses p included. Default 1. */
  readonly topP?: number;
}

/** Checks a sampling spec and fills in its defaults. @throws {RangeError} naming the value that is out of range */
export function checkSampling(spec: Sampling): Required<Sampling> {
  const { temperature = 1, topK = Infinity, topP = 1 } = spec;
  const refuse = (rule: string, value: number): never => {
    throw new RangeError(`Cannot sample as ${rule}: current value is ${value}`);
  };
  if (!(temperature >= 0 && temperature < Infinity)) refuse("temperature must be finite and ≥ 0", temperature);
  if (!(topK >= 1 && (Number.isInteger(topK) || topK === Infinity))) refuse("topK must be a whole number ≥ 1", topK);
  if (!(topP > 0 && topP <= 1)) refuse("topP must be in (0, 1]", topP);
  return { temperature, topK, topP };
}

/** Index of the largest element; the first of equals. */
export function argmax(x: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < x.length; i++) if ((x[i] as number) > (x[best] as number)) best = i;
  return best;
}

/**
 * Zeroes all but the most probable tokens: at most topK, and no more than it takes to reach topP of their mass. Of equals
 * the first ones stay.
 */
function keepTop(probs: Float64Array, topK: number, topP: number): Float64Array {
  const top = probs.toSorted().reverse().subarray(0, topK); // numbers alone are sorted much faster than places
  const mass = top.reduce((sum, p) => sum + p, 0);
  let reached = 0, count = 0;
  while (count < top.length && reached < topP * mass) reached += top[count++] as number;
  const least = top[count - 1] as number;
  let equals = top.subarray(0, count).filter((p) => p === least).length;
  return probs.map((p) => p > least || p === least && equals-- > 0 ? p / reached : 0);
}

/** e^((z − max z) / temperature) of every logit z, and their sum. */
function softmaxWeights(logits: ArrayLike<number>, temperature: number): { weights: Float64Array; total: number } {
  const best = logits[argmax(logits)] as number;
  const weights = new Float64Array(logits.length);
  let total = 0;
  for (let i = 0; i < weights.length; i++) {
    total += weights[i] = Math.exp(((logits[i] as number) - best) / temperature);
  }
  return { weights, total };
}

/**
 * softmax(logits / temperature), restricted to topK and topP and normalised again.
 *
 * @param logits `[V]`
 * @returns probabilities `[V]`, in double precision
 * @see Holtzman et al. 2020, "The curious case of neural text degeneration", for top-p
 * @example
 * ```ts
 * import { samplingDistribution } from "@logratio/logratio";
 * samplingDistribution([0, Math.log(3)]); // [0.25, 0.75]
 * ```
 */
export function samplingDistribution(logits: ArrayLike<number>, spec: Sampling = {}): Float64Array {
  const { temperature, topK, topP } = checkSampling(spec);
  if (temperature === 0) return new Float64Array(logits.length).fill(1, argmax(logits), argmax(logits) + 1);
  const { weights, total } = softmaxWeights(logits, temperature);
  const probs = weights.map((weight) => weight / total);
  return topK < probs.length || topP < 1 ? keepTop(probs, topK, topP) : probs;
}

/** The token at `u` in [0, 1) of the cumulative distribution. Never one of probability 0. */
export function sampleAt(probs: Float64Array, u: number): number {
  let cumulative = 0;
  let last = 0;
  for (let i = 0; i < probs.length; i++) {
    if (probs[i] === 0) continue;
    cumulative += probs[i] as number;
    last = i;
    if (u < cumulative) return i;
  }
  return last; // u is within rounding of 1
}

/** Tokens as they were drawn, and the probability of each. */
export interface Draws {
  /** The tokens. */
  readonly ids: Int32Array;
  /** Their probabilities. */
  readonly probabilities: Float64Array;
}

/**
 * `sampleAt` of `samplingDistribution` for some rows of logits, with the tokens' probabilities. Where no token is cut off,
 * no more of the distribution is made than it takes to reach `u`.
 *
 * @param logits `[R, V]`
 * @param rows the row that each token is drawn from
 * @param draws `u` of each
 */
export function sampleRows(
  logits: Tensor,
  { rows, draws }: { readonly rows: Int32Array; readonly draws: Float64Array },
  spec: Sampling,
): Draws {
  const { temperature, topK, topP } = checkSampling(spec);
  const [all, vocab] = [floats(logits), logits.shape[1] as number];
  const [ids, probabilities] = [new Int32Array(rows.length), new Float64Array(rows.length)];
  if (temperature > 0 && topK >= vocab && topP === 1) {
    kernels(logits.dtype).drawRows(all, rows, draws, temperature, ids, probabilities, vocab);
  } else {
    rows.forEach((row, i) => {
      const probs = samplingDistribution(all.subarray(row * vocab, (row + 1) * vocab), spec);
      const id = ids[i] = sampleAt(probs, draws[i] as number);
      probabilities[i] = probs[id] as number;
    });
  }
  return { ids, probabilities };
}
