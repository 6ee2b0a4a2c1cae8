/** The critic's loss: squared distance of predicted values to the returns. */
import { max, min, scale, shift, square, stopGradient, sub } from "../grad/ops.ts";
import type { Loss } from "../grad/value_and_grad.ts";
import { meanOf } from "../tensor/mean.ts";
import { floats, item, showShape, type Tensor } from "../tensor/tensor.ts";
import { reduce, type Reduction } from "./reduction.ts";

/** What is known of each token, `[T]` each. */
export interface ValueTokens {
  /** Value before the token, as predicted by the critic that is trained. */
  readonly values: Tensor;
  /** What was returned; a constant. */
  readonly returns: Tensor;
}

/** Whether a value may leave the neighbourhood of the one it had at the rollout. */
export type ValueClip =
  | { readonly type: "plain" }
  /** Beyond oldValues ± clipRange a value gains nothing; `oldValues` `[T]` are constants. */
  | { readonly type: "clip"; readonly clipRange: number; readonly oldValues: Tensor };

/** Options of `valueLoss`. */
export type ValueOptions = ValueClip & {
  /** What is averaged. */
  readonly reduction: Reduction;
};

/**
 * L = ½ mean_t (V_t − R_t)²; with `clip` ½ mean_t max((V_t − R_t)², (clip(V_t, V_old ± ε) − R_t)²).
 *
 * The gradient by V_t is (V_t − R_t) / count, and 0 where the clipped term is the larger one. `val/clipfrac_avg` is the
 * share of such tokens, `loss/value_avg` the loss. Tests: `tests/losses/value_test.ts` (oracle `value_loss_clipped`, TRL).
 *
 * @param offsets completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`
 * @throws {RangeError} if clipRange is not > 0, or the type is none of the two
 * @throws {TypeError} if the shapes differ
 * @see Schulman et al. 2016, "High-dimensional continuous control using generalized advantage estimation", section 5
 * @example
 * ```ts
 * import { tensor, valueLoss } from "@logratio/logratio";
 * const tokens = { values: tensor([2], [1, 0]), returns: tensor([2], [0, 0.5]) };
 * const { loss } = valueLoss(tokens, Int32Array.of(0, 2), { type: "plain", reduction: "token" }); // ½ + ⅛, count 2
 * ```
 */
export function valueLoss(tokens: ValueTokens, offsets: Int32Array, options: ValueOptions): Loss {
  check(tokens, options);
  const { values } = tokens;
  const returns = stopGradient(tokens.returns);
  const free = square(sub(values, returns));
  // Inside the range max() and min() hand the value through untouched, so both squares are equal and the first counts.
  const near = options.type === "plain" ? values : nearOld(values, options.oldValues, options.clipRange);
  const clipped = square(sub(near, returns));
  const loss = reduce(scale(max(free, clipped), 0.5), offsets, options.reduction);
  const stopped = Array.from(floats(free), (x, i) => Number(x < (floats(clipped)[i] as number)));
  return {
    loss,
    metrics: {
      "loss/value_avg": { sum: item(loss.sum), count: loss.count },
      ...(options.type === "clip" ? { "val/clipfrac_avg": meanOf(stopped) } : {}),
    },
  };
}

/** clip(values, old ± range). */
function nearOld(values: Tensor, oldValues: Tensor, range: number): Tensor {
  const old = stopGradient(oldValues);
  return min(max(values, shift(old, -range)), shift(old, range));
}

function check({ values, returns }: ValueTokens, options: ValueOptions): void {
  const clips = options.type === "clip";
  if (!clips && options.type !== "plain") {
    const { type } = options as { type: unknown };
    throw new RangeError(`Cannot compute valueLoss as type must be plain or clip: current value is ${type}`);
  }
  if (clips && !(options.clipRange > 0 && options.clipRange < Infinity)) {
    throw new RangeError(
      `Cannot compute valueLoss as clipRange must be > 0 and finite: current value is ${options.clipRange}`,
    );
  }
  const shapes = [values, returns, ...(clips ? [options.oldValues] : [])].map((t) => showShape(t.shape));
  if (new Set(shapes).size > 1 || values.shape.length !== 1) {
    throw new TypeError(
      `Cannot compute valueLoss as values, returns and oldValues must be [T]: ${shapes.join(", ")}`,
    );
  }
}
