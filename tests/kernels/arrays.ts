/** Arrays for kernel tests: in the shared memory, filled by a small generator of their own. */
import { buffer } from "../../lib/kernels/address_space.ts";
import { allocate, freeWithView } from "../../lib/kernels/memory.ts";

/** Uniform numbers in [−1, 1): Lehmer's generator, so that every failure can be repeated. */
export function uniform(seed: number): () => number {
  let state = seed * 2 + 1;
  return () => {
    state = state * 48_271 % 2_147_483_647;
    return state / 2_147_483_647 * 2 - 1;
  };
}

/** A `Float32Array` of the shared memory with these values. */
export function shared(values: ArrayLike<number>): Float32Array {
  const block = allocate(values.length * 4);
  const view = new Float32Array(buffer(), block.offset, values.length);
  freeWithView(view, block);
  view.set(values);
  return view;
}

/** `n` uniform numbers in the shared memory. */
export function random(n: number, draw: () => number, scale = 1): Float32Array {
  return shared(Float32Array.from({ length: n }, () => draw() * scale));
}

/** The largest |a − b| / (|b| + floor). */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>, floor = 1): number {
  return Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i]!) / (Math.abs(b[i]!) + floor)), 0);
}
