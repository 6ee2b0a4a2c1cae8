/**
 * Which texts are probably near copies, in linear time: a sketch of each by the least hash in each of 32 bins, cut into
 * bands that are looked up. Two texts share a band with probability about 1 − (1 − J⁴)⁸, J = |A ∩ B| / |A ∪ B|.
 *
 * @see Li, Owen & Zhang 2012, "One permutation hashing"; Leskovec, Rajaraman & Ullman 2020, "Mining of massive datasets", 3.4
 */
import { eachShingle, mix } from "./text_form.ts";

const BINS = 32;
const PER_BAND = 4;
const EMPTY = 0xffffffff;

/** The keys of the bands of some texts taken together; a band whose bins are all empty has none. */
export function bandsOf(...texts: readonly string[]): readonly number[] {
  const least = new Uint32Array(BINS).fill(EMPTY);
  for (const text of texts) {
    eachShingle(text, (hash) => {
      const bin = hash & (BINS - 1);
      if (hash < least[bin]!) least[bin] = hash;
    });
  }
  const keys: number[] = [];
  for (let start = 0; start < BINS; start += PER_BAND) {
    let [key, filled] = [start + 1, false];
    for (let bin = start; bin < start + PER_BAND; bin++) {
      key = mix(key, least[bin]!);
      filled ||= least[bin] !== EMPTY;
    }
    if (filled) keys.push(key);
  }
  return keys;
}

/** Texts by their bands: what was put in is found by what is near it. */
export interface Index {
  /** Rows that share a band with these shingles: the first that had it. */
  readonly near: (bands: readonly number[]) => ReadonlySet<number>;
  /** Remembers a row by its bands. */
  readonly add: (row: number, bands: readonly number[]) => void;
}

/** An empty index. */
export function sketchIndex(): Index {
  const first = new Map<number, number>();
  return {
    near: (bands) => new Set(bands.flatMap((key) => first.get(key) ?? [])),
    add: (row, bands) => {
      for (const key of bands) if (!first.has(key)) first.set(key, row);
    },
  };
}
