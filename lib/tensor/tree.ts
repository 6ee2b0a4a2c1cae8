/**
 * Trees: nested readonly records and arrays whose leaves are tensors. Parameters, gradients and optimizer states are
 * trees; other data in them (numbers, names, typed arrays) passes through unchanged.
 */
import { isTensor, type Tensor } from "./tensor.ts";

type Branch = Readonly<Record<string, unknown>>;

/** Whether a value has children: a plain record or an array. */
function isBranch(value: unknown): value is Branch {
  if (typeof value !== "object" || value === null || isTensor(value)) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

function differ(path: string, a: unknown, b: unknown): never {
  const found = `at ${path || "the root"} there are ${describe(a)} and ${describe(b)}`;
  throw new TypeError(`Cannot map trees as their structures must agree: ${found}`);
}

function describe(value: unknown): string {
  if (isTensor(value)) return "a tensor";
  return isBranch(value) ? `{ ${Object.keys(value).join(", ")} }` : typeof value;
}

function mapAt(f: LeafFunction, path: string, nodes: readonly unknown[]): unknown {
  const [first, ...rest] = nodes;
  if (isTensor(first)) {
    for (const other of rest) if (!isTensor(other)) differ(path, first, other);
    return f(...(nodes as [Tensor, ...Tensor[]]), path);
  }
  if (!isBranch(first)) return first;
  const names = Object.keys(first);
  for (const other of rest) {
    const same = isBranch(other) && Object.keys(other).length === names.length && names.every((n) => n in other);
    if (!same) differ(path, first, other);
  }
  const child = (name: string): unknown =>
    mapAt(f, path ? `${path}.${name}` : name, nodes.map((node) => (node as Branch)[name]));
  return Array.isArray(first) ? names.map(child) : Object.fromEntries(names.map((name) => [name, child(name)]));
}

// deno-lint-ignore no-explicit-any -- the leaves of n trees, then the path
type LeafFunction = (...leavesAndPath: any[]) => Tensor;

/**
 * The tree of `f(leaf, …leaves of rest, path)`.
 *
 * @throws {TypeError} with the path where the structures differ: keys are compared by name
 * @example
 * ```ts
 * import { tensor, treeMap } from "@logratio/logratio";
 * const twice = treeMap((t) => tensor(t.shape, Array.from(t.data, (x) => 2 * x)), { w: tensor([2], [1, 2]) });
 * ```
 */
export function treeMap<T>(f: (leaf: Tensor, path: string) => Tensor, tree: T): T;
/** Two trees of one structure. */
export function treeMap<T>(f: (a: Tensor, b: Tensor, path: string) => Tensor, tree: T, b: T): T;
/** Three trees of one structure. */
export function treeMap<T>(f: (a: Tensor, b: Tensor, c: Tensor, path: string) => Tensor, tree: T, b: T, c: T): T;
export function treeMap<T>(f: LeafFunction, tree: T, ...rest: T[]): T {
  return mapAt(f, "", [tree, ...rest]) as T;
}

/** The tensors of a tree with their paths, in order. */
export function leaves(tree: unknown): readonly (readonly [path: string, leaf: Tensor])[] {
  const found: (readonly [string, Tensor])[] = [];
  mapAt((leaf: Tensor, path: string) => (found.push([path, leaf]), leaf), "", [tree]);
  return found;
}
