/** The clip that some course texts and codes have, as a control: it is wrong, and learning does not show it. */
import { exp, mul, neg, scale, stopGradient, sub, sum } from "../../lib/grad/ops.ts";
import { derive } from "../../lib/grad/primitive.ts";
import type { Loss } from "../../lib/grad/value_and_grad.ts";
import type { PpoTokens } from "../../lib/losses/ppo.ts";
import { size, tensor } from "../../lib/tensor/tensor.ts";

/** The mean of −ρA with no gradient wherever |ρ − 1| ≥ clipRange, whatever the sign of the advantage. */
export function maskedClipLoss({ tokenLogps, oldLogps, advantages }: PpoTokens, clipRange: number): Loss {
  const ratio = exp(sub(tokenLogps, stopGradient(oldLogps)));
  const inside = tensor(ratio.shape, Array.from(ratio.data, (r) => Number(Math.abs(r - 1) < clipRange)), ratio.dtype);
  const masked = derive(scale(ratio, 1), [ratio], (g) => [mul(g, inside)]);
  return { loss: { sum: neg(sum(mul(masked, stopGradient(advantages)))), count: size(ratio.shape) }, metrics: {} };
}
