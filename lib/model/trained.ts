/**
 * What training changes of parameters: all of them, but where a model has an adapter, the adapter alone. Gradients and
 * optimizer states are trees of this part, and what is not in it is never copied.
 */
import { copy, isHalf, isTensor } from "../tensor/tensor.ts";
import { leaves, treeMap } from "../tensor/tree.ts";

type Branch = Readonly<Record<string, unknown>>;

/** A tree of what is trained; opened by `withTrained` alone. */
export type TrainedPart = unknown;

function isBranch(node: unknown): node is Branch {
  return typeof node === "object" && node !== null && !isTensor(node) && !ArrayBuffer.isView(node);
}

/** The same branch with each child changed. */
function mapChildren(node: Branch, f: (child: unknown, name: string) => unknown): unknown {
  if (Array.isArray(node)) return node.map((child, i) => f(child, `${i}`));
  return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, f(child, name)]));
}

const isAdapted = (node: Branch): boolean => node.adapter !== undefined;

/**
 * What training changes of a tree of parameters.
 *
 * @throws {TypeError} if that holds a tensor of 16 bits a number, which cannot change
 */
export function trainedPart(params: unknown): TrainedPart {
  const part = partOf(params);
  const fixed = leaves(part).find(([, t]) => isHalf(t));
  if (fixed === undefined) return part;
  throw new TypeError(
    `Cannot train ${fixed[0]} as it is held in ${fixed[1].dtype}: hold it in f32, or give the model an adapter`,
  );
}

function partOf(params: unknown): TrainedPart {
  if (!isBranch(params)) return params;
  return isAdapted(params) ? { adapter: params.adapter } : mapChildren(params, partOf);
}

/** The parameters with another trained part, the rest as it is. */
export function withTrained<P>(params: P, trained: TrainedPart): P {
  if (!isBranch(params)) return trained as P;
  const part = trained as Branch;
  return (isAdapted(params)
    ? { ...params as object, ...part }
    : mapChildren(params, (child, name) => withTrained(child, part[name]))) as P;
}

/** The parameters with a copy of what is trained. */
export function copyTrained<P>(params: P): P {
  return withTrained(params, treeMap(copy, trainedPart(params)));
}
