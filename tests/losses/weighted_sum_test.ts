import { assertEquals, assertThrows } from "@std/assert";
import { sum } from "../../lib/grad/ops.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { weightedSum } from "../../lib/losses/weighted_sum.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";

const lossOf = (x: Tensor, name: string, count = 4): Loss => ({
  loss: { sum: sum(x), count },
  metrics: { [name]: { sum: 1, count } },
});

Deno.test("weightedSum() weighs losses and their gradients, and keeps the metrics of all", () => {
  const params = { a: tensor([2], [1, 2], "f64"), b: tensor([1], [8], "f64") };
  const f = (p: typeof params): Loss => weightedSum([[1, lossOf(p.a, "one")], [0.5, lossOf(p.b, "two")]]);
  const { loss, grads, metrics } = valueAndGrad(f)(params);
  assertEquals([loss, ...grads.a.data, ...grads.b.data], [(3 + 4) / 4, 0.25, 0.25, 0.125]);
  assertEquals(metrics, { one: { sum: 1, count: 4 }, two: { sum: 1, count: 4 } });
});

Deno.test("weightedSum() refuses means over other numbers of terms, weights that are no numbers, and nothing", () => {
  const one = tensor([1], [1]);
  assertThrows(
    () => weightedSum([[1, lossOf(one, "a", 4)], [1, lossOf(one, "b", 5)]]),
    RangeError,
    "Cannot add losses as their counts must be equal: 4, 5",
  );
  assertThrows(() => weightedSum([]), RangeError, "Cannot add losses as their counts must be equal: there is none");
  assertThrows(
    () => weightedSum([[NaN, lossOf(one, "a")]]),
    RangeError,
    "Cannot add losses as weights must be finite: current value is NaN",
  );
});
