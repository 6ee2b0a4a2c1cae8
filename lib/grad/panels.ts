/**
 * Matrices in panels: once more, in the order in which kernels read them fastest. It pays for those that many products of few
 * rows are made with, as in generation; no result depends on it.
 */
import type { Floats } from "../kernels/kernels.ts";
import { kernels } from "../kernels/provider.ts";
import { build, dispose, floats, type HalfTensor, isAlive, isHalf, type Tensor } from "../tensor/tensor.ts";
import { matrix } from "./matrix.ts";

const inPanels = new WeakMap<Tensor | HalfTensor, Tensor>();

/** Columns of a panel, of which a matrix must have whole ones. */
const PANEL = 8;

/**
 * Puts matrices into panels, which `multiplyByAll` reads in their place until the function that is returned is called. Those
 * that cannot be put, or are already, are left as they are.
 *
 * @param weights `[out, in]` each
 */
export function putIntoPanels(weights: readonly (Tensor | HalfTensor)[]): () => void {
  const put = weights.flatMap((weight) => {
    const [outer, inner] = matrix(weight, "weight");
    if (isHalf(weight) || outer % PANEL > 0 || panelsOf(weight) !== undefined) return [];
    const { panels } = kernels(weight.dtype);
    if (panels === undefined) return [];
    const made = build(weight.dtype, weight.shape, (out) => panels(floats(weight), outer, inner, out));
    inPanels.set(weight, made);
    return [made];
  });
  return () => put.filter(isAlive).forEach(dispose);
}

/** The panels of a matrix, if it was put into some that can still be read. */
export function panelsOf(weight: Tensor | HalfTensor): Floats | undefined {
  const made = inPanels.get(weight);
  return made !== undefined && isAlive(made) ? floats(made) : undefined;
}
