/** ppoLoss held to numbers of 60-digit arithmetic, and to the quadrants in which its gradient ends. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { ppoLoss, type PpoOptions } from "../../lib/losses/ppo.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";
import { kept } from "../rl/ragged.ts";
import { maskedClipLoss } from "./masked_clip.ts";

interface Inputs extends Readonly<Record<"new_logps" | "old_logps" | "advantages" | "mask", number[]>> {
  readonly clip_low: number;
  readonly clip_high: number;
  readonly dual_clip?: number;
}

interface Expected extends Readonly<Record<"losses" | "grad_new_logps", number[]>> {
  readonly loss: number;
  readonly ratio_mean: number;
  readonly approx_kl_k2: number;
  readonly approx_kl_k3: number;
  readonly clipfrac: number;
}

interface Given {
  readonly params: { readonly x: Tensor };
  readonly fixed: Readonly<Record<"oldLogps" | "advantages", Tensor>>;
  readonly offsets: Int32Array;
}

/** A case without its padding, as one completion. */
function given(inputs: Inputs, dtype: Dtype): Given {
  const column = (values: readonly number[]): Tensor => {
    const real = kept(values, inputs.mask);
    return tensor([real.length], real, dtype);
  };
  const x = column(inputs.new_logps);
  const fixed = { oldLogps: column(inputs.old_logps), advantages: column(inputs.advantages) };
  return { params: { x }, fixed, offsets: Int32Array.of(0, x.data.length) };
}

function optionsOf({ clip_low: clipLow, clip_high: clipHigh, dual_clip: dualClip }: Inputs): PpoOptions {
  if (dualClip !== undefined) return { type: "dual", clipLow, clipHigh, dualClip, reduction: "token" };
  return clipLow === clipHigh
    ? { type: "clip", clipRange: clipLow, reduction: "token" }
    : { type: "asymmetric", clipLow, clipHigh, reduction: "token" };
}

const cases = ["ppo_quadrants", "ppo_masked", "ppo_clip_higher", "ppo_dual_clip", "ppo_on_policy_first_step"];

for (const id of cases) {
  inEachPrecision(`ppoLoss() has the loss, gradient and metrics of ${id}`, ({ dtype, near }) => {
    const { inputs, expected } = oracle<Inputs, Expected>(id);
    const { params, fixed, offsets } = given(inputs, dtype);
    const f = (p: typeof params): Loss => ppoLoss({ tokenLogps: p.x, ...fixed }, offsets, optionsOf(inputs));
    const { loss, grads, metrics } = valueAndGrad(f)(params);
    near(loss, expected.loss);
    near(grads.x.data, kept(expected.grad_new_logps, inputs.mask));
    const figures = divideMeans(metrics);
    near(figures["loss/policy_avg"]!, expected.loss);
    near(figures["val/ratio"]!, expected.ratio_mean);
    near(figures["policy/approxkl_avg"]!, expected.approx_kl_k2);
    near(figures["policy/approxkl_k3_avg"]!, expected.approx_kl_k3);
    near(figures["policy/clipfrac_avg"]!, expected.clipfrac);
  });
}

Deno.test("ppoLoss() on the first step has ratio 1 and no KL, to the last bit", () => {
  const { params, fixed, offsets } = given(oracle<Inputs, Expected>("ppo_on_policy_first_step").inputs, "f32");
  const { metrics } = ppoLoss({ tokenLogps: params.x, ...fixed }, offsets, {
    type: "clip",
    clipRange: 0.2,
    reduction: "token",
  });
  const figures = divideMeans(metrics);
  assertEquals([figures["val/ratio"], figures["policy/approxkl_avg"], figures["policy/approxkl_k3_avg"]], [1, 0, 0]);
});

Deno.test("the oracle refutes a gradient masked by |ρ − 1| < ε whatever the sign of the advantage", () => {
  const { inputs, expected } = oracle<Inputs, Expected>("ppo_quadrants");
  const { params, fixed } = given(inputs, "f64");
  const wrong = ({ x }: typeof params): Loss => maskedClipLoss({ tokenLogps: x, ...fixed }, 0.2);
  const { grads } = valueAndGrad(wrong)(params);
  assertNear(grads.x.data, [0, 0, -0.125, 0.125, 0, 0, -0.275, 0.05625], { rtol: 1e-12, atol: 1e-12 });
  assertNotEquals(Array.from(grads.x.data, (g) => g === 0), expected.grad_new_logps.map((g) => g === 0));
});
