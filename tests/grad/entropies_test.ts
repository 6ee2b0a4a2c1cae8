import { assertAlmostEquals, assertLess } from "@std/assert";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { entropies } from "../../lib/grad/entropies.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";

function random(name: string, shape: readonly number[]): Tensor {
  return tensor(shape, normal(fold(key(3), name), shape.reduce((a, b) => a * b, 1)), "f64");
}

Deno.test("entropies() has the gradients of central differences across chunks of rows", () => {
  const params = { h: random("h", [300, 3]), w: random("w", [11, 3]) };
  const { error } = checkGrads((p: typeof params) => entropies(p.h, p.w), params, { key: key(1) });
  assertLess(error, 1e-8);
});

Deno.test("entropies() of equal logits is ln V, of one token that is certain 0", () => {
  const [even, certain] =
    entropies(tensor([2, 2], [0, 0, 1, 0], "f64"), tensor([3, 2], [900, 0, 0, 1, 0, 2], "f64")).data;
  assertAlmostEquals(even as number, Math.log(3), 1e-15);
  assertAlmostEquals(certain as number, 0, 1e-15);
});
