/** Connected pieces of a directed graph on items, the ground on which existence stands. */

/** A labelling of items: `label[i]` in 0 … count − 1. */
export interface Components {
  /** Number of components. */
  readonly count: number;
  /** The component of each item, `[items]`. */
  readonly label: Int32Array;
}

/** A directed graph in compressed rows: the targets of node i are `target[start[i] … start[i + 1])`. */
export interface Graph {
  readonly start: Int32Array;
  readonly target: Int32Array;
}

/** Which way an edge may be followed: the sum of {@link FORWARD} (from → to) and {@link BACKWARD}, or 0. */
export const FORWARD = 1;
export const BACKWARD = 2;

/** The graph of edges `from[e] – to[e]`, each followed the ways that `ways[e]` allows. */
export function graph(
  nodes: number,
  { from, to, ways }: { readonly from: Int32Array; readonly to: Int32Array; readonly ways: Uint8Array },
): Graph {
  const start = new Int32Array(nodes + 1);
  for (let e = 0; e < from.length; e++) {
    if (ways[e]! & FORWARD) start[from[e]! + 1]!++;
    if (ways[e]! & BACKWARD) start[to[e]! + 1]!++;
  }
  for (let i = 0; i < nodes; i++) start[i + 1]! += start[i]!;
  const next = start.slice(0, nodes);
  const target = new Int32Array(start[nodes]!);
  for (let e = 0; e < from.length; e++) {
    if (ways[e]! & FORWARD) target[next[from[e]!]!++] = to[e]!;
    if (ways[e]! & BACKWARD) target[next[to[e]!]!++] = from[e]!;
  }
  return { start, target };
}

/**
 * Strongly connected components, labelled so that an edge never leads to a higher label than its own.
 *
 * @see Tarjan 1972, "Depth-first search and linear graph algorithms"; written without recursion, for long chains
 */
export function strongComponents({ start, target }: Graph): Components {
  const n = start.length - 1;
  const label = new Int32Array(n).fill(-1), order = new Int32Array(n), low = new Int32Array(n);
  const cursor = start.slice(0, n), path = new Int32Array(n), open = new Int32Array(n);
  let visited = 0, depth = 0, opened = 0, count = 0;
  const enter = (v: number): void => {
    order[v] = low[v] = ++visited;
    path[depth++] = v;
    open[opened++] = v;
  };
  for (let root = 0; root < n; root++) {
    if (order[root] !== 0) continue;
    enter(root);
    while (depth > 0) {
      const v = path[depth - 1]!;
      if (cursor[v]! < start[v + 1]!) {
        const w = target[cursor[v]!++]!;
        if (order[w] === 0) enter(w);
        else if (label[w] === -1) low[v] = Math.min(low[v]!, order[w]!);
        continue;
      }
      depth--;
      if (depth > 0) low[path[depth - 1]!] = Math.min(low[path[depth - 1]!]!, low[v]!);
      if (low[v] !== order[v]) continue;
      for (let w = -1; w !== v; label[w] = count) w = open[--opened]!;
      count++;
    }
  }
  return { count, label };
}

/** Weakly connected components of the edges `from[e] – to[e]` with `ways[e]` not 0, numbered by their first item. */
export function weakComponents(
  nodes: number,
  { from, to, ways }: { readonly from: Int32Array; readonly to: Int32Array; readonly ways: Uint8Array },
): Components {
  const parent = Int32Array.from({ length: nodes }, (_, i) => i);
  const find = (i: number): number => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]!]!;
    return i;
  };
  for (let e = 0; e < from.length; e++) {
    if (ways[e] === 0) continue;
    const a = find(from[e]!), b = find(to[e]!);
    if (a !== b) parent[Math.max(a, b)] = Math.min(a, b);
  }
  const label = new Int32Array(nodes);
  let count = 0;
  for (let i = 0; i < nodes; i++) label[i] = find(i) === i ? count++ : label[find(i)]!;
  return { count, label };
}

/** The items of each component, in order of label. */
export function membersOf({ count, label }: Components): readonly (readonly number[])[] {
  const members: number[][] = Array.from({ length: count }, () => []);
  label.forEach((c, i) => members[c]!.push(i));
  return members;
}
