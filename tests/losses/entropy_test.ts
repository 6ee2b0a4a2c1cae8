/** entropies() and entropyBonus() held to numbers of 60-digit arithmetic. */
import { assertEquals, assertThrows } from "@std/assert";
import { entropies } from "../../lib/grad/entropies.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { entropyBonus } from "../../lib/losses/entropy.ts";
import { divide } from "../../lib/tensor/mean.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { inEachPrecision, oracle } from "../oracles.ts";

type Inputs = Readonly<{ logits: number[] }>;
type Expected = Readonly<{ entropy: number; grad_logits: number[] }>;

inEachPrecision("entropyBonus() has the entropy and gradient of entropy_and_grad, times −coef", ({ dtype, near }) => {
  const { inputs: { logits }, expected } = oracle<Inputs, Expected>("entropy_and_grad");
  const identity = tensor([4, 4], Array.from({ length: 16 }, (_, i) => Number(i % 5 === 0)), dtype);
  // Two positions with the same logits: the mean is the entropy of one, each has half of its gradient.
  const params = { h: tensor([2, 4], [...logits, ...logits], dtype) };
  const f = (p: { h: Tensor }): Loss =>
    entropyBonus(entropies(p.h, identity), Int32Array.of(0, 2), { coef: 0.1, reduction: "token" });
  const { loss, grads, metrics } = valueAndGrad(f)(params);
  near(loss, -0.1 * expected.entropy);
  near(divide(metrics["policy/entropy_avg"]!), expected.entropy);
  near(grads.h.data, [...expected.grad_logits, ...expected.grad_logits].map((g) => -0.05 * g));
});

Deno.test("entropyBonus() averages as it is told", () => {
  const bonus = (reduction: "token" | "sequence"): number => {
    const of = entropyBonus(tensor([3], [1, 2, 6], "f64"), Int32Array.of(0, 2, 3), { coef: 1, reduction });
    return divide(of.metrics["policy/entropy_avg"]!);
  };
  assertEquals([bonus("token"), bonus("sequence")], [3, 3.75]);
});

Deno.test("entropyBonus() refuses a price below zero", () => {
  assertThrows(
    () => entropyBonus(tensor([1], [1]), Int32Array.of(0, 1), { coef: -1, reduction: "token" }),
    RangeError,
    "Cannot compute entropyBonus as coef must be ≥ 0 and finite: current value is -1",
  );
});
