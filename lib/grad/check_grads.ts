/** The check that every primitive and every loss goes through. */
import { fold, type Key, normal } from "../tensor/random.ts";
import { build, floats, item, type Tensor } from "../tensor/tensor.ts";
import { leaves, treeMap } from "../tensor/tree.ts";
import { mul, sum } from "./ops.ts";
import { valueAndGrad } from "./value_and_grad.ts";

/** The two sides of the comparison and their relative difference. */
export interface GradientCheck {
  /** d·∇(c·f) by the backward walk. */
  readonly analytic: number;
  /** The same slope by central differences. */
  readonly numeric: number;
  /** |analytic − numeric| / max(1, |numeric|). */
  readonly error: number;
}

function randomLike<P>(key: Key, tree: P): P {
  return treeMap(
    (leaf, path) => build(leaf.dtype, leaf.shape, (out) => out.set(normal(fold(key, path), out.length))),
    tree,
  );
}

/** p + step·d, leaf by leaf. */
function moved<P>(params: P, direction: P, step: number): P {
  return treeMap(
    (p, d) => build(p.dtype, p.shape, (out) => out.set(floats(p).map((x, i) => x + step * (floats(d)[i] as number)))),
    params,
    direction,
  );
}

/**
 * Compares gradients with differences by random projection: for random directions d (of the params) and c (of the
 * output), c·(f(p + hd) − f(p − hd)) / 2h, improved by Richardson's step, against d·∇(c·f). Use f64 params.
 *
 * @param f from a tree of tensors to a tensor of any shape
 * @param options.key draws the two directions
 * @param options.step h, default 1e-3 (the error of the numeric side is of order h⁴)
 * @see HIPS autograd `test_util.py`
 * @example
 * ```ts
 * import { checkGrads, key, logSigmoid, type Tensor, tensor } from "@logratio/logratio";
 * const x = tensor([3], [-2, 0, 5], "f64");
 * const { error } = checkGrads((p: { x: Tensor }) => logSigmoid(p.x), { x }, { key: key(0) }); // about 1e-12
 * ```
 */
export function checkGrads<P>(
  f: (params: P) => Tensor,
  params: P,
  options: { key: Key; step?: number },
): GradientCheck {
  const { key, step = 1e-3 } = options;
  const direction = randomLike(fold(key, "params"), params);
  const cotangent = randomLike(fold(key, "output"), f(params));
  const projected = (p: P): Tensor => sum(mul(f(p), cotangent));
  const { grads } = valueAndGrad((p: P) => ({ loss: { sum: projected(p), count: 1 }, metrics: {} }))(params);
  const products = leaves(treeMap((g, d) => sum(mul(g, d)), grads, direction));
  const analytic = products.reduce((total, [, x]) => total + item(x), 0);
  const slope = (h: number): number =>
    (item(projected(moved(params, direction, h))) - item(projected(moved(params, direction, -h)))) / (2 * h);
  const numeric = (4 * slope(step / 2) - slope(step)) / 3;
  return { analytic, numeric, error: Math.abs(analytic - numeric) / Math.max(1, Math.abs(numeric)) };
}
