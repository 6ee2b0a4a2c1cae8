/** Systems x_to − x_from ≤ offset + slope · o with one shared unknown o, decided by looking for negative circuits. */

/** Constraints as edges of a graph, one entry of each list per constraint. */
export interface DifferenceConstraints {
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
  readonly offset: ArrayLike<number>;
  readonly slope: ArrayLike<number>;
}

interface Circuit {
  readonly offset: number;
  readonly slope: number;
}

const EPSILON = 1e-9; // offsets and slopes are small integers: less than this is rounding

/**
 * Whether the constraints have a solution x, o.
 *
 * For fixed o that is the absence of a negative circuit (Bellman–Ford). A circuit found negative at one o rules out a
 * half-line of o, so o is found by cutting, each time moving to the end of what is left.
 *
 * @param nodes how many unknowns x there are
 */
export function solvable(nodes: number, constraints: DifferenceConstraints): boolean {
  let low = -Infinity, high = Infinity, o = 0;
  for (;;) {
    const circuit = negativeCircuit(nodes, constraints, o);
    if (circuit === undefined) return true;
    const { offset, slope } = circuit; // every solution needs offset + slope · o ≥ 0
    if (slope === 0) return false;
    if (slope > 0) low = Math.max(low, -offset / slope);
    else high = Math.min(high, -offset / slope);
    if (low > high + EPSILON) return false;
    o = slope > 0 ? low : high;
  }
}

/** The sums around some circuit that is negative at `o`, or nothing if there is none. */
function negativeCircuit(nodes: number, constraints: DifferenceConstraints, o: number): Circuit | undefined {
  const { from, to, offset, slope } = constraints;
  const distance = new Float64Array(nodes), via = new Int32Array(nodes).fill(-1);
  for (let round = 1;; round++) {
    let changed = false;
    for (let k = 0; k < from.length; k++) {
      const reached = distance[from[k]!]! + offset[k]! + slope[k]! * o;
      if (reached < distance[to[k]!]! - EPSILON) {
        distance[to[k]!] = reached;
        via[to[k]!] = k;
        changed = true;
      }
    }
    if (!changed) return undefined;
    if ((round & (round - 1)) === 0 || round > nodes) { // looking costs little at doubling intervals
      const found = circuitAlong(via, constraints);
      if (found !== undefined) return found;
    }
  }
}

/** A circuit among the edges by which each node was last improved; such a circuit is always negative. */
function circuitAlong(via: Int32Array, { from, offset, slope }: DifferenceConstraints): Circuit | undefined {
  const walk = new Int32Array(via.length).fill(-1); // by which walk a node was first reached
  for (let start = 0; start < via.length; start++) {
    let v = start;
    while (walk[v] === -1 && via[v]! >= 0) {
      walk[v] = start;
      v = from[via[v]!]!;
    }
    if (walk[v] !== start || via[v]! < 0) continue;
    const circuit = { offset: 0, slope: 0 };
    let at = v;
    do {
      circuit.offset += offset[via[at]!]!;
      circuit.slope += slope[via[at]!]!;
      at = from[via[at]!]!;
    } while (at !== v);
    return circuit;
  }
  return undefined;
}
