import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { square, sub, sum } from "../../lib/grad/ops.ts";
import { optimizerOf, update, type UpdateOptions } from "../../lib/stages/update.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { finished } from "./tiny.ts";

/** The rates that an optimizer reports over a run. */
function ratesOf(options: Partial<UpdateOptions>, steps: number): readonly number[] {
  const optimizer = optimizerOf({ lr: 1, batchSize: 1, ...options }, steps);
  const params = { w: tensor([1], [0]) };
  let state = optimizer.init(params);
  return Array.from({ length: steps }, () => {
    const next = optimizer.update({ w: tensor([1], [0.1]) }, state, params);
    state = next.state;
    return next.metrics.learning_rate as number;
  });
}

const close = (actual: readonly number[], expected: readonly number[]): void => {
  assertEquals(actual.length, expected.length);
  actual.forEach((x, i) => assertAlmostEquals(x, expected[i] as number, 1e-12));
};

Deno.test("optimizerOf() warms up for a tenth of the steps, wastes none at 0, and falls to 0 in a straight line", () => {
  close(ratesOf({}, 20), [0.5, ...Array.from({ length: 19 }, (_, i) => 1 - i / 18)]);
});

Deno.test("optimizerOf() has a cosine that ends at 0, and a constant that does not fall", () => {
  const cosine = ratesOf({ schedule: "cosine" }, 20);
  close([0, 1, 10, 19].map((i) => cosine[i] as number), [0.5, 1, 0.5, 0]);
  close(ratesOf({ schedule: "constant", warmup: 0.5 }, 8), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]);
});

Deno.test("optimizerOf() without a warm-up begins at the peak", () => {
  close(ratesOf({ warmup: 0 }, 4), [1, 0.75, 0.5, 0.25]);
  assertEquals(ratesOf({ warmup: 0, schedule: "constant" }, 3), [1, 1, 1]);
});

Deno.test("optimizerOf() has transformers' rates where the warm-up rises from zero, in steps as in shares", () => {
  const expected = Array.from({ length: 20 }, (_, t) => t < 5 ? t / 5 : 0.5 * (1 + Math.cos(Math.PI * (t - 5) / 15)));
  close(ratesOf({ schedule: "cosine", warmup: 5, warmupFrom: "zero" }, 20), expected);
  close(ratesOf({ schedule: "cosine", warmup: 0.25, warmupFrom: "zero" }, 20), expected);
  close(ratesOf({ schedule: "constant", warmup: 9 }, 3), [1 / 3, 2 / 3, 1]); // no more than there are
});

Deno.test("optimizerOf() clips all gradients together before Adam sees them", () => {
  const optimizer = optimizerOf({ lr: 1, batchSize: 1, maxGradNorm: 5 }, 10);
  const params = { a: tensor([1], [0]), b: tensor([1], [0]) };
  const { state, metrics } = optimizer.update(
    { a: tensor([1], [30]), b: tensor([1], [40]) },
    optimizer.init(params),
    params,
  );
  assertEquals(metrics.grad_norm, 50);
  const moments = state[1].first as typeof params; // 0.1·g, g clipped to (3, 4)
  close([moments.a, moments.b].map((t) => t.data[0] as number).map((x) => Math.round(x * 1e5) / 1e5), [0.3, 0.4]);
});

/** The mean of numbers by least squares. */
const fit = (options: Partial<UpdateOptions>) =>
  update("fit", {
    needs: ["start", "points"],
    params: ({ start }: ReturnType<typeof at>) => start,
    rows: ({ points }) => points,
    loss: ({ points }) => ({ w }: { readonly w: Tensor }, rows) => {
      const y = tensor([rows.length], Array.from(rows, (row) => points[row]?.y as number), "f64");
      return { loss: { sum: sum(square(sub(y, w))), count: rows.length }, metrics: {} };
    },
  }, { lr: 0.5, batchSize: 3, maxGradNorm: 100, ...options, adds: "fitted" });
const at = (...values: readonly number[]) => (
  { start: { w: tensor([], [0], "f64") }, points: values.map((y, i) => ({ id: `point ${i}`, y })) }
);

Deno.test("update() finds the least squares in parts of a batch, and leaves what it began with as it was", async () => {
  const given = at(1, 2, 6);
  const stage = fit({ epochs: 200, microBatch: 2 });
  assertEquals([stage.needs, stage.adds], [["start", "points"], ["fitted"]]);
  const { state, metrics } = await finished(stage, given);
  assertEquals([metrics.length, metrics[0]?.loss], [200, (1 + 4 + 36) / 3]);
  assertAlmostEquals(state.fitted.w.data[0] as number, 3, 1e-3);
  assertEquals([...given.start.w.data], [0]);
});

Deno.test("update() names the rows of a step whose loss is not finite", async () => {
  const ended = await finish(run(fit({ batchSize: 2, shuffle: false }), { seed: 0, given: at(1, 2, 3, NaN) }));
  assert(ended._tag === "Left");
  assertEquals([ended.left.step, ended.left.rows], [2, ["point 2", "point 3"]]);
});

Deno.test("ten thousand steps of a run hold memory flat: the arena to the byte, the rest of the heap within 64 MiB", async () => {
  type Weights = { readonly w: Tensor };
  const stage = update("line", {
    needs: ["start", "points"],
    params: ({ start }: { readonly start: Weights; readonly points: readonly { readonly id: string }[] }) => start,
    rows: ({ points }) => points,
    loss: () => ({ w }) => ({ loss: { sum: sum(square(w)), count: 1 }, metrics: {} }),
  }, { lr: 0.01, batchSize: 1, steps: 10_000, adds: "fitted" });
  const given = { start: { w: tensor([8, 8], new Float64Array(64).fill(1)) }, points: [{ id: "point" }] };
  const seen: { readonly arena: number; readonly heap: number }[] = [];
  for await (const event of run(stage, { seed: 0, given })) {
    if (event.type !== "step") continue;
    if (event.step % 1000 === 999) seen.push({ arena: memoryUse().bytes, heap: Deno.memoryUsage().heapUsed });
  }
  assertEquals(seen.map(({ arena }) => arena), Array(10).fill(seen[0]?.arena));
  const heap = seen.map(({ heap }) => heap / 2 ** 20);
  assertLess(Math.min(...heap.slice(5)) - Math.min(...heap.slice(0, 5)), 64);
});
