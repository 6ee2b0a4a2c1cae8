/**
 * Randomness as an argument: counter-based keys, no hidden state.
 *
 * A key is two 32-bit words. `fold` derives a child key from a name or a number, and a draw is a pure function of its
 * key, so nothing random is ever saved, and adding a draw changes nobody else's.
 * The block function is Threefry-2x32 with 20 rounds.
 *
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; the split and fold idea: jax `docs/jep/263-prng.md`
 */

/** A random key: two unsigned 32-bit words. */
export type Key = readonly [number, number];

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** One Threefry-2x32-20 block: 64 pseudo-random bits from a key and a 64-bit counter. */
function threefry(key: Key, c0: number, c1: number): [number, number] {
  const ks = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda] as const;
  let x0 = (c0 + ks[0]) | 0;
  let x1 = (c1 + ks[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round % 8] as number;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    if (round % 4 === 3) {
      const s = (round + 1) / 4;
      x0 = (x0 + (ks[s % 3] as number)) | 0;
      x1 = (x1 + (ks[(s + 1) % 3] as number) + s) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/**
 * The root key of a seed.
 *
 * @param seed a non-negative safe integer
 * @throws {RangeError} if `seed` is not one
 * @example
 * ```ts
 * import { key, uniform } from "@logratio/logratio";
 * const [x] = uniform(key(7), 1); // always the same number in [0, 1)
 * ```
 */
export function key(seed: number): Key {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot make a key as the seed must be a non-negative integer: current value is ${seed}`);
  }
  return threefry([0, 0], seed >>> 0, Math.floor(seed / 2 ** 32));
}

/**
 * A child key: the same parent and datum give the same child, any other pair an independent one.
 *
 * @param data a name (hashed with FNV-1a) or a non-negative safe integer
 * @throws {RangeError} if a number is not one
 * @example
 * ```ts
 * import { fold, key, normal } from "@logratio/logratio";
 * const noise = normal(fold(fold(key(7), "rollout"), 3), 2); // the two draws of rollout 3, whatever else is drawn
 * ```
 */
export function fold(parent: Key, data: string | number): Key {
  if (typeof data === "number") {
    if (!Number.isSafeInteger(data) || data < 0) {
      throw new RangeError(
        `Cannot fold into a key as a number must be a non-negative integer: current value is ${data}`,
      );
    }
    return threefry(parent, data >>> 0, Math.floor(data / 2 ** 32));
  }
  let hash = 0x811c9dc5;
  for (let i = 0; i < data.length; i++) hash = Math.imul(hash ^ data.charCodeAt(i), 0x01000193);
  return threefry(parent, hash >>> 0, ~data.length); // a negative second word: no number folds to the same block
}

/** `n` independent child keys. */
export function split(parent: Key, n: number): readonly Key[] {
  return Array.from({ length: n }, (_, i) => fold(parent, i));
}

/** `n` independent draws from the uniform distribution on [0, 1), with 53 random bits each. */
export function uniform(key: Key, n: number): Float64Array {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const [hi, lo] = threefry(key, i, 0x75_6e_69_66);
    out[i] = ((hi >>> 5) * 2 ** 26 + (lo >>> 6)) / 2 ** 53;
  }
  return out;
}

/** `n` independent standard normal draws (Box–Muller on `uniform`). */
export function normal(key: Key, n: number): Float64Array {
  const u = uniform(key, 2 * n);
  return Float64Array.from({ length: n }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - (u[2 * i] as number)));
    return radius * Math.cos(2 * Math.PI * (u[2 * i + 1] as number));
  });
}

/**
 * One draw from the integers 0, 1, …, below − 1.
 *
 * @throws {RangeError} if there is none
 */
export function integer(key: Key, below: number): number {
  if (!(below >= 1)) throw new RangeError(`Cannot draw an integer as below must be ≥ 1: current value is ${below}`);
  return Math.floor((uniform(key, 1)[0] as number) * below);
}

/**
 * One draw from a list, each item equally likely.
 *
 * @throws {RangeError} if the list is empty
 */
export function choice<T>(key: Key, items: readonly T[]): T {
  if (items.length === 0) throw new RangeError("Cannot choose as there must be at least one item: the list is empty");
  return items[integer(key, items.length)] as T;
}

/**
 * A uniformly random order of 0, 1, …, n − 1 (Fisher–Yates).
 *
 * @example
 * ```ts
 * import { fold, key, permutation } from "@logratio/logratio";
 * const orderOf = (epoch: number) => permutation(fold(key(7), epoch), 100); // another order each epoch
 * ```
 */
export function permutation(key: Key, n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const u = uniform(key, n);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((u[i] as number) * (i + 1));
    const swap = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swap;
  }
  return order;
}
