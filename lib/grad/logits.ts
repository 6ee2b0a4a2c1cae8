/**
 * Logits of a vocabulary, a chunk of rows at a time: `[N, V]` never exists at once, and the backward pass makes the
 * chunks again that were not kept.
 */
import type { Floats } from "../kernels/kernels.ts";
import { withScratch } from "../kernels/memory.ts";
import { kernels, rowsAtOnce } from "../kernels/provider.ts";
import { empty, floats, type HalfTensor, type Tensor, zeros } from "../tensor/tensor.ts";
import { asStored, matrix, transposed } from "./matrix.ts";
import { productsBy } from "./products.ts";

/** The most numbers of logits held at once: of a large vocabulary there are fewer rows. */
const CHUNK = 1 << 24;

/** Numbers that may be kept for the backward pass, as making them again takes longer: memory does not grow with N and V. */
const KEPT = 1 << 24;

/** Rows of a chunk, where it is to have `most`. */
export function chunkRows(rows: number, vocab: number, most: number): number {
  return Math.min(most, Math.max(4, Math.floor(CHUNK / vocab / 4) * 4), rows);
}

/** Reads, or writes over, the logits `[end − start, V]` of the rows start … end−1. */
export type UseLogits = (logits: Floats, start: number, end: number) => void;

/** How logits are made. */
export interface LogitOptions {
  /** Logits z become softcap · tanh(z / softcap); they stay if not given. */
  readonly softcap?: number | undefined;
}

/** Whether there will be a backward pass, and the forward pass only reads the logits, so that some can be kept. */
interface Keeping {
  readonly keep?: boolean;
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
export function logits(
  hidden: Tensor,
  head: Tensor | HalfTensor,
  { softcap, keep = false }: LogitOptions & Keeping = {},
): Logits {
  const [rows, dim] = matrix(hidden, "hidden");
  const [vocab] = matrix(head, "head");
  const { dtype } = hidden;
  const k = kernels(dtype);
  const most = chunkRows(rows, vocab, rowsAtOnce(dtype));
  const chunks = Array.from({ length: Math.ceil(rows / most) }, (_, i) => {
    return [i * most, Math.min((i + 1) * most, rows)] as const;
  });
  const h = floats(hidden), products = productsBy(head, dtype);
  const room = (start: number, end: number): Floats => floats(empty(dtype, [end - start, vocab]));
  const make = (z: Floats, start: number, end: number): Floats => {
    products.forward(end - start, h.subarray(start * dim, end * dim), z);
    if (softcap !== undefined) k.softcap(z, z, softcap);
    return z;
  };
  const kept = chunks.slice(0, keep ? Math.floor(KEPT / (most * vocab)) : 0).map((c) => make(room(...c), ...c));
  const forward = (use: UseLogits): void =>
    withScratch(() => {
      const scratch = room(0, most);
      chunks.forEach(([start, end], i) => {
        use(kept[i] ?? make(scratch.subarray(0, (end - start) * vocab), start, end), start, end);
      });
    });
  /** `use`, and then from the gradient of capped logits to that of the logits. */
  const uncapped = (use: UseLogits): UseLogits => (chunk, start, end) => {
    if (softcap === undefined) return use(chunk, start, end);
    withScratch(() => {
      const capped = room(start, end);
      capped.set(chunk);
      use(chunk, start, end);
      k.softcapBackward(capped, chunk, chunk, softcap);
    });
  };
  const backward = (use: UseLogits, needHead: boolean): readonly [Tensor, Tensor | undefined] => {
    const dHidden = empty(dtype, hidden.shape);
    const dHead = needHead ? (chunks.length > 0 ? empty : zeros)(dtype, head.shape) : undefined;
    const backwards = uncapped(use);
    forward((chunk, start, end) => {
      backwards(chunk, start, end);
      const n = end - start;
      const [x, dx] = [h, floats(dHidden)].map((all) => all.subarray(start * dim, end * dim)) as [Floats, Floats];
      products.backward(n, chunk, dx);
      if (dHead !== undefined) {
        const beta = start === 0 ? 0 : 1;
        k.gemm(vocab, dim, n, chunk, transposed(vocab), x, asStored(dim), floats(dHead), dim, beta);
      }
    });
    kept.length = 0; // they are gradients now
    return [dHidden, dHead];
  };
  return { rows, vocab, forward, backward };
}
