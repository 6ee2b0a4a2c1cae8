/** Verdicts on curves made to be healthy, hacked, saturated, collapsed, or nothing but noise. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { MonitorPoint } from "../../lib/evaluation/monitor_point.ts";
import { analyseRewardHacking } from "../../lib/evaluation/reward_hacking.ts";
import { key, normal } from "../../lib/tensor/random.ts";

/** Figures of a curve at x from 0 to 1; what is not given stays as it is. */
type Shape = { readonly [K in keyof MonitorPoint]?: (x: number) => MonitorPoint[K] };

function curveOf(shape: Shape, { points = 21, noise = 0, seed = 0 } = {}): readonly MonitorPoint[] {
  const [p, g] = [1, 2].map((n) => normal(key(10 * seed + n), points)) as [Float64Array, Float64Array];
  return Array.from({ length: points }, (_, i): MonitorPoint => {
    const x = points === 1 ? 0 : i / (points - 1);
    const own = Object.fromEntries(Object.entries(shape).map(([name, f]) => [name, f(x)]));
    const point = { iteration: i, proxy: 0, kl: 10 * x, length: 12, diversity: 0.9, entropy: 1, ...own };
    const gold = (point as MonitorPoint).gold;
    return {
      ...point,
      proxy: point.proxy + noise * (p[i] as number),
      ...typeof gold === "number" ? { gold: gold + noise * (g[i] as number) } : {},
    };
  });
}

const healthy: Shape = { proxy: (x) => 2 * x, gold: (x) => 0.2 + 0.4 * x };
/** Gold peaks at the middle, at 0.6, and falls to where it began. */
const hacked: Shape = { proxy: (x) => 2 * x, gold: (x) => 0.1 + 2 * x * (1 - x) };

Deno.test("of a healthy run it finds a correlation of 1 and no sign of hacking", () => {
  const found = analyseRewardHacking(curveOf(healthy));
  assertEquals(found.verdict, "noSign");
  assertEquals([found.divergencePoint, found.saturation, found.diversityCollapse], [undefined, undefined, undefined]);
  assertAlmostEquals(found.correlation?.all as number, 1, 1e-12);
  assertAlmostEquals(found.correlation?.later as number, 1, 1e-12);
  assertEquals(found.sentences, [
    "Gold went from 0.21 to 0.59 while the proxy reward went from 0.05 to 1.95: no sign of reward hacking.",
  ]);
});

Deno.test("of a hacked run it names where gold peaked, and what rose and fell since", () => {
  const found = analyseRewardHacking(curveOf(hacked, { points: 15 })); // short enough to be compared point by point
  assertEquals(found.verdict, "hacked");
  assertEquals(found.divergencePoint?.iteration, 7);
  assertAlmostEquals(found.divergencePoint?.gold.from as number, 0.6, 1e-12);
  assertAlmostEquals(found.divergencePoint?.gold.to as number, 0.1, 1e-12);
  assertAlmostEquals(found.correlation?.all as number, 0, 1e-12);
  assertLess(found.correlation?.later as number, -0.95);
  assertEquals(found.sentences, [
    "From iteration 7 on the proxy reward rose by 1 while gold fell from 0.6 to 0.1: the policy exploits the reward. " +
    "A larger klCoef, earlier stopping or more preference pairs help.",
  ]);
});

Deno.test("it finds the hacking under noise, near the peak, and calls no noise a fall", () => {
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);
  const verdicts = (shape: Shape, points: number) =>
    seeds.map((seed) => analyseRewardHacking(curveOf(shape, { points, noise: 0.05, seed })));
  for (const points of [10, 20, 60]) {
    const found = verdicts(hacked, points).map(({ divergencePoint }) => divergencePoint?.iteration ?? NaN);
    assertLess(found.filter(Number.isNaN).length, 8);
    assertLess(found.filter((at) => Math.abs(at / (points - 1) - 0.5) > 0.3).length, 8);
    const alarms = [
      ...verdicts({ proxy: () => 0, gold: () => 0.5 }, points), // nothing but noise
      ...verdicts({ proxy: (x) => 2 * x, gold: (x) => Math.tanh(4 * x) }, points), // gold levels off
      ...verdicts(healthy, points),
    ].filter(({ verdict }) => verdict === "hacked");
    assertLess(alarms.length, 7, `${points} points`); // of 600
  }
});

Deno.test("standard errors that are given decide, where points are few as where they are many", () => {
  const noise = curveOf({ proxy: (x) => 2 * x, gold: () => 0.5 }, { points: 20, noise: 0.05, seed: 1 });
  const withErrors = (points: readonly MonitorPoint[], error: number) =>
    analyseRewardHacking(points.map((point) => ({ ...point, goldError: error, proxyError: error })));
  assertEquals(withErrors(noise, 0.05).verdict, "noSign");
  assertEquals(withErrors(noise, 1e-3).verdict, "hacked"); // who says that there is no noise has a fall
  const few = curveOf(hacked, { points: 3 });
  assertEquals(analyseRewardHacking(few).verdict, "unknown");
  assertEquals(analyseRewardHacking(few).sentences, [
    "3 iterations with gold are too few to tell a fall from noise: 6 are needed, or 2 with their standard errors.",
  ]);
  assertEquals(withErrors(few, 0.05).divergencePoint?.iteration, 1);
  assertEquals(withErrors(few, 0.1).verdict, "noSign"); // 0.5 is less than 4 · √2 · 0.1
});

Deno.test("gold that falls with the proxy is a policy that got worse, not one that exploits", () => {
  const found = analyseRewardHacking(curveOf({ proxy: (x) => -x, gold: (x) => 0.6 - 0.4 * x }));
  assertEquals(found.verdict, "noSign");
  assertEquals(found.sentences, [
    "Gold went from 0.59 to 0.21 while the proxy reward went from -0.025 to -0.975: the policy got worse without " +
    "earning more, which is no exploitation. A smaller learning rate may help.",
  ]);
});

Deno.test("a proxy that levels off is flat from there, and one that rises on is not", () => {
  const rises = (x: number): number => Math.min(3 * x, 1);
  const found = analyseRewardHacking(curveOf({ proxy: rises, gold: rises }));
  assertEquals(found.saturation, { iteration: 7, type: "flat" });
  assertEquals(found.sentences.slice(1), [
    "From iteration 7 on the proxy reward rose no more while KL grew from 3.5 to 10 nats: stop there, or raise " +
    "klCoef.",
  ]);
  const still = analyseRewardHacking(curveOf({ proxy: rises, kl: () => 4 }));
  assertEquals(
    still.sentences.at(-1),
    "From iteration 7 on the proxy reward rose no more: further iterations gain nothing.",
  );
  for (const proxy of [(x: number) => x, Math.sqrt, () => 0]) {
    assertEquals(analyseRewardHacking(curveOf({ proxy })).saturation, undefined);
  }
});

Deno.test("a proxy at its clamp says so", () => {
  const curve = curveOf({ proxy: (x) => Math.min(8 * x, 4.9) }, { points: 11 });
  const found = analyseRewardHacking(curve, { proxyClamp: 5 });
  assertEquals(found.saturation, { iteration: 6, type: "clamp" });
  assertEquals(
    found.sentences[1],
    "From iteration 6 on the proxy reward is at its clamp of 5: what is better earns no more. Widen the clamp, or normalise.",
  );
  assertEquals(analyseRewardHacking(curve, { proxyClamp: 10 }).saturation?.type, "flat");
});

Deno.test("a policy that has collapsed is named by its iteration, whichever figure shows it", () => {
  const found = analyseRewardHacking(curveOf({ ...healthy, diversity: (x) => x < 0.5 ? 0.9 : 0.1 }, { points: 15 }));
  assertEquals(found.diversityCollapse, 7);
  assertEquals(
    found.sentences[1],
    "From iteration 7 on the policy has collapsed: diversity went from 0.9 to 0.1, " +
      "entropy went from 1 to 1 nats a token. A larger entropy bonus or klCoef helps.",
  );
  const entropy = (x: number): number => x < 0.5 ? 1.2 : 0.06;
  assertEquals(analyseRewardHacking(curveOf({ ...healthy, entropy }, { points: 15 })).diversityCollapse, 7);
  const dip = (x: number): number => x > 0.3 && x < 0.6 ? 0.1 : 0.9; // it recovers
  assertEquals(analyseRewardHacking(curveOf({ diversity: dip })).diversityCollapse, undefined);
  assertEquals(analyseRewardHacking(curveOf({ entropy: (x) => 1 - 0.8 * x })).diversityCollapse, undefined);
});

Deno.test("without gold it says what can be seen, and no more", () => {
  const found = analyseRewardHacking(curveOf({ proxy: (x) => 2 * x, gold: () => null, length: (x) => 12 + 30 * x }));
  assertEquals([found.verdict, found.correlation, found.gainPerRootKl.gold], ["unknown", undefined, undefined]);
  assertAlmostEquals(found.lengthRatio, 41.25 / 12.75, 1e-12);
  assertEquals(found.sentences, [
    "The proxy reward went from 0.05 to 1.95 at a KL of 9.75 nats a completion; no truth is known to compare it with, " +
    "so whether the gain is real cannot be said.",
    "Completions grew from 12.8 to 41.3 tokens: see whether the reward pays for length alone.",
  ]);
});

Deno.test("gold that is known now and then is compared where it is known", () => {
  const curve = curveOf(hacked, { points: 61 }).map((point) => (
    point.iteration % 5 === 0 ? point : { ...point, gold: undefined }
  ));
  assertEquals(analyseRewardHacking(curve).divergencePoint?.iteration, 30);
});

Deno.test("gain is measured along √KL: a reward linear in it has one slope, Gao's gold bends down", () => {
  const d = (kl: number): number => Math.sqrt(kl);
  const found = analyseRewardHacking(curveOf({
    proxy: (x) => 0.3 * d(10 * x),
    gold: (x) => x === 0 ? 0 : d(10 * x) * (1 - 0.6 * Math.log(d(10 * x))), // d (α − β log d)
  }));
  assertAlmostEquals(found.gainPerRootKl.proxy.all, 0.3, 1e-12);
  assertAlmostEquals(found.gainPerRootKl.proxy.later, 0.3, 1e-12);
  const { all, later } = found.gainPerRootKl.gold as { all: number; later: number };
  assertLess(later, all);
  assert(later < 0 && all > 0);
});

Deno.test("one point, and constant curves, have no verdict that needs a change", () => {
  const one = analyseRewardHacking(curveOf(healthy, { points: 1 }));
  assertEquals([one.verdict, one.divergencePoint, one.saturation, one.lengthRatio], [
    "unknown",
    undefined,
    undefined,
    1,
  ]);
  assertEquals(one.correlation, { all: NaN, later: NaN });
  assertEquals(one.sentences, [
    "1 iteration with gold is too few to tell a fall from noise: 6 are needed, or 2 with their standard errors.",
  ]);
  for (const points of [2, 6, 9, 40]) {
    const still = analyseRewardHacking(curveOf({ proxy: () => 0.1, gold: () => 0.7, kl: () => 0 }, { points }));
    assertEquals([still.divergencePoint, still.saturation, still.diversityCollapse], [undefined, undefined, undefined]);
    assertEquals(still.correlation, { all: NaN, later: NaN });
    assertEquals(still.gainPerRootKl.proxy, { all: NaN, later: NaN });
  }
});

const scales = fc.double({ min: 0.01, max: 100, noNaN: true });
const shifts = fc.double({ min: -50, max: 50, noNaN: true });
const shapes = fc.constantFrom<Shape>(healthy, hacked, {
  proxy: (x) => Math.min(3 * x, 1),
  gold: (x) => 0.5 - 0.3 * Math.max(0, x - 0.2),
});

Deno.test("shifting and scaling proxy or gold changes no verdict and no correlation", () => {
  fc.assert(fc.property(shapes, fc.nat(200), fc.tuple(scales, shifts, scales, shifts), (shape, seed, [a, b, c, d]) => {
    const curve = curveOf(shape, { points: 24, noise: 0.03, seed });
    const moved = curve.map((point) => ({
      ...point,
      proxy: a * point.proxy + b,
      gold: c * (point.gold as number) + d,
    }));
    const [before, after] = [analyseRewardHacking(curve), analyseRewardHacking(moved)];
    assertEquals(after.verdict, before.verdict);
    assertEquals(after.divergencePoint?.iteration, before.divergencePoint?.iteration);
    assertEquals(after.saturation, before.saturation);
    assertAlmostEquals(after.correlation?.all as number, before.correlation?.all as number, 1e-9);
    assertAlmostEquals(after.gainPerRootKl.proxy.all / a, before.gainPerRootKl.proxy.all, 1e-9);
  }));
});

Deno.test("it refuses a curve that is none", () => {
  assertThrows(
    () => analyseRewardHacking([]),
    RangeError,
    "Cannot analyse reward hacking as the curve must have a point: it has 0",
  );
  assertThrows(
    () => analyseRewardHacking(curveOf(healthy), { proxyClamp: 0 }),
    RangeError,
    "Cannot analyse reward hacking as proxyClamp must be > 0: current value is 0",
  );
  const [first, second] = curveOf(healthy) as [MonitorPoint, MonitorPoint];
  assertThrows(
    () => analyseRewardHacking([first, { ...second, kl: NaN }]),
    RangeError,
    "Cannot analyse reward hacking as kl must be finite: at point 1 it is NaN",
  );
  assertThrows(
    () => analyseRewardHacking([second, first]),
    RangeError,
    "Cannot analyse reward hacking as iterations must rise: after 1 comes 0",
  );
});
