/** The distribution a token is drawn from, and the draw. */

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

/** Zeroes all but the most probable tokens: at most topK, and no more than it takes to reach topP of their mass. */
function keepTop(probs: Float64Array, topK: number, topP: number): Float64Array {
  const order = Array.from(probs.keys()).sort((a, b) => (probs[b] as number) - (probs[a] as number) || a - b);
  const top = order.slice(0, topK);
  const mass = top.reduce((sum, i) => sum + (probs[i] as number), 0);
  const kept = new Float64Array(probs.length);
  let reached = 0;
  for (const i of top) {
    if (reached >= topP * mass) break;
    kept[i] = probs[i] as number;
    reached += probs[i] as number;
  }
  return kept.map((p) => p / reached);
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
  const best = argmax(logits);
  const probs = new Float64Array(logits.length);
  if (temperature === 0) return probs.fill(1, best, best + 1);
  let total = 0;
  for (let i = 0; i < probs.length; i++) {
    total += probs[i] = Math.exp(((logits[i] as number) - (logits[best] as number)) / temperature);
  }
  for (let i = 0; i < probs.length; i++) probs[i] = (probs[i] as number) / total;
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
