import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { key } from "../../lib/tensor/random.ts";
import { type Comparisons, comparisons, mergeComparisons, selectComparisons } from "../../lib/ranking/comparisons.ts";
import { standardErrors, strengthCovariance } from "../../lib/ranking/covariance.ts";
import { designOf, type StrengthModel } from "../../lib/ranking/design.ts";
import { fitStrengths } from "../../lib/ranking/fit_strengths.ts";
import { workspace } from "../../lib/ranking/likelihood.ts";
import { maximise } from "../../lib/ranking/newton.ts";
import { drawnStrengths, farthest, fit, simulated } from "./reference.ts";

/** Data sets with a maximum under every model: drawn from Davidson with an order effect, by seed. */
const drawn = fc.integer({ min: 0, max: 1e6 }).map((seed) =>
  simulated(key(seed), { strengths: drawnStrengths(key(seed), 5), perPair: 12, order: 0.3, nu: 0.6 })
);

const models = fc.constantFrom<StrengthModel>(
  {},
  { order: true },
  { ties: "davidson" },
  { ties: "davidson", order: true },
  { ties: "rao-kupper" },
  { ties: "rao-kupper", order: true },
  { ties: "davidson-beaver", order: true },
  { ridge: 0.5, order: true },
  { firth: true, order: true },
);

function law(name: string, claim: (data: Comparisons, model: StrengthModel) => void): void {
  Deno.test(name, () => {
    fc.assert(
      fc.property(drawn, models, (data, model) => {
        if (fitStrengths(data, model)._tag === "Right") claim(data, model);
      }),
      { numRuns: 40, seed: 7 },
    );
  });
}

law("relabelling items permutes the strengths", (data, model) => {
  const n = data.items.length, move = (i: number): number => (2 * i + 1) % n;
  const moved = { ...data, first: data.first.map(move), second: data.second.map(move) };
  const before = fit(data, model).logAbility, after = fit(moved, model).logAbility;
  assert(farthest(before.map((_, i) => after[move(i)]!), before) < 1e-11);
});

law("exchanging the two sides of every row changes nothing, as the order effect belongs to the side", (data, model) => {
  const turned = {
    ...data,
    first: data.second,
    second: data.first,
    winsFirst: data.winsSecond,
    winsSecond: data.winsFirst,
    order: data.order.map((z) => -z),
  };
  const before = fit(data, model), after = fit(turned, model);
  assert(farthest(after.logAbility, before.logAbility) < 1e-11);
  assertAlmostEquals(after.orderEffect ?? 0, before.orderEffect ?? 0, 1e-11);
  assertAlmostEquals(after.logLikelihood, before.logLikelihood, 1e-9);
});

law("the order effect flips its sign when home becomes away", (data, model) => {
  if (!model.order || model.ties === "davidson-beaver") return; // there the effect favours the home win only
  const before = fit(data, model), after = fit({ ...data, order: data.order.map((z) => -z) }, model);
  assertAlmostEquals(after.orderEffect!, -before.orderEffect!, 1e-10);
  assert(farthest(after.logAbility, before.logAbility) < 1e-10);
});

law("rows merged by pair, order and cluster give the fit of the single rows", (data, model) => {
  const merged = mergeComparisons(data);
  assert(merged.first.length < data.first.length);
  const before = fit(data, model), after = fit(merged, model);
  assert(farthest(after.theta, before.theta) < 1e-11);
  assertAlmostEquals(after.logLikelihood, before.logLikelihood, 1e-9);
});

law("doubling all counts leaves the maximum and divides the errors by the root of two", (data, model) => {
  if (model.ridge || model.firth) return; // penalties do not scale
  const twice = (x: Float64Array): Float64Array => x.map((v) => 2 * v);
  const doubled = {
    ...data,
    winsFirst: twice(data.winsFirst),
    winsSecond: twice(data.winsSecond),
    ties: twice(data.ties),
  };
  const before = fit(data, model), after = fit(doubled, model);
  assert(farthest(after.theta, before.theta) < 1e-11);
  const errors = standardErrors(strengthCovariance(before)).map((s) => s / Math.SQRT2);
  assert(farthest(standardErrors(strengthCovariance(after)), errors) < 1e-10);
});

law("listing every row twice is doubling all counts", (data, model) => {
  const rows = [...data.first.keys(), ...data.first.keys()];
  const twice = comparisons({
    items: data.items,
    first: rows.map((r) => data.first[r]!),
    second: rows.map((r) => data.second[r]!),
    winsFirst: rows.map((r) => data.winsFirst[r]!),
    winsSecond: rows.map((r) => data.winsSecond[r]!),
    ties: rows.map((r) => data.ties[r]!),
    order: rows.map((r) => data.order[r]!),
  });
  const merged = mergeComparisons(twice), single = mergeComparisons(data);
  assertEquals(merged.winsFirst, single.winsFirst.map((w) => 2 * w));
  assert(farthest(fit(twice, model).theta, fit(merged, model).theta) < 1e-11);
});

law("at the maximum observed points equal expected points, item by item (half wins)", (data, { order = false }) => {
  const found = fit(data, { order });
  const points = new Float64Array(data.items.length);
  for (let r = 0; r < data.first.length; r++) {
    const i = data.first[r]!, j = data.second[r]!;
    const eta = found.logAbility[i]! - found.logAbility[j]! + (found.orderEffect ?? 0) * data.order[r]!;
    const surplus = data.winsFirst[r]! + data.ties[r]! / 2 - 1 / (1 + Math.exp(-eta));
    points[i]! += surplus;
    points[j]! -= surplus;
  }
  assert(farthest(points, new Float64Array(points.length)) < 1e-9);
});

law("a tie model without ties is Bradley–Terry", (data, { order = false }) => {
  const decided = { ...data, ties: new Float64Array(data.ties.length) };
  if (fitStrengths(decided, { order })._tag === "Left") return;
  const plain = fit(decided, { order });
  for (const ties of ["davidson", "rao-kupper"] as const) {
    const found = fit(decided, { ties, order });
    assertEquals(found.logAbility, plain.logAbility);
    assertEquals(found.logLikelihood, plain.logLikelihood);
    assertEquals(found.tieParameter, undefined);
  }
});

law("Davidson's strengths with one tie among ten thousand games approach Bradley–Terry's", (data) => {
  const decided = { ...data, ties: new Float64Array(data.ties.length) };
  const many = (x: Float64Array): Float64Array => x.map((v) => 10_000 * v);
  const almost = { ...decided, winsFirst: many(data.winsFirst), winsSecond: many(data.winsSecond) };
  almost.ties[0] = 1;
  if (fitStrengths(almost)._tag === "Left") return;
  assert(farthest(fit(almost, { ties: "davidson" }).logAbility, fit(almost).logAbility) < 1e-3);
});

law("Davidson–Beaver is Davidson with τ shifted by half the order effect when every game has a home side", (data) => {
  const both = [
    fit(data, { ties: "davidson", order: true }),
    fit(data, { ties: "davidson-beaver", order: true }),
  ] as const;
  assert(data.order.every((z) => z !== 0));
  assert(farthest(both[1].logAbility, both[0].logAbility) < 1e-10);
  assertAlmostEquals(both[1].tieParameter!, both[0].tieParameter! + both[0].orderEffect! / 2, 1e-10);
});

Deno.test("covariates that merely name the items are the items: log-likelihoods and strengths agree", () => {
  const data = simulated(key(5), { strengths: [1, 0.2, -0.3, -0.9], perPair: 30 });
  const names = ["b", "c", "d"];
  const values = Float64Array.from([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
  const plain = fit(data), named = fit(data, { itemCovariates: { names, values } });
  assertAlmostEquals(named.logLikelihood, plain.logLikelihood, 1e-10);
  assert(farthest(named.logAbility, plain.logAbility) < 1e-11);
});

Deno.test("an order effect is the contest covariate of its own column", () => {
  const data = simulated(key(6), { strengths: [1, 0.2, -0.3, -0.9], perPair: 40, order: 0.5 });
  const column = { names: ["side"], values: Float64Array.from(data.order) };
  const asOrder = fit(data, { order: true });
  const asCovariate = fit({ ...data, covariates: column }, { contestCovariates: true });
  assertAlmostEquals(asCovariate.coefficients.side!, asOrder.orderEffect!, 1e-12);
  assert(farthest(asCovariate.logAbility, asOrder.logAbility) < 1e-12);
});

Deno.test("leaving out the comparisons of an item is fitting the others alone", () => {
  const data = simulated(key(8), { strengths: [1, 0.2, -0.3, -0.9], perPair: 20 });
  const without = selectComparisons(data, (r) => data.first[r] !== 3 && data.second[r] !== 3);
  const alone = fit({ ...without, items: data.items.slice(0, 3) });
  const ridge = fit(without, {}, { perComponent: true });
  assert(farthest(ridge.logAbility.slice(0, 3), alone.logAbility) < 1e-11);
});

Deno.test("the inputs keep their bytes", () => {
  const data = simulated(key(9), { strengths: [0.5, 0, -0.5], perPair: 10, nu: 0.5 });
  const before = structuredClone(data);
  fit(data, { ties: "davidson" });
  assertEquals(data, before);
});

Deno.test("a long ladder whose ends lie hundreds of log-units apart is fitted: each rung is its own odds", () => {
  const rungs = 800, odds = 9;
  const first = Array.from({ length: rungs }, (_, i) => i), second = first.map((i) => i + 1);
  const data = comparisons({
    items: Array.from({ length: rungs + 1 }, (_, i) => `${i}`),
    first,
    second,
    winsFirst: first.map(() => odds),
    winsSecond: first.map(() => 1),
  });
  const { logAbility } = fit(data);
  const gaps = first.map((i) => logAbility[i]! - logAbility[i + 1]!);
  assert(farthest(gaps, first.map(() => Math.log(odds))) < 1e-9);
  assertAlmostEquals(logAbility[0]! - logAbility[rungs]!, rungs * Math.log(odds), 1e-6);
});

Deno.test("the climb reaches the top from a start far on the wrong side, where the curve is flat", () => {
  const data = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [999], winsSecond: [1] });
  const design = designOf(data, {});
  const { theta, converged } = maximise(design, data, Float64Array.of(-15, 15), { space: workspace(design) });
  assert(converged);
  assertAlmostEquals(theta[0]! - theta[1]!, Math.log(999), 1e-12);
});
