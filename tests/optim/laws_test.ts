import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { adamw } from "../../lib/optim/adamw.ts";
import { clipByGlobalNorm, globalNorm } from "../../lib/optim/clip.ts";
import { constantSchedule, cosineSchedule, dpoAuthorsWarmup, linearSchedule } from "../../lib/optim/schedule.ts";
import { applyUpdates, chain, moveParams, type Transform } from "../../lib/optim/transform.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { copy, type Tensor, tensor, zeros } from "../../lib/tensor/tensor.ts";
import { leaves, treeMap } from "../../lib/tensor/tree.ts";

type Params = { readonly w: Tensor; readonly bias: readonly Tensor[] };

function random(seed: number): Params {
  const draw = (name: string, shape: number[]): Tensor =>
    tensor(shape, normal(fold(key(seed), name), shape.reduce((a, b) => a * b)), "f64");
  return { w: draw("w", [3, 2]), bias: [draw("bias", [3])] };
}

const numbers = (tree: unknown): number[] => leaves(tree).flatMap(([, leaf]) => [...leaf.data]);

/** The params after a few steps. */
function after<S>(steps: number, transform: Transform<S>): number[] {
  let params = random(0);
  let state = transform.init(params);
  for (let step = 1; step <= steps; step++) {
    const next = transform.update(random(step), state, params);
    params = applyUpdates(params, next.updates);
    state = next.state;
  }
  return numbers(params);
}

Deno.test("chain() of chains equals the flat chain, and an empty chain passes gradients through", () => {
  const flat = chain(clipByGlobalNorm(2), clipByGlobalNorm(1), adamw({ lr: 0.1 }));
  const nested = chain(chain(clipByGlobalNorm(2), clipByGlobalNorm(1)), chain(adamw({ lr: 0.1 })));
  assertEquals(after(4, nested), after(4, flat));
  const grads = random(1);
  assertEquals(chain().update(grads, [], random(0)).updates, grads);
});

Deno.test("chain() joins metrics in order and keeps every state", () => {
  const optimizer = chain(clipByGlobalNorm(1), adamw({ lr: 0.1 }));
  const params = random(0);
  const norm = globalNorm(random(1));
  const { metrics, state } = optimizer.update(random(1), optimizer.init(params), params);
  assertEquals(metrics, { grad_norm: norm, learning_rate: 0.1 });
  assertEquals([state[0], state[1].step], [null, 1]);
});

Deno.test("adamw() takes a first step of lr in the direction of the sign, whatever the gradient's size", () => {
  for (const size of [1e-4, 1, 1e6]) {
    const optimizer = adamw({ lr: 0.1, eps: 1e-12 });
    const params = { x: tensor([2], [0, 0], "f64") };
    const { updates } = optimizer.update({ x: tensor([2], [size, -size], "f64") }, optimizer.init(params), params);
    for (const [i, x] of [-0.1, 0.1].entries()) assertAlmostEquals(updates.x.data[i] as number, x, 1e-8);
  }
});

Deno.test("adamw() decays matrices alone unless told otherwise, by rate times weight and not by the gradient", () => {
  const step = (decays?: (path: string) => boolean): Params => {
    const optimizer = adamw({ lr: 0.1, weightDecay: 0.5, ...(decays && { decays }) });
    const params = random(0);
    const still = treeMap((t) => zeros(t.dtype, t.shape), params);
    return applyUpdates(params, optimizer.update(still, optimizer.init(params), params).updates);
  };
  const [before, matrices, biases] = [random(0), step(), step((path) => path === "bias.0")];
  const shrunk = (t: Tensor): number[] => [...t.data].map((x) => x + -0.1 * 0.5 * x);
  assertEquals([[...matrices.w.data], [...(matrices.bias[0] as Tensor).data]], [
    shrunk(before.w),
    [...(before.bias[0] as Tensor).data],
  ]);
  assertEquals([[...biases.w.data], [...(biases.bias[0] as Tensor).data]], [
    [...before.w.data],
    shrunk(before.bias[0] as Tensor),
  ]);
});

Deno.test("clipByGlobalNorm() leaves a small gradient its bytes and gives a large one the norm max", () => {
  const [small, large] = [random(1), random(1)];
  const bytes = numbers(small);
  assertEquals(numbers(clipByGlobalNorm(1e3).update(small, null, small).updates), bytes);
  assertAlmostEquals(globalNorm(clipByGlobalNorm(0.5, { eps: 0 }).update(large, null, large).updates), 0.5, 1e-15);
  assertEquals(globalNorm(clipByGlobalNorm(1, { eps: 0 }).update([zeros("f64", [3])], null, []).updates), 0);
});

Deno.test("a step consumes gradients, state and params: the old ones throw, the updates stay", () => {
  const optimizer = chain(clipByGlobalNorm(1e-3), adamw({ lr: 0.1 }));
  const [params, grads] = [random(0), random(1)];
  const state = optimizer.init(params);
  const { updates } = optimizer.update(grads, state, params);
  assertEquals(numbers(params), numbers(random(0)));
  const moved = applyUpdates(params, updates);
  for (const old of [params, grads, state]) {
    for (const [, leaf] of leaves(old)) assertThrows(() => leaf.data, TypeError, "consumed by an update");
  }
  assertEquals(numbers(moved), numbers(random(0)).map((x, i) => x + (numbers(updates)[i] as number)));
});

/** Plain descent, which says nothing of scaling or moving. */
const descent: Transform<null> = {
  init: () => null,
  update: (grads, state) => ({
    updates: treeMap((g) => tensor(g.shape, [...g.data].map((x) => -0.5 * x), g.dtype), grads),
    state,
    metrics: {},
  }),
};

Deno.test("moveParams() is update() and applyUpdates() to the last bit, state and metrics too, for any chain", () => {
  const factor = 0.3;
  const scaled = (tree: Params): Params =>
    treeMap((g) => tensor(g.shape, [...g.data].map((x) => factor * x), "f64"), tree);
  const all = [
    chain(clipByGlobalNorm(0.1), adamw({ lr: 0.1, weightDecay: 0.1 })),
    chain(clipByGlobalNorm(0.1), clipByGlobalNorm(0.07), chain(adamw({ lr: 0.1 }))), // both cut
    chain(descent, clipByGlobalNorm(0.1)),
    chain(clipByGlobalNorm(0.1), descent),
    chain(clipByGlobalNorm(0.1)),
    chain(),
    descent,
  ] as readonly unknown[] as readonly Transform<unknown>[];
  for (const transform of all) {
    const [params, grads] = [random(0), random(1)];
    const moved = moveParams(transform, grads, { params, state: transform.init(params), factor });
    const next = transform.update(scaled(random(1)), transform.init(random(0)), random(0));
    assertEquals(numbers(moved.params), numbers(applyUpdates(random(0), next.updates)));
    assertEquals(moved.metrics, next.metrics);
    assertEquals(numbers(moved.state), numbers(next.state));
    for (const [, leaf] of leaves(params)) assertThrows(() => leaf.data, TypeError, "consumed by an update");
  }
});

Deno.test("a gradient that is not finite is not clipped in moveParams() either: the params show it", () => {
  const optimizer = chain(clipByGlobalNorm(1), adamw({ lr: 0.1 }));
  const params = { w: tensor([2], [1, 2], "f64") };
  const next = moveParams(optimizer, { w: tensor([2], [NaN, 1], "f64") }, { params, state: optimizer.init(params) });
  assertEquals(next.metrics, { grad_norm: NaN, learning_rate: 0.1 });
  assertEquals([...next.params.w.data].map((x) => Math.round(100 * x) / 100), [NaN, 1.9]);
});

Deno.test("a state made by init() shares no memory with the params", () => {
  const params = random(0);
  const before = numbers(params);
  const optimizer = adamw({ lr: 0.1 });
  optimizer.update(random(1), optimizer.init(params), random(2));
  assertEquals(numbers(params), before);
});

Deno.test("a thousand steps of clip and adamw hold memory flat", () => {
  const optimizer = chain(clipByGlobalNorm(1), adamw({ lr: 0.01, weightDecay: 0.1 }));
  const start = { w: zeros("f32", [64, 32]), norm: zeros("f32", [32]) };
  let carry = { params: start, state: optimizer.init(start) };
  const step = (seed: number): typeof carry =>
    scope(() => {
      const grads = treeMap((t) => tensor(t.shape, Array<number>(t.data.length).fill(seed)), carry.params);
      const { updates, state } = optimizer.update(grads, carry.state, carry.params);
      return { params: applyUpdates(carry.params, updates), state };
    });
  carry = step(1);
  const { bytes } = memoryUse();
  for (let seed = 2; seed <= 1000; seed++) carry = step(seed);
  assertEquals(memoryUse().bytes, bytes);
  assertEquals(carry.state[1].step, 1000);
});

Deno.test("adamw() under a schedule finds the minimum of a bowl", () => {
  const optimizer = adamw({ lr: linearSchedule({ lr: 0.3, warmup: 10, steps: 200 }) });
  let params = { x: tensor([3], [5, -4, 3], "f64") };
  let state = optimizer.init(params);
  for (let step = 0; step < 200; step++) {
    const next = optimizer.update({ x: copy(params.x) }, state, params); // the gradient of ½|x|² is x
    params = applyUpdates(params, next.updates);
    state = next.state;
  }
  for (const x of params.x.data) assertLess(Math.abs(x), 1e-3);
});

Deno.test("schedules begin at 0 with a warm-up, reach lr at its end and never rise afterwards", () => {
  for (const make of [cosineSchedule, linearSchedule]) {
    const rates = Array.from({ length: 31 }, (_, step) => make({ lr: 2, warmup: 10, steps: 25 })(step));
    assertEquals([rates[0], rates[5], rates[10], rates[25], rates[30]], [0, 1, 2, 0, 0]);
    for (let step = 11; step <= 30; step++) assert((rates[step] as number) <= (rates[step - 1] as number));
  }
  assertEquals([0, 5, 10, 1e6].map(constantSchedule(2, { warmup: 10 })), [0, 1, 2, 2]);
  assertEquals(constantSchedule(2)(0), 2);
  assertEquals(dpoAuthorsWarmup(2, 0)(0), 2);
});

Deno.test("optimizers and schedules refuse what is out of range in one sentence", () => {
  const refuses = (make: () => unknown, sentence: string): void => {
    assertThrows(make, RangeError, sentence);
  };
  refuses(() => adamw({ lr: -1 }), "Cannot make adamw as lr must be ≥ 0 and finite: current value is -1");
  refuses(() => adamw({ lr: NaN }), "Cannot make adamw as lr must be ≥ 0 and finite: current value is NaN");
  refuses(() => adamw({ lr: 1, beta2: 1 }), "Cannot make adamw as beta2 must be in [0, 1): current value is 1");
  refuses(
    () => adamw({ lr: 1, eps: -1 }),
    "Cannot make adamw as eps and weightDecay must be ≥ 0: current values are -1, 0",
  );
  refuses(() => clipByGlobalNorm(0), "Cannot clip gradients as max must be > 0: current value is 0");
  refuses(() => clipByGlobalNorm(1, { eps: -1 }), "Cannot clip gradients as eps must be ≥ 0: current value is -1");
  refuses(
    () => cosineSchedule({ lr: 1, warmup: 9, steps: 8 }),
    "Cannot make a cosine schedule as warmup must be in 0 … 8: current value is 9",
  );
  refuses(
    () => linearSchedule({ lr: -1, steps: 8 }),
    "Cannot make a linear schedule as lr must be ≥ 0: current value is -1",
  );
  refuses(
    () => dpoAuthorsWarmup(NaN, 8),
    "Cannot make the DPO authors' warm-up as lr must be ≥ 0: current value is NaN",
  );
});

Deno.test("an optimizer's option that does not exist is a type error", () => {
  // @ts-expect-error: AdamW's decay is called weightDecay
  assert(adamw({ lr: 1, decay: 0.1 }));
  // @ts-expect-error: a linear schedule has an end
  assertThrows(() => linearSchedule({ lr: 1 }));
});

Deno.test("applyUpdates() names the path where params and updates differ", () => {
  const other = { w: tensor([1], [1], "f64") } as unknown as Params;
  assertThrows(() => applyUpdates(random(0), other), TypeError, "at the root there are { w, bias } and { w }");
});
