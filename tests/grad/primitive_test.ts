import { assertAlmostEquals, assertLess } from "@std/assert";
import {
  checkGrads,
  derive,
  item,
  key,
  mul,
  neg,
  shift,
  square,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../mod.ts";

/** tanh x, made of what mod.ts exports alone; `slope` turns tanh x into its derivative. */
function tanh(x: Tensor, slope: (out: Tensor) => Tensor): Tensor {
  const out = tensor(x.shape, Array.from(x.data, Math.tanh), x.dtype);
  return derive(out, [x], (g) => [mul(g, slope(out))]);
}

const right = (out: Tensor): Tensor => shift(neg(square(out)), 1);
const params = { x: tensor([4], [-2, -0.1, 0.3, 5], "f64") };
const errorOf = (slope: (out: Tensor) => Tensor): number =>
  checkGrads((p: typeof params) => tanh(p.x, slope), params, { key: key(1) }).error;

Deno.test("a primitive made outside the library passes checkGrads(), and one with a wrong derivative does not", () => {
  assertLess(errorOf(right), 1e-9);
  assertLess(1e-2, errorOf((out) => shift(neg(out), 1)));
});

Deno.test("a primitive made outside the library is differentiated among the library's own", () => {
  const loss = ({ w }: { w: Tensor }) => ({ loss: { sum: sum(square(tanh(w, right))), count: 1 }, metrics: {} });
  const { grads } = valueAndGrad(loss)({ w: tensor([], [0.5], "f64") });
  assertAlmostEquals(item(grads.w), 2 * Math.tanh(0.5) * (1 - Math.tanh(0.5) ** 2), 1e-14);
});
