/** Gradient clipping by the norm of all gradients together. */
import { kernels } from "../kernels/provider.ts";
import { type Dtype, floats } from "../tensor/tensor.ts";
import { leaves } from "../tensor/tree.ts";
import { scaleUpdates, type Transform } from "./transform.ts";

/** √Σ g² over all leaves of a tree. */
export function globalNorm(tree: unknown): number {
  const all = leaves(tree).map(([, g]) => g);
  const squaresOf = (dtype: Dtype): number =>
    kernels(dtype).sumOfSquares(all.filter((g) => g.dtype === dtype).map(floats));
  return Math.sqrt([...new Set(all.map(({ dtype }) => dtype))].reduce((sum, dtype) => sum + squaresOf(dtype), 0));
}

/**
 * Scales all gradients by min(1, max / (‖g‖ + eps)); reports `grad_norm`, the norm before clipping.
 *
 * @param max largest norm to let through, > 0
 * @param options.eps 1e-6 by default, as PyTorch's `clip_grad_norm_`
 * @throws {RangeError} if max is not > 0 or eps not ≥ 0
 */
export function clipByGlobalNorm(max: number, options: { readonly eps?: number } = {}): Transform<null> {
  const { eps = 1e-6 } = options;
  if (!(max > 0)) throw new RangeError(`Cannot clip gradients as max must be > 0: current value is ${max}`);
  if (!(eps >= 0)) throw new RangeError(`Cannot clip gradients as eps must be ≥ 0: current value is ${eps}`);
  const scaling = (updates: unknown, state: null): ReturnType<NonNullable<Transform<null>["scaling"]>> => {
    const norm = globalNorm(updates);
    const factor = max / (norm + eps);
    return { factor: factor < 1 ? factor : 1, state, metrics: { grad_norm: norm } };
  };
  return {
    init: () => null,
    update: (updates, state) => {
      const { factor, ...rest } = scaling(updates, state);
      return { ...rest, updates: scaleUpdates(updates, factor) };
    },
    scaling,
  };
}
