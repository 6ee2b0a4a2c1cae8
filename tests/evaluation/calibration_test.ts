import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  brierScore,
  type Forecasts,
  logLoss,
  probabilityOf,
  reliability,
  temperatureScale,
} from "../../lib/evaluation/calibration.ts";
import { key, normal, uniform } from "../../lib/tensor/random.ts";

const logit = (p: number): number => Math.log(p / (1 - p));

/** Log odds of up to 30 nats in tenths, and outcomes in hundredths. */
const some: fc.Arbitrary<Forecasts> = fc.array(
  fc.tuple(fc.integer({ min: -300, max: 300 }), fc.integer({ min: 0, max: 100 })),
  { minLength: 1, maxLength: 30 },
).map((cases) => ({ logOdds: cases.map(([z]) => z / 10), outcomes: cases.map(([, y]) => y / 100) }));

Deno.test("a coin has a log loss of ln 2 and a Brier score of ¼, and is calibrated where half comes true", () => {
  const coin = { logOdds: [0, 0, 0, 0], outcomes: [1, 0, 0, 1] };
  assertAlmostEquals(logLoss(coin), Math.LN2, 1e-15);
  assertEquals(brierScore(coin), 0.25);
  assertEquals(reliability(coin).ece, 0);
});

Deno.test("logLoss() and brierScore() have the values one can compute by hand", () => {
  const forecasts = { logOdds: [logit(0.8), logit(0.3)], outcomes: [1, 0.5] };
  assertAlmostEquals(logLoss(forecasts), -(Math.log(0.8) + 0.5 * Math.log(0.3) + 0.5 * Math.log(0.7)) / 2, 1e-14);
  assertAlmostEquals(brierScore(forecasts), (0.2 ** 2 + 0.2 ** 2) / 2, 1e-14);
});

Deno.test("both scores are proper: nothing is better on average than the true probability", () => {
  fc.assert(fc.property(some, fc.double({ min: -3, max: 3, noNaN: true }), ({ logOdds }, error) => {
    const outcomes = logOdds.map(probabilityOf);
    const wrong = { logOdds: logOdds.map((z) => z + error), outcomes };
    for (const score of [logLoss, brierScore]) assertLess(score({ logOdds, outcomes }), score(wrong) + 1e-12);
  }));
});

Deno.test("no figure depends on which of the two is called the first", () => {
  fc.assert(fc.property(some, ({ logOdds, outcomes = [] }) => {
    const turned = { logOdds: logOdds.map((z) => -z), outcomes: outcomes.map((y) => 1 - y) };
    const given = { logOdds, outcomes };
    for (const f of [logLoss, brierScore, (x: Forecasts) => reliability(x).ece]) {
      assertAlmostEquals(f(given), f(turned), 1e-12);
    }
    const [a, b] = [temperatureScale(given), temperatureScale(turned)].map((t) => 1 / (1 + t)) as [number, number];
    assertAlmostEquals(a, b, 1e-9);
  }));
});

Deno.test("logLoss() is finite and linear where log odds are in the thousands, and free of NaN where they are infinite", () => {
  assertAlmostEquals(logLoss({ logOdds: [1000, -1000] }), 500, 1e-12);
  assertEquals(logLoss({ logOdds: [Infinity, -Infinity], outcomes: [1, 0] }), 0);
  assertEquals(logLoss({ logOdds: [Infinity], outcomes: [0] }), Infinity);
});

Deno.test("reliability() bins by confidence, and its error is the weighted mean of the gaps", () => {
  // Ten forecasts of 0.72, of which six come true, and ten against it of 0.93, of which nine do not.
  const logOdds = [...Array<number>(10).fill(logit(0.72)), ...Array<number>(10).fill(-logit(0.93))];
  const outcomes = [...Array.from({ length: 10 }, (_, i) => Number(i < 6)), 1, ...Array<number>(9).fill(0)];
  const { bins, ece } = reliability({ logOdds, outcomes }, { bins: 5 });
  assertEquals(bins.map(({ n }) => n), [0, 0, 10, 0, 10]);
  assertAlmostEquals(bins[2]?.confidence as number, 0.72, 1e-12);
  assertAlmostEquals(bins[2]?.accuracy as number, 0.6, 1e-12);
  assertAlmostEquals(bins[4]?.accuracy as number, 0.9, 1e-12);
  assertAlmostEquals(ece, (0.12 + 0.03) / 2, 1e-12);
  assertEquals([bins[0]?.low, bins[4]?.high], [0.5, 1]);
});

Deno.test("reliability() of true probabilities goes to 0, of boasted ones it does not", () => {
  const n = 20_000;
  const logOdds = Array.from(normal(key(1), n), (x) => 1.5 * x);
  const draws = uniform(key(2), n);
  const outcomes = logOdds.map((z, i) => Number((draws[i] as number) < probabilityOf(z)));
  assertLess(reliability({ logOdds, outcomes }).ece, 0.015);
  assertLess(0.1, reliability({ logOdds: logOdds.map((z) => 3 * z), outcomes }).ece);
  assertAlmostEquals(temperatureScale({ logOdds: logOdds.map((z) => 3 * z), outcomes }), 3, 0.15);
});

Deno.test("temperatureScale() is the minimum of the log loss, and undoes any scale", () => {
  assertAlmostEquals(temperatureScale({ logOdds: [2, 2, 2, 2], outcomes: [1, 1, 1, 0] }), 2 / Math.log(3), 1e-12);
  const forecasts = { logOdds: [2, -1, 0.5, 3, -2], outcomes: [1, 0, 0, 1, 1] };
  const t = temperatureScale(forecasts);
  const at = (temperature: number): number =>
    logLoss({ ...forecasts, logOdds: forecasts.logOdds.map((z) => z / temperature) });
  assertLess(at(t), Math.min(at(t * 1.01), at(t / 1.01)));
  const scaled = { ...forecasts, logOdds: forecasts.logOdds.map((z) => 100 * z) };
  assertAlmostEquals(temperatureScale(scaled), 100 * t, 1e-9 * t);
});

Deno.test("temperatureScale() is 0 where all favour the right side, Infinity where they are no better than a coin", () => {
  assertEquals(temperatureScale({ logOdds: [0.1, -2], outcomes: [1, 0] }), 0);
  assertEquals(temperatureScale({ logOdds: [1, 1], outcomes: [1, 0] }), Infinity);
  assertEquals(temperatureScale({ logOdds: [1, -1], outcomes: [0, 1] }), Infinity);
  assertEquals(temperatureScale({ logOdds: [0, 0] }), Infinity);
});

Deno.test("figures of forecasts refuse what has no outcome in one sentence", () => {
  assertThrows(() => logLoss({ logOdds: [] }), RangeError, "Cannot compute logLoss as each forecast needs an outcome");
  assertThrows(() => brierScore({ logOdds: [1], outcomes: [1, 0] }), RangeError, "there are 1 and 2");
  const rule = "outcomes must be in [0, 1] and log odds numbers: one is ";
  assertThrows(() => reliability({ logOdds: [1], outcomes: [2] }), RangeError, `${rule}2`);
  assertThrows(() => temperatureScale({ logOdds: [NaN] }), RangeError, `${rule}NaN`);
});

Deno.test("a forecast of weight n counts as n forecasts in every figure, and one of weight 0 not at all", () => {
  fc.assert(fc.property(some, some, ({ logOdds, outcomes = [] }, others) => {
    const times = <T>(list: readonly T[]): readonly T[] => list.flatMap((x, i) => i % 2 ? [x, x] : [x]);
    const repeated = { logOdds: times(logOdds), outcomes: times(outcomes) };
    const weighed = {
      logOdds: [...logOdds, ...others.logOdds],
      outcomes: [...outcomes, ...others.outcomes ?? []],
      weights: [...logOdds.map((_, i) => 1 + i % 2), ...others.logOdds.map(() => 0)],
    };
    for (const f of [logLoss, brierScore, (x: Forecasts) => reliability(x).ece, inverse]) {
      assertAlmostEquals(f(weighed), f(repeated), 1e-9);
    }
    reliability(repeated).bins.filter(({ n }) => n > 0).forEach(({ low, accuracy, confidence }) => {
      const bin = reliability(weighed).bins.find((bin) => bin.low === low);
      assertAlmostEquals(bin?.accuracy as number, accuracy, 1e-12);
      assertAlmostEquals(bin?.confidence as number, confidence, 1e-12);
    });
  }));
  for (const weights of [[1, -1], [0, 0], [1]]) {
    assertThrows(() => logLoss({ logOdds: [1, 2], weights }), RangeError, "needs a weight ≥ 0, and one > 0");
  }
});

/** A temperature where neither end is infinite. */
function inverse(forecasts: Forecasts): number {
  return 1 / (1 + temperatureScale(forecasts));
}
