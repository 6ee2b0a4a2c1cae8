import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import reference from "../../fixtures/ranking/reference.json" with { type: "json" };
import { fold, key } from "../../lib/tensor/random.ts";
import { bootstrap, bootstrapInterval } from "../../lib/ranking/bootstrap.ts";
import { comparisons } from "../../lib/ranking/comparisons.ts";
import { abilityCovariance, contrast, rankIntervals } from "../../lib/ranking/contrasts.ts";
import { standardErrors, strengthCovariance } from "../../lib/ranking/covariance.ts";
import { contrastVariance } from "../../lib/ranking/information.ts";
import { chiSquareTail, normalBelow, normalQuantile } from "../../lib/ranking/distributions.ts";
import { fitStrengths } from "../../lib/ranking/fit_strengths.ts";
import { goodnessOfFit, likelihoodRatioTest } from "../../lib/ranking/likelihood_ratio.ts";
import { worstPairs, worstTriples } from "../../lib/ranking/misfit.ts";
import { differenceDirection, profileInterval } from "../../lib/ranking/profile.ts";
import { quasiVariances } from "../../lib/ranking/quasi_variances.ts";
import { differenceError, strengthErrors } from "../../lib/ranking/strength_errors.ts";
import { drawnStrengths, farthestRelative, fit, published, simulated } from "./reference.ts";

const duel = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [7], winsSecond: [3] });

Deno.test("chi-squared tails and normal quantiles are the tables' ones", () => {
  assertAlmostEquals(chiSquareTail(3.841458820694124, 1), 0.05, 1e-14);
  assertAlmostEquals(chiSquareTail(18.307038053275146, 10), 0.05, 1e-13);
  assertAlmostEquals(chiSquareTail(2, 2), Math.exp(-1), 1e-15);
  assertAlmostEquals(chiSquareTail(124.34211340400407, 100), 0.05, 1e-12);
  assertAlmostEquals(normalQuantile(0.05), 1.959963984540054, 1e-13);
  assertAlmostEquals(normalBelow(-1.6448536269514722), 0.05, 1e-14);
});

Deno.test("seven wins to three: log(7/3) ± √(1/7 + 1/3)", () => {
  const found = fit(duel), covariance = abilityCovariance(found, strengthCovariance(found));
  const { estimate, se, pValue } = contrast(found, covariance, [0, 1]);
  assertAlmostEquals(estimate, Math.log(7 / 3), 1e-14);
  assertAlmostEquals(se, Math.sqrt(1 / 7 + 1 / 3), 1e-14);
  assertAlmostEquals(pValue, 0.21950, 1e-4);
});

Deno.test("a profile interval ends where twice the log-likelihood has fallen by 3.84", () => {
  const found = fit(duel);
  const { low, high } = profileInterval(found, differenceDirection(found, 0, 1));
  const fall = (d: number): number =>
    2 * (found.logLikelihood + 7 * Math.log1p(Math.exp(-d)) + 3 * Math.log1p(Math.exp(d)));
  assertAlmostEquals(fall(low), 3.841458820694124, 1e-9);
  assertAlmostEquals(fall(high), 3.841458820694124, 1e-9);
  assert(low < found.logAbility[0]! - found.logAbility[1]! && high > Math.log(7 / 3));
});

Deno.test("profile intervals of many items close in on Wald's as counts grow", () => {
  const { baseball } = reference, data = published(baseball);
  const many = (x: Float64Array): Float64Array => x.map((v) => 10_000 * v);
  const found = fit({ ...data, winsFirst: many(data.winsFirst), winsSecond: many(data.winsSecond) }, { order: true });
  const error = standardErrors(strengthCovariance(found))[2]!;
  const { low, high } = profileInterval(found, differenceDirection(found, 2));
  assertAlmostEquals((high - low) / (2 * 1.959963984540054 * error), 1, 1e-4);
});

Deno.test("clusters of one comparison give the robust errors", () => {
  const data = simulated(key(1), { strengths: [1, 0, -1], perPair: 20, nu: 0.5 });
  const found = fit({ ...data, cluster: Int32Array.from(data.first.keys()) }, { ties: "davidson" });
  const robust = standardErrors(strengthCovariance(found, "robust"));
  assert(farthestRelative(standardErrors(strengthCovariance(found, "cluster")), robust) < 1e-11);
});

Deno.test("every judge voting in threes makes clustered errors √3 of the robust ones", () => {
  const data = simulated(key(2), { strengths: [1, 0, -1], perPair: 15 });
  const rows = Array.from({ length: 3 * data.first.length }, (_, k) => Math.floor(k / 3));
  const tripled = comparisons({
    items: data.items,
    first: rows.map((r) => data.first[r]!),
    second: rows.map((r) => data.second[r]!),
    winsFirst: rows.map((r) => data.winsFirst[r]!),
    winsSecond: rows.map((r) => data.winsSecond[r]!),
    cluster: rows,
  });
  const found = fit(tripled);
  const robust = standardErrors(strengthCovariance(found, "robust")).map((s) => s * Math.sqrt(3));
  assert(farthestRelative(standardErrors(strengthCovariance(found, "cluster")), robust) < 1e-11);
});

Deno.test("quasi-variances of equally known items halve every contrast's variance", () => {
  const cycle = comparisons({
    items: ["a", "b", "c"],
    first: [0, 1, 2],
    second: [1, 2, 0],
    winsFirst: [1, 1, 1],
    winsSecond: [0, 0, 0],
  });
  const found = fit(cycle), covariance = abilityCovariance(found, strengthCovariance(found));
  const half = contrastVariance(covariance, 0, 1) / 2;
  assert(farthestRelative(quasiVariances(covariance), [half, half, half]) < 1e-12);
});

Deno.test("probed errors of 1,500 items agree with an exact solve within their own stated error", () => {
  const items = 1500, first: number[] = [], second: number[] = [], wins: number[] = [];
  for (let i = 0; i < items; i++) {
    for (const step of [1, 7, 31, 101, 211, 307, 401, 503, 601, 701]) {
      first.push(i);
      second.push((i + step) % items);
      wins.push(2 + ((i * step) % 3));
    }
  }
  const data = comparisons({
    items: first.slice(0, items).map(String),
    first,
    second,
    winsFirst: wins,
    winsSecond: wins.map(() => 2),
  });
  const large = fit(data), probed = strengthErrors(key(4), large);
  assertEquals(probed.method, "probing");
  for (const i of [0, 700, 1499]) {
    const exact = differenceError(large, i);
    assert(Math.abs(probed.standardErrors[i]! / exact - 1) < 4 * probed.relativeError);
  }
  assert(probed.relativeError < 0.03, `${probed.relativeError}`);
  const small = fit(simulated(key(9), { strengths: [1, 0, -1], perPair: 30 }));
  assertAlmostEquals(differenceError(small, 1), standardErrors(strengthCovariance(small))[1]!, 1e-13);
});

Deno.test("1,100 equals who all met twice: every error is √((1 − 1/n) / (n w)), probed to five digits", () => {
  const n = 1100, first: number[] = [], second: number[] = [];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      first.push(i);
      second.push(j);
    }
  }
  const ones = first.map(() => 1);
  const found = fit(
    comparisons({ items: ones.slice(0, n).map(String), first, second, winsFirst: ones, winsSecond: ones }),
  );
  const { standardErrors: errors, method } = strengthErrors(key(1), found, { probes: 2 });
  assertEquals(method, "probing");
  assert(farthestRelative(errors, errors.map(() => Math.sqrt((1 - 1 / n) / (n * 0.5)))) < 1e-5);
});

Deno.test("rank intervals hold the rank, and are certain when strengths lie far apart", () => {
  const data = simulated(key(3), { strengths: [4, 2, 0, -2, -4], perPair: 400 });
  const found = fit(data), covariance = abilityCovariance(found, strengthCovariance(found));
  const { rank, rankLow, rankHigh, best } = rankIntervals(found, covariance);
  assertEquals([...rank], [1, 2, 3, 4, 5]);
  assertEquals([...rankLow], [...rank]);
  assertEquals([...rankHigh], [...rank]);
  assertEquals(best, [0]);
});

Deno.test("Holm is between no adjustment and Bonferroni, and no item is told apart from its equal", () => {
  const data = simulated(key(4), { strengths: drawnStrengths(key(4), 12, 0.6), perPair: 15 });
  const found = fit(data), covariance = abilityCovariance(found, strengthCovariance(found));
  const width = (adjust: "none" | "holm" | "bonferroni"): number => {
    const { rankLow, rankHigh } = rankIntervals(found, covariance, { adjust });
    return rankHigh.reduce((s, h, i) => s + h - rankLow[i]!, 0);
  };
  assert(width("none") < width("holm") && width("holm") <= width("bonferroni"));
});

Deno.test("joint rank intervals, and the confidence set for the best, each miss the truth in at most 5 % of 300 runs", () => {
  const strengths = [0.5, 0.4, 0.35, 0, -0.3, -0.95];
  const missed = { ranks: 0, best: 0 };
  let sizes = 0;
  for (let s = 0; s < 300; s++) {
    const found = fit(simulated(fold(key(40), s), { strengths, perPair: 60 }));
    const { rankLow, rankHigh, best } = rankIntervals(found, abilityCovariance(found, strengthCovariance(found)));
    if (strengths.some((_, i) => rankLow[i]! > i + 1 || rankHigh[i]! < i + 1)) missed.ranks++;
    if (!best.includes(0)) missed.best++;
    sizes += best.length / 300;
  }
  assert(missed.ranks <= 24 && missed.best <= 24, JSON.stringify(missed)); // 5 % of 300 and 2.4 standard deviations
  assert(sizes < 3.1, `${sizes}`); // it does rule items out
});

Deno.test("the bootstrap repeats by key, and its spread is the robust error", () => {
  const data = simulated(key(5), { strengths: [0.8, 0, -0.8], perPair: 120, nu: 0.6 });
  const found = fit(data, { ties: "davidson" });
  const drawn = bootstrap(key(1), found, { rounds: 400 });
  assertEquals(bootstrap(key(1), found, { rounds: 3 }).estimates, drawn.estimates.slice(0, 3 * drawn.parameters));
  const robust = standardErrors(strengthCovariance(found, "robust"));
  for (const k of [0, 1, 2, 3]) {
    assertAlmostEquals(bootstrapInterval(drawn, k).standardError / robust[k]!, 1, 0.12);
  }
});

Deno.test("bootstrap rounds without a maximum are marked and hold no number", () => {
  const thin = comparisons({
    items: ["a", "b", "c"],
    first: [0, 1, 2],
    second: [1, 2, 0],
    winsFirst: [2, 2, 2],
    winsSecond: [1, 1, 1],
  });
  const drawn = bootstrap(key(1), fit(thin), { rounds: 200 });
  assert(drawn.degenerate.length > 5 && drawn.degenerate.length < 120, `${drawn.degenerate.length}`);
  for (const round of drawn.degenerate) assert(Number.isNaN(drawn.estimates[3 * round]!));
  assertEquals(bootstrapInterval(drawn, 0).usable, 200 - drawn.degenerate.length);
});

Deno.test("drawing whole clusters widens the bootstrap when judges agree with themselves", () => {
  const data = simulated(key(6), { strengths: [0.5, -0.5, 0], perPair: 60 });
  const judges = { ...data, cluster: data.first.map((_, r) => Math.floor(r / 20)) };
  const loyal = {
    ...judges,
    winsFirst: judges.cluster.map((c) => c % 3 === 0 ? 0 : 1),
    winsSecond: judges.cluster.map((c) => c % 3 === 0 ? 1 : 0),
  };
  const found = fit({
    ...loyal,
    winsFirst: Float64Array.from(loyal.winsFirst),
    winsSecond: Float64Array.from(loyal.winsSecond),
  });
  const spread = (byCluster: boolean): number =>
    bootstrapInterval(bootstrap(key(2), found, { rounds: 150, byCluster }), 0).standardError;
  assert(spread(true) > 1.5 * spread(false));
});

Deno.test("bootstrap refuses fractional counts", () => {
  const half = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [1.5], winsSecond: [1] });
  assertThrows(
    () => bootstrap(key(0), fit(half), { rounds: 1 }),
    RangeError,
    "counts must be whole: current value is 1.5",
  );
});

Deno.test("95 % intervals cover the truth in 93 to 97 % of 1,000 simulations: Fisher, robust and profile", () => {
  const strengths = [0.9, 0.3, -0.2, -1];
  const z = normalQuantile(0.05), hits = { fisher: 0, robust: 0, profile: 0 };
  for (let s = 0; s < 1000; s++) {
    const data = simulated(fold(key(77), s), { strengths, perPair: 40 });
    const found = fit(data), off = Math.abs(found.logAbility[0]! - 0.9);
    if (off <= z * standardErrors(strengthCovariance(found))[0]!) hits.fisher++;
    if (off <= z * standardErrors(strengthCovariance(found, "robust"))[0]!) hits.robust++;
    if (s % 4 === 0) {
      const { low, high } = profileInterval(found, differenceDirection(found, 0));
      if (low <= 0.9 && 0.9 <= high) hits.profile += 4;
    }
  }
  assert(hits.fisher >= 930 && hits.fisher <= 970, `fisher ${hits.fisher}`);
  assert(hits.robust >= 930 && hits.robust <= 970, `robust ${hits.robust}`);
  assert(hits.profile >= 910 && hits.profile <= 985, `profile ${hits.profile}`); // 250 simulations
});

Deno.test("bootstrap intervals cover the truth in about 95 % of 200 simulations", () => {
  let hits = 0;
  for (let s = 0; s < 200; s++) {
    const found = fit(simulated(fold(key(78), s), { strengths: [0.7, 0, -0.7], perPair: 40 }));
    const { low, high } = bootstrapInterval(bootstrap(fold(key(79), s), found, { rounds: 79 }), 0);
    if (low <= 0.7 && 0.7 <= high) hits++;
  }
  assert(hits >= 181 && hits <= 198, `${hits}`);
});

Deno.test("a likelihood-ratio statistic against a false term averages its degrees of freedom", () => {
  let sum = 0;
  for (let s = 0; s < 200; s++) {
    const data = simulated(fold(key(80), s), { strengths: [0.5, 0, -0.5], perPair: 30, order: 1e-12 });
    sum += likelihoodRatioTest(fit(data), fit(data, { order: true })).statistic / 200;
  }
  assertAlmostEquals(sum, 1, 0.3);
});

Deno.test("the planted intransitive triple and pair are named as the worst", () => {
  const data = simulated(key(12), { strengths: [0, 0, 0, 0, 0, 0], perPair: 60 });
  const planted = { ...data, winsFirst: data.winsFirst.slice(), winsSecond: data.winsSecond.slice() };
  data.first.forEach((i, r) => { // 1 > 0, 2 > 1, 0 > 2 always
    const j = data.second[r]!;
    const wins = (i === 1 && j === 0) || (i === 2 && j === 1) ? 1 : i === 2 && j === 0 ? 0 : undefined;
    if (wins === undefined) return;
    planted.winsFirst[r] = wins;
    planted.winsSecond[r] = 1 - wins;
  });
  const found = fit(planted);
  assertEquals(worstTriples(found, 1)[0]!.items, [0, 2, 1]);
  assert(worstPairs(found, 3).every(({ items: [a, b] }) => a <= 2 && b <= 2));
  assert(goodnessOfFit(found, { merge: true }).deviance.pValue < 1e-6);
});

Deno.test("goodness of fit of data drawn from the model is not alarmed", () => {
  const data = simulated(key(13), { strengths: drawnStrengths(key(13), 8), perPair: 60, nu: 0.5, order: 0.4 });
  const { deviance } = goodnessOfFit(fit(data, { ties: "davidson", order: true }), { merge: true });
  assert(deviance.pValue > 0.01, `${deviance.pValue}`);
});

Deno.test("a fit that does not exist has no number to print", () => {
  const swept = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [7], winsSecond: [0] });
  const result = fitStrengths(swept);
  assertEquals(result._tag, "Left");
  assert(!JSON.stringify(result).includes("logAbility"));
});
