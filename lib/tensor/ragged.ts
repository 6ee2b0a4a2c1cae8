/**
 * Ragged batches: token sequences laid end to end, with no padding anywhere.
 *
 * A batch is made of examples: a prompt with its completions. The prompt is computed once and every completion of it
 * attends to it, so a preference pair is one prompt with two completions, a rollout one prompt with n, and a text to be
 * learned a one-token prompt with its rest.
 */
import { SEGMENT } from "../kernels/kernels.ts";

/** A prompt of at least one token, and completions of at least one token each. */
export interface Example {
  /** Token ids that are given, `[P]`, P ≥ 1. */
  readonly prompt: Int32Array;
  /** Token ids that follow, `[C]` each, C ≥ 1: each completion sees the prompt and itself, not its neighbours. */
  readonly completions: readonly Int32Array[];
}

/** Examples laid end to end. */
export interface Batch {
  /** Token ids `[T]`: each prompt, then its completions. */
  readonly ids: Int32Array;
  /** Position of each token in its own sequence `[T]`: a completion counts on from its prompt. */
  readonly positions: Int32Array;
  /** Attention segments `[S, 6]` as `Kernels` has them; a segment with a prefix is a completion. */
  readonly segments: Int32Array;
  /** Completion b holds the completion tokens offsets[b] … offsets[b+1]−1 of all completion tokens, `[B+1]`. */
  readonly offsets: Int32Array;
}

/**
 * Packs examples into a batch.
 *
 * @throws {RangeError} if a prompt or a completion is empty: there would be nothing to predict from, or nothing to predict
 * @example
 * ```ts
 * import { pack } from "@logratio/logratio";
 * const batch = pack([{ prompt: Int32Array.of(7, 8), completions: [Int32Array.of(1), Int32Array.of(2, 3)] }]);
 * // ids 7 8 1 2 3, positions 0 1 2 2 3, offsets 0 1 3: the prompt once, two completions behind it
 * ```
 */
export function pack(examples: readonly Example[]): Batch {
  const ids: number[] = [];
  const positions: number[] = [];
  const segments: number[] = [];
  const offsets = [0];
  const append = (tokens: Int32Array, from: number): number => {
    const start = ids.length;
    tokens.forEach((id, i) => (ids.push(id), positions.push(from + i)));
    return start;
  };
  examples.forEach(({ prompt, completions }, row) => {
    if (prompt.length === 0 || completions.some((c) => c.length === 0)) {
      throw new RangeError(`Cannot pack example ${row} as its prompt and completions need at least one token each`);
    }
    const prefix = append(prompt, 0);
    const prefixEnd = prefix + prompt.length;
    segments.push(prefix, prefixEnd, prefix, prefix, prefix, 0);
    for (const completion of completions) {
      const start = append(completion, prompt.length);
      segments.push(start, start + completion.length, prefix, prefixEnd, start, 0);
      offsets.push((offsets.at(-1) as number) + completion.length);
    }
  });
  const [i, p, s, o] = [ids, positions, segments, offsets].map((list) => Int32Array.from(list));
  return { ids: i, positions: p, segments: s, offsets: o } as Batch;
}

/** The first four of the six integers of a segment. */
type Segment = readonly [start: number, end: number, prefixStart: number, prefixEnd: number];

/** Where a completion lies in a batch: tokens `start … end−1`, behind a prompt that ends before `promptEnd`. */
export interface Stretch {
  /** Its first token. */
  readonly start: number;
  /** One past its last token. */
  readonly end: number;
  /** One past the last token of its prompt. */
  readonly promptEnd: number;
}

/** The completions of a batch, in order. */
export function stretches({ segments }: Batch): readonly Stretch[] {
  const found: Stretch[] = [];
  for (let s = 0; s < segments.length; s += SEGMENT) {
    const [start, end, promptStart, promptEnd] = segments.subarray(s, s + SEGMENT) as Int32Array & Segment;
    if (promptEnd > promptStart) found.push({ start, end, promptEnd });
  }
  return found;
}

/** Completion tokens of a batch: for each, its place in `ids`, in order. */
export function completionTokens(batch: Batch): Int32Array {
  return Int32Array.from(
    stretches(batch).flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)),
  );
}
