/** dpoLoss held to numbers of 60-digit arithmetic and to its central law; more laws in `dpo_laws_test.ts`. */
import { assertAlmostEquals } from "@std/assert";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { dpoLoss } from "../../lib/losses/dpo.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { inEachPrecision, oracle } from "../oracles.ts";

type Inputs = Readonly<
  Record<"policy_chosen" | "policy_rejected" | "ref_chosen" | "ref_rejected", number[]> & {
    beta: number;
    label_smoothing?: number;
  }
>;
type Expected = Readonly<
  Record<"grad_policy_chosen" | "grad_policy_rejected" | "margins", number[]> & Record<"loss" | "accuracy", number>
>;

for (const id of ["dpo_sigmoid", "dpo_sigmoid_extreme", "dpo_cdpo_ls0.1"]) {
  inEachPrecision(`dpoLoss() has the loss, gradients and metrics of ${id}`, ({ dtype, near }) => {
    const { inputs, expected } = oracle<Inputs, Expected>(id);
    const logps = (values: readonly number[]): Tensor => tensor([values.length], values, dtype);
    const ref = { refChosen: logps(inputs.ref_chosen), refRejected: logps(inputs.ref_rejected) };
    const policy = { chosen: logps(inputs.policy_chosen), rejected: logps(inputs.policy_rejected) };
    const options = { beta: inputs.beta, labelSmoothing: inputs.label_smoothing };
    const { loss, grads, metrics } = valueAndGrad((p: typeof policy) => dpoLoss({ ...p, ...ref }, options))(policy);
    near(loss, expected.loss);
    near(grads.chosen.data, expected.grad_policy_chosen);
    near(grads.rejected.data, expected.grad_policy_rejected);
    const { "rewards/margins": margin, "rewards/accuracies": accuracy } = divideMeans(metrics);
    near(margin as number, expected.margins.reduce((a, b) => a + b) / expected.margins.length);
    near(accuracy as number, expected.accuracy);
  });
}

Deno.test("dpoLoss() equals ln 2 when policy and reference agree", () => {
  const x = tensor([3], [-4, -700, 0], "f64");
  const { loss } = dpoLoss({ chosen: x, rejected: x, refChosen: x, refRejected: x }, { beta: 0.3 });
  assertAlmostEquals(item(loss.sum) / loss.count, Math.log(2), 1e-15);
});
