/** The carry of a scan: whose memory ends with a step, and where a number went wrong. */
import { addressOf, bytesOf, dispose, type HalfTensor, isTensor, type Tensor } from "../tensor/tensor.ts";
import { leaves } from "../tensor/tree.ts";

/** Tensors by the address of their numbers: one that lives on under another record, or in its heir, is found there. */
export type ByAddress = ReadonlyMap<number, Tensor | HalfTensor>;

/** The tensors in data, except those at the addresses of `others`. */
export function tensorsIn(data: unknown, others: ByAddress = new Map()): ByAddress {
  const found = new Map<number, Tensor | HalfTensor>();
  const look = (value: unknown): void => {
    if (isTensor(value)) {
      const address = addressOf(value);
      if (!others.has(address)) found.set(address, value);
    } else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
      for (const child of Object.values(value)) look(child);
    }
  };
  look(data);
  return found;
}

/** Bytes of the tensors in data; what shares its numbers with another is counted once. */
export function bytesIn(data: unknown): number {
  return [...tensorsIn(data).values()].reduce((sum, t) => sum + bytesOf(t), 0);
}

/** Frees the tensors that are no longer held. */
export function freeReplaced(made: ByAddress, held: ByAddress): void {
  for (const [address, t] of made) if (!held.has(address)) dispose(t);
}

/** What the carry of a step holds besides `others`; what earlier steps have made and it no longer holds is freed. */
export function heldBy(
  carry: unknown,
  { made, others }: { readonly made: ByAddress; readonly others: ByAddress },
): ByAddress {
  const held = tensorsIn(carry, others);
  freeReplaced(made, held);
  return held;
}

/** The path of the first tensor with a number that is not finite. */
export function firstNonFinite(tree: unknown): string | undefined {
  return leaves(tree).find(([, leaf]) => !Array.prototype.every.call(leaf.data, Number.isFinite))?.[0];
}
