/** Bradley–Terry with strengths that are linear in the words of a text: the baseline a reward model must beat. */
import { conjugateGradients, dot } from "./conjugate_gradients.ts";

/** Two texts, the first of which is the better one with probability `label`, default 1. */
export interface TextPair {
  /** The better text. */
  readonly chosen: string;
  /** The worse one. */
  readonly rejected: string;
  /** Probability that it is so. */
  readonly label?: number | undefined;
}

/** What each word adds to a text's strength, nats. */
export type WordStrengths = ReadonlyMap<string, number>;

/** The distinct words of a text, in lower case. */
function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []);
}

/**
 * Differences of word indicators, chosen less rejected: pair b has the entries offsets[b] … offsets[b+1]−1, each the
 * number c of a word that only the chosen text has, or ~c of one that only the rejected has.
 */
interface Differences {
  readonly words: readonly string[];
  readonly entries: Int32Array;
  readonly offsets: Int32Array;
  readonly labels: readonly number[];
}

function differencesOf(pairs: readonly TextPair[]): Differences {
  const numbers = new Map<string, number>();
  const numberOf = (word: string): number => {
    const number = numbers.get(word) ?? numbers.size;
    numbers.set(word, number);
    return number;
  };
  const offsets = [0];
  const entries = pairs.flatMap(({ chosen, rejected }) => {
    const [better, worse] = [wordsOf(chosen), wordsOf(rejected)];
    const row = [...better.difference(worse)].map(numberOf);
    row.push(...[...worse.difference(better)].map((word) => ~numberOf(word)));
    offsets.push((offsets.at(-1) as number) + row.length);
    return row;
  });
  return {
    words: [...numbers.keys()],
    entries: Int32Array.from(entries),
    offsets: Int32Array.from(offsets),
    labels: pairs.map(({ label = 1 }) => label),
  };
}

/**
 * Fits P(a ≻ b) = σ(s_a − s_b), s = Σ over the distinct words of a text of w(word), by maximum likelihood with a ridge:
 *
 *     minimise  −Σ [ p log σ(d) + (1−p) log σ(−d) ] + ridge/2 · Σ w²
 *
 * Convex with one minimum, found by Newton's method; what is common to both texts has no part in it.
 *
 * @param options.ridge > 0, default 1
 * @throws {RangeError} if there is no pair or the ridge is not > 0
 * @example
 * ```ts
 * import { fitWordStrengths, wordStrength } from "@logratio/logratio";
 * const words = fitWordStrengths([{ chosen: "yes, sure", rejected: "yes, never" }]);
 * wordStrength(words, "sure thing") > wordStrength(words, "never mind"); // true
 * ```
 */
export function fitWordStrengths(
  pairs: readonly TextPair[],
  options: { readonly ridge?: number } = {},
): WordStrengths {
  const { ridge = 1 } = options;
  if (pairs.length === 0) throw new RangeError("Cannot fit word strengths as there must be at least one pair");
  if (!(ridge > 0)) throw new RangeError(`Cannot fit word strengths as ridge must be > 0: current value is ${ridge}`);
  const differences = differencesOf(pairs);
  const { words } = differences;
  let w = new Float64Array(words.length);
  for (let iteration = 0; iteration < 100; iteration++) {
    const { step, decrement } = newtonStep(differences, w, ridge);
    if (decrement < 1e-16 * pairs.length) break;
    const before = objective(differences, w, ridge);
    const moved = (length: number): Float64Array<ArrayBuffer> => w.map((x, i) => x - length * step[i]!);
    let length = 1;
    while (length > 1e-6 && objective(differences, moved(length), ridge) > before) length /= 2;
    w = moved(length);
  }
  return new Map(words.map((word, i) => [word, w[i]!]));
}

/** d = s_chosen − s_rejected of every pair. */
function times({ entries, offsets }: Differences, w: Float64Array): Float64Array {
  const out = new Float64Array(offsets.length - 1);
  for (let b = 0; b < out.length; b++) {
    for (let i = offsets[b]!; i < offsets[b + 1]!; i++) {
      out[b]! += entries[i]! < 0 ? -w[~entries[i]!]! : w[entries[i]!]!;
    }
  }
  return out;
}

/** Adds Σ over pairs of value × (signed, or in absolute value) indicators to `out`, word by word. */
function addBack({ entries, offsets }: Differences, values: Float64Array, out: Float64Array, absolute = false): void {
  for (let b = 0; b < values.length; b++) {
    for (let i = offsets[b]!; i < offsets[b + 1]!; i++) {
      const entry = entries[i]!;
      if (entry < 0) out[~entry]! += absolute ? values[b]! : -values[b]!;
      else out[entry]! += values[b]!;
    }
  }
}

/** What is minimised. */
function objective(differences: Differences, w: Float64Array, ridge: number): number {
  return times(differences, w).reduce(
    (sum, d, b) => sum + Math.max(d, 0) - differences.labels[b]! * d + Math.log1p(Math.exp(-Math.abs(d))),
    ridge / 2 * dot(w, w),
  );
}

/** H⁻¹g, and g·H⁻¹g, which is twice what a full step gains where the objective is a parabola. */
function newtonStep(
  differences: Differences,
  w: Float64Array,
  ridge: number,
): { readonly step: Float64Array; readonly decrement: number } {
  const p = times(differences, w).map((d) => 1 / (1 + Math.exp(-d)));
  const curvatures = p.map((x) => x * (1 - x));
  const [gradient, diagonal] = [w.map((x) => ridge * x), w.map(() => ridge)];
  addBack(differences, p.map((x, b) => x - differences.labels[b]!), gradient);
  addBack(differences, curvatures, diagonal, true);
  const hessian = (x: Float64Array, out: Float64Array): void => {
    x.forEach((v, i) => out[i] = ridge * v);
    addBack(differences, times(differences, x).map((d, b) => curvatures[b]! * d), out);
  };
  const step = conjugateGradients(hessian, diagonal, gradient, { tolerance: 1e-3 }) ?? gradient;
  return { step, decrement: dot(step, gradient) };
}

/** The strength of a text, nats: Σ over its distinct words; a word that no fitted pair told apart adds 0. */
export function wordStrength(strengths: WordStrengths, text: string): number {
  return [...wordsOf(text)].reduce((sum, word) => sum + (strengths.get(word) ?? 0), 0);
}
