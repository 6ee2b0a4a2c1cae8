/** dpoLoss held to numbers of 60-digit arithmetic and to its central law; more laws in `dpo_laws_test.ts`. */
import { assertAlmostEquals } from "@std/assert";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { dpoLoss } from "../../lib/losses/dpo.ts";
import { divide, meanOf } from "../../lib/tensor/mean.ts";
import { item, tensor } from "../../lib/tensor/tensor.ts";
import { inEachPrecision } from "../oracles.ts";
import { dpoOracle, type Policy } from "./dpo_oracle.ts";

for (const id of ["dpo_sigmoid", "dpo_sigmoid_extreme", "dpo_cdpo_ls0.1"]) {
  inEachPrecision(`dpoLoss() has the loss, gradients and metrics of ${id}`, ({ dtype, near }) => {
    const { policy, reference, options, expected } = dpoOracle(id, dtype);
    const { loss, grads, metrics } = valueAndGrad((p: Policy) => dpoLoss({ ...p, ...reference }, options))(policy);
    near(loss, expected.loss);
    near(grads.chosen.data, expected.grad_policy_chosen);
    near(grads.rejected.data, expected.grad_policy_rejected);
    near(divide(metrics["rewards/chosen"]!), divide(meanOf(expected.rewards_chosen)));
    near(divide(metrics["rewards/rejected"]!), divide(meanOf(expected.rewards_rejected)));
    near(divide(metrics["rewards/accuracies"]!), expected.accuracy);
  });
}

Deno.test("dpoLoss() equals ln 2 when policy and reference agree", () => {
  const x = tensor([3], [-4, -700, 0], "f64");
  const { loss } = dpoLoss({ chosen: x, rejected: x, refChosen: x, refRejected: x }, { beta: 0.3 });
  assertAlmostEquals(item(loss.sum) / loss.count, Math.log(2), 1e-15);
});
