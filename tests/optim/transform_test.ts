import { assertEquals } from "@std/assert";
import {
  applyUpdates,
  chain,
  clipByGlobalNorm,
  scale,
  type Tensor,
  tensor,
  type Transform,
  treeMap,
} from "../../mod.ts";

/** Gradient descent made of what mod.ts exports alone. */
const sgd = (lr: number): Transform<null> => ({
  init: () => null,
  update: (grads, state) => ({ updates: treeMap((g) => scale(g, -lr), grads), state, metrics: { learning_rate: lr } }),
});

Deno.test("a transform made outside the library chains with the library's own", () => {
  const params: { readonly w: Tensor } = { w: tensor([2], [1, 1]) };
  const optimizer = chain(clipByGlobalNorm(1, { eps: 0 }), sgd(0.5));
  const { updates, metrics } = optimizer.update({ w: tensor([2], [6, -8]) }, optimizer.init(params), params);
  assertEquals(metrics, { grad_norm: 10, learning_rate: 0.5 });
  assertEquals([...applyUpdates(params, updates).w.data], [1 - 0.3, 1 + 0.4].map(Math.fround));
});
