/**
 * Logits of a vocabulary, a chunk of rows at a time: `[N, V]` never exists at once, and the backward pass makes the
 * chunks again.
 */
import type { Floats } from "../kernels/kernels.ts";
import { withScratch } from "../kernels/memory.ts";
import { kernels } from "../kernels/provider.ts";
import { empty, floats, type HalfTensor, type Tensor, zeros } from "../tensor/tensor.ts";
import { asStored, matrix, transposed } from "./matrix.ts";
import { productsBy } from "./products.ts";

/** Rows of logits held at once. */
const CHUNK = 128;

/** Reads, or writes over, the logits `[end − start, V]` of the rows start … end−1. */
export type UseLogits = (logits: Floats, start: number, end: number) => void;

/** How logits are made. */
export interface LogitOptions {
  /** Logits z become softcap · tanh(z / softcap); they stay if not given. */
  readonly softcap?: number | undefined;
}

/** The logits of every row, and how their gradient goes back. */
export interface Logits {
  readonly rows: number;
  readonly vocab: number;
  /** Calls `use` with the logits of each chunk of rows, in turn. */
  readonly forward: (use: UseLogits) => void;
  /** Gradients of hidden, and of head where it is needed; `use` writes the gradient of each chunk of logits over it. */
  readonly backward: (use: UseLogits, needHead: boolean) => readonly [dHidden: Tensor, dHead: Tensor | undefined];
}

/**
 * @param hidden `[N, d]`
 * @param head `[V, d]`
 */
export function logits(hidden: Tensor, head: Tensor | HalfTensor, { softcap }: LogitOptions = {}): Logits {
  const [rows, dim] = matrix(hidden, "hidden");
  const [vocab] = matrix(head, "head");
  const { dtype } = hidden;
  const k = kernels(dtype);
  const chunkShape = [Math.min(CHUNK, rows), vocab];
  const h = floats(hidden), products = productsBy(head, dtype);
  const forward = (use: UseLogits): void =>
    withScratch(() => {
      const scratch = floats(empty(dtype, chunkShape));
      for (let start = 0; start < rows; start += CHUNK) {
        const end = Math.min(start + CHUNK, rows);
        const chunk = scratch.subarray(0, (end - start) * vocab);
        const x = h.subarray(start * dim, end * dim);
        products.forward(end - start, x, chunk);
        if (softcap !== undefined) k.softcap(chunk, chunk, softcap);
        use(chunk, start, end);
      }
    });
  /** `use`, and then from the gradient of capped logits to that of the logits. */
  const uncapped = (use: UseLogits): UseLogits => (chunk, start, end) => {
    if (softcap === undefined) return use(chunk, start, end);
    withScratch(() => {
      const capped = floats(empty(dtype, chunkShape)).subarray(0, chunk.length);
      capped.set(chunk);
      use(chunk, start, end);
      k.softcapBackward(capped, chunk, chunk, softcap);
    });
  };
  const backward = (use: UseLogits, needHead: boolean): readonly [Tensor, Tensor | undefined] => {
    const dHidden = empty(dtype, hidden.shape), dHead = needHead ? zeros(dtype, head.shape) : undefined;
    const backwards = uncapped(use);
    forward((chunk, start, end) => {
      backwards(chunk, start, end);
      const n = end - start;
      const [x, dx] = [h, floats(dHidden)].map((all) => all.subarray(start * dim, end * dim)) as [Floats, Floats];
      products.backward(n, chunk, dx);
      if (dHead !== undefined) {
        k.gemm(vocab, dim, n, chunk, transposed(vocab), x, asStored(dim), floats(dHead), dim, 1);
      }
    });
    return [dHidden, dHead];
  };
  return { rows, vocab, forward, backward };
}
