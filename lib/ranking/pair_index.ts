/** Numbers for pairs as they come: a hash table in typed arrays, small and quick where millions of pairs are kept. */

/** Numbers triples (i, j, kind) from 0 in the order in which they first appear. */
export interface PairIndex {
  /** The number of a triple, a new one if it was never seen or is to be kept apart. */
  readonly slotOf: (i: number, j: number, kind: number, apart?: boolean) => number;
  /** How many there are. */
  readonly size: () => number;
  /** The triples in order: i, j, kind of each. */
  readonly triples: () => Int32Array;
}

const EMPTY = -1;

/** An empty index. */
export function pairIndex(): PairIndex {
  let triples = new Int32Array(3 * 1024), count = 0, filled = 0;
  let table = new Int32Array(4096).fill(EMPTY); // a power of two, at most half full; linear probing
  const home = (i: number, j: number, kind: number): number => {
    const mixed = Math.imul(i, 0x9e3779b1) ^ Math.imul(j, 0x85ebca6b) ^ Math.imul(kind, 0xc2b2ae35);
    return (mixed ^ (mixed >>> 15)) & (table.length - 1);
  };
  const insert = (slot: number): void => {
    const mask = table.length - 1;
    let at = home(triples[3 * slot]!, triples[3 * slot + 1]!, triples[3 * slot + 2]!);
    while (table[at] !== EMPTY) at = (at + 1) & mask;
    table[at] = slot;
    filled++;
  };
  const growTable = (): void => {
    const before = table;
    table = new Int32Array(2 * before.length).fill(EMPTY);
    filled = 0;
    for (const slot of before) if (slot !== EMPTY) insert(slot);
  };
  const append = (i: number, j: number, kind: number): number => {
    if (3 * count === triples.length) {
      const larger = new Int32Array(2 * triples.length);
      larger.set(triples);
      triples = larger;
    }
    triples.set([i, j, kind], 3 * count);
    return count++;
  };
  return {
    slotOf: (i, j, kind, apart = false) => {
      if (apart) return append(i, j, kind);
      const mask = table.length - 1;
      for (let at = home(i, j, kind); table[at] !== EMPTY; at = (at + 1) & mask) {
        const slot = table[at]!;
        if (triples[3 * slot] === i && triples[3 * slot + 1] === j && triples[3 * slot + 2] === kind) return slot;
      }
      const slot = append(i, j, kind);
      if (2 * (filled + 1) > table.length) growTable();
      insert(slot);
      return slot;
    },
    size: () => count,
    triples: () => triples.subarray(0, 3 * count),
  };
}
