import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Event, Metrics, Path } from "../../lib/flow/event.ts";
import { advanceCurves, type Curve, curveSections, lineOf } from "../../lib/report/curves.ts";
import type { LineChart } from "../../lib/report/report.ts";

const step = (path: Path, [step, steps]: readonly [number, number], metrics: Metrics): Event => (
  { type: "step", path, step, steps, metrics }
);

/** A loop of losses. */
const losses = (values: readonly number[]): readonly Curve[] =>
  values.reduce<readonly Curve[]>(
    (curves, loss, i) => advanceCurves(curves, step(["dpo", "update"], [i + 1, values.length], { loss })),
    [],
  );

const lines = (curves: readonly Curve[]): readonly LineChart[] =>
  curveSections(curves).filter((section) => section.type === "lines");

Deno.test("a short loop is drawn step by step", () => {
  const [curve] = losses([3, 1, 2]) as [Curve];
  assertEquals(lineOf(curve, "loss"), [3, 1, 2].map((y, i) => ({ x: i + 1, y, low: y, high: y })));
});

Deno.test("a long loop keeps at most 512 points, every sum, and every extreme", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 99 }), (n, salt) => {
      const values = Array.from({ length: n }, (_, i) => (i * salt) % 101);
      const [{ points, stride }] = losses(values) as [Curve];
      assert(points.length <= 512);
      assert(points.slice(0, -1).every(({ steps }) => steps === stride));
      assertEquals(points.reduce((sum, { steps }) => sum + steps, 0), n);
      const spreads = points.map(({ figures }) => figures.loss as { sum: number; low: number; high: number });
      assertEquals(spreads.reduce((sum, s) => sum + s.sum, 0), values.reduce((a, b) => a + b));
      assertEquals(Math.min(...spreads.map((s) => s.low)), Math.min(...values));
      assertEquals(Math.max(...spreads.map((s) => s.high)), Math.max(...values));
    }),
    { numRuns: 15 },
  );
});

Deno.test("100,000 steps of 15 figures fold in seconds into a few hundred points", () => {
  let curves: readonly Curve[] = [];
  const metrics = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`figure/${i}`, i]));
  for (let i = 1; i <= 100_000; i++) curves = advanceCurves(curves, step(["dpo", "update"], [i, 100_000], metrics));
  const [{ points, stride }] = curves as [Curve];
  assertEquals([stride, points.length], [256, Math.ceil(100_000 / 256)]);
  assertEquals(points.at(-1)?.to, 100_000);
});

Deno.test("loops within a repeat are one curve over its iterations", () => {
  let curves: readonly Curve[] = [];
  for (const outer of [0, 1]) {
    for (const inner of [0, 1]) {
      const path = ["ppo", "outer", outer, "inner", inner, "update"];
      curves = advanceCurves(curves, { type: "start", path: path.slice(0, 4), steps: 2 });
      for (const i of [1, 2]) curves = advanceCurves(curves, step(path, [i, 2], { loss: i }));
    }
  }
  const [chart] = lines(curves) as [LineChart];
  assertEquals(chart.unit, "iteration");
  assertEquals(chart.lines[0]?.points.map(({ x }) => x), [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]);
});

Deno.test("figures of chosen and rejected share a chart, others have their own, the loss comes first", () => {
  const metrics = { grad_norm: 1, "logps/rejected": 2, custom: 3, "logps/chosen": 4, "rewards/margins": 5, loss: 6 };
  const other = Object.fromEntries(Object.entries(metrics).map(([name, x]) => [name, x + 1]));
  const path = ["dpo", "update"];
  const curves = advanceCurves(advanceCurves([], step(path, [1, 2], metrics)), step(path, [2, 2], other));
  assertEquals(curveSections(curves).map(({ title }) => title), [
    "loss",
    "rewards/margins",
    "logps",
    "grad_norm",
    "custom",
  ]);
  assertEquals(lines(curves)[2]?.lines.map(({ name }) => name), ["rejected", "chosen"]);
});

Deno.test("the last loop comes first, and figures that nobody explained are folded", () => {
  let curves: readonly Curve[] = [];
  for (const stage of ["warmStart", "dpoUpdate"]) {
    for (const i of [1, 2]) curves = advanceCurves(curves, step(["dpo", stage], [i, 2], { loss: i, odd: i }));
  }
  assertEquals(curveSections(curves).map(({ title, folded = false }) => [title, folded]), [
    ["dpoUpdate: loss", false],
    ["warmStart: loss", false],
    ["dpoUpdate: odd", true],
    ["warmStart: odd", true],
  ]);
});

Deno.test("what never changes is said in words, and what is not finite is left out", () => {
  const metrics = (loss: number): Metrics => ({ loss, ties: 0, odd: NaN });
  const path = ["dpo", "update"];
  const curves = advanceCurves(advanceCurves([], step(path, [1, 2], metrics(1))), step(path, [2, 2], metrics(2)));
  assertEquals(curveSections(curves).map((section) => section.type === "text" ? section.lines : section.title), [
    "loss",
    ["ties 0"],
  ]);
  assertAlmostEquals(lines(curves)[0]?.lines[0]?.points[1]?.y as number, 2);
});
