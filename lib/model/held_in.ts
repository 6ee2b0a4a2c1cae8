/** A decoder whose matrices are held in 16 bits a number: what is not trained needs no more. */
import { type Half, narrow } from "../kernels/half.ts";
import { buildHalf, floats, isHalf, type Tensor } from "../tensor/tensor.ts";
import { treeMap } from "../tensor/tree.ts";
import type { DecoderParams } from "./decoder.ts";

/**
 * The decoder with every matrix rounded to 16 bits a number, at half the memory; norms and biases, and its adapter, stay.
 * Weights that come from a file of that format keep their values. It computes as with the widened matrices, bit for bit,
 * and only an adapter of it can be trained.
 *
 * @example
 * ```ts
 * import { type DecoderParams, heldIn, initAdapter, key, withAdapter } from "@logratio/logratio";
 * const small = (policy: DecoderParams): DecoderParams =>
 *   withAdapter(heldIn(policy, "bf16"), initAdapter(key(0), policy, { rank: 8 }));
 * ```
 */
export function heldIn(params: DecoderParams, half: Half): DecoderParams {
  const { adapter, ...base } = params;
  const held = (t: Tensor): Tensor => {
    if (isHalf(t) || t.shape.length !== 2) return t;
    const values = floats(t);
    return buildHalf(half, t.shape, (bits) => narrow(half, values, bits)) as unknown as Tensor;
  };
  return { ...treeMap(held, base as DecoderParams), ...adapter !== undefined && { adapter } };
}
