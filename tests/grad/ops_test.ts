import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import * as ops from "../../lib/grad/ops.ts";
import { accumulateGrads, type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { derive } from "../../lib/grad/primitive.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { dispose, item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";

function random(name: string, shape: number[]): Tensor {
  return tensor(shape, normal(fold(key(5), name), shape.reduce((a, b) => a * b, 1)), "f64");
}

const x = random("x", [7]);
const y = ops.shift(ops.square(random("y", [7])), 0.5);
const one = random("one", [1]);

const cases: Readonly<Record<string, (p: { x: Tensor; y: Tensor; one: Tensor }) => Tensor>> = {
  neg: (p) => ops.neg(p.x),
  exp: (p) => ops.exp(p.x),
  log: (p) => ops.log(p.y),
  square: (p) => ops.square(p.x),
  sigmoid: (p) => ops.sigmoid(p.x),
  logSigmoid: (p) => ops.logSigmoid(p.x),
  scale: (p) => ops.scale(p.x, -2.5),
  shift: (p) => ops.shift(p.x, 3),
  add: (p) => ops.add(ops.add(p.x, p.y), p.one),
  sub: (p) => ops.sub(p.one, ops.sub(p.x, p.y)),
  mul: (p) => ops.mul(ops.mul(p.x, p.y), p.one),
  div: (p) => ops.div(ops.div(p.x, p.y), p.one),
  max: (p) => ops.max(ops.max(p.x, p.y), p.one),
  min: (p) => ops.min(p.one, ops.min(p.x, p.y)),
  clamp: (p) => ops.clamp(ops.square(p.x), 0.3, 1.1),
  sum: (p) => ops.mul(ops.sum(p.x), p.y),
  segmentSum: (p) => ops.segmentSum(p.x, Int32Array.of(0, 2, 2, 7)),
  reshape: (p) => ops.mul(ops.reshape(p.x, [7, 1]), ops.reshape(p.y, [7, 1])),
  "one tensor used twice": (p) => ops.add(ops.mul(p.x, p.x), ops.exp(p.x)),
};

for (const [name, f] of Object.entries(cases)) {
  Deno.test(`${name} has the gradient of central differences`, () => {
    for (const seed of [1, 2, 3]) assertLess(checkGrads(f, { x, y, one }, { key: key(seed) }).error, 1e-8);
  });
}

Deno.test("checkGrads() refutes a vjp that is wrong by its sign", () => {
  const wrong = (t: Tensor): Tensor => derive(ops.square(t), [t], (g) => [ops.scale(ops.mul(g, t), -2)]);
  assertLess(0.1, checkGrads((p: { x: Tensor }) => wrong(p.x), { x }, { key: key(1) }).error);
});

Deno.test("logSigmoid() is exact at ±1e3", () => {
  assertEquals([...ops.logSigmoid(tensor([2], [1e3, -1e3], "f64")).data], [-0, -1000]);
});

Deno.test("max() and min() of equals give the whole gradient to the first; clamp() keeps it at its ends", () => {
  const same = tensor([3], [-1, 0.2, 2], "f64");
  const slopes = (f: (p: { a: Tensor; b: Tensor }) => Tensor): readonly number[][] => {
    const { grads } = valueAndGrad((p: { a: Tensor; b: Tensor }) => ({
      loss: { sum: ops.sum(f(p)), count: 1 },
      metrics: {},
    }))({ a: same, b: same });
    return [[...grads.a.data], [...grads.b.data]];
  };
  for (const op of [ops.max, ops.min]) assertEquals(slopes(({ a, b }) => op(a, b)), [[1, 1, 1], [0, 0, 0]]);
  assertEquals(slopes(({ a }) => ops.clamp(a, -1, 0.2))[0], [1, 1, 0]);
  assertEquals([...ops.clamp(same, -0.5, Infinity).data], [-0.5, 0.2, 2]);
  assertThrows(() => ops.clamp(same, 1, NaN), RangeError, "low must be ≤ high: current values are 1 and NaN");
});

const squares = (p: { w: Tensor }, xs: readonly number[]): Loss => ({
  loss: { sum: ops.sum(ops.square(ops.sub(tensor([xs.length], xs, "f64"), p.w))), count: xs.length },
  metrics: { mean: { sum: xs.reduce((a, b) => a + b, 0), count: xs.length } },
});

Deno.test("valueAndGrad() gives loss, gradient and metrics of the mean", () => {
  const { loss, grads, metrics } = valueAndGrad(squares)({ w: tensor([1], [1], "f64") }, [1, 2, 6]);
  assertAlmostEquals(loss, 26 / 3, 1e-14);
  assertAlmostEquals(item(grads.w), -4, 1e-14); // 2·(1 − 3)
  assertEquals(metrics.mean, { sum: 9, count: 3 });
});

Deno.test("accumulateGrads() over unequal parts equals the whole; a mean of means does not", () => {
  const p = { w: tensor([1], [1], "f64") };
  const whole = valueAndGrad(squares)(p, [1, 2, 6]);
  const parts = accumulateGrads(squares)(p, [[1], [2, 6]]);
  assertAlmostEquals(parts.loss, whole.loss, 1e-14);
  assertAlmostEquals(item(parts.grads.w), item(whole.grads.w), 1e-14);
  assertEquals(parts.metrics, whole.metrics);
  assertAlmostEquals((0 + (1 + 25) / 2) / 2, 6.5); // the mean of the parts' means, where the whole has 26/3
});

Deno.test("a loss that does not depend on its params is refused", () => {
  const constant = (): Loss => ({ loss: { sum: ops.sum(x), count: 1 }, metrics: {} });
  assertThrows(() => valueAndGrad(constant)({ w: x }), TypeError, "must depend on its params");
  const stopped = (p: { w: Tensor }): Loss => ({
    loss: { sum: ops.sum(ops.stopGradient(p.w)), count: 1 },
    metrics: {},
  });
  assertThrows(() => valueAndGrad(stopped)({ w: x }), TypeError, "must depend on its params");
});

Deno.test("shapes and dtypes never mix", () => {
  assertThrows(() => ops.add(x, random("z", [3])), TypeError, "f64 [7] and f64 [3]");
  assertThrows(() => ops.add(x, tensor([7], [...x.data], "f32")), TypeError, "f64 [7] and f32 [7]");
});

Deno.test("accumulateGrads() holds two gradients at most, however many parts there are", () => {
  const p = { w: tensor([100_000], new Float64Array(100_000).fill(1), "f64") };
  const wide = (q: { w: Tensor }, x: number): Loss => ({
    loss: { sum: ops.sum(ops.scale(q.w, x)), count: 1 },
    metrics: {},
  });
  const heldBy = (parts: number): number =>
    scope(() => {
      const before = memoryUse().bytes;
      accumulateGrads(wide)(p, Array.from({ length: parts }, (_, i) => i));
      return memoryUse().bytes - before;
    });
  assertEquals(heldBy(16), heldBy(3));
});

Deno.test("valueAndGrad() outside a scope leaves nothing behind but the gradients", () => {
  const p = { w: tensor([10_000], new Float64Array(10_000).fill(1), "f64") };
  const before = memoryUse().bytes;
  const { grads } = valueAndGrad((q: { w: Tensor }): Loss => ({
    loss: { sum: ops.sum(ops.exp(ops.square(ops.scale(q.w, 0.5)))), count: 1 },
    metrics: {},
  }))(p);
  dispose(grads.w);
  assertEquals(memoryUse().bytes, before);
});
