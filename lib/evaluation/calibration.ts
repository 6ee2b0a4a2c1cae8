/**
 * Whether stated probabilities are worth what they say: proper scores, reliability, and the one-number repair.
 *
 * A forecast is a log odds z, nats: it states p = σ(z) that the first of two comes out better. An outcome is 1 where it
 * did, 0 where it did not, or the probability with which it does.
 */

import { divide, type Mean, meanOf } from "../tensor/mean.ts";

/** Forecasts with their outcomes, `[n]` each. */
export interface Forecasts {
  /** Stated log odds, nats. */
  readonly logOdds: readonly number[];
  /** What came of it, in [0, 1]. Default: 1 each, as where the better one is always put first. */
  readonly outcomes?: readonly number[];
  /** How much each counts, ≥ 0. Default: all alike. */
  readonly weights?: readonly number[];
}

/** log(1 + eˣ), finite wherever the mathematics is. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** weight · loss, and 0 where the weight is, even of an infinite loss. */
function times(weight: number, loss: number): number {
  return weight === 0 ? 0 : weight * loss;
}

/** σ(z): the probability that log odds state. */
export function probabilityOf(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds));
}

/** Forecasts with an outcome and a weight for each; checks all. */
function checked(name: string, { logOdds, outcomes, weights }: Forecasts): Required<Forecasts> {
  const y = outcomes ?? logOdds.map(() => 1), w = weights ?? logOdds.map(() => 1);
  if (logOdds.length === 0 || logOdds.length !== y.length) {
    throw new RangeError(
      `Cannot compute ${name} as each forecast needs an outcome: there are ${logOdds.length} and ${y.length}`,
    );
  }
  const bad = y.find((p) => !(p >= 0 && p <= 1)) ?? logOdds.find(Number.isNaN);
  if (bad !== undefined) {
    throw new RangeError(`Cannot compute ${name} as outcomes must be in [0, 1] and log odds numbers: one is ${bad}`);
  }
  if (w.length !== y.length || !w.every((x) => x >= 0) || !w.some((x) => x > 0)) {
    throw new RangeError(`Cannot compute ${name} as each forecast needs a weight ≥ 0, and one > 0: they are ${w}`);
  }
  return { logOdds, outcomes: y, weights: w };
}

/** The mean over forecasts of a score of log odds and outcome. */
function meanScore(name: string, forecasts: Forecasts, score: (z: number, y: number) => number): number {
  const { logOdds, outcomes, weights } = checked(name, forecasts);
  return divide(meanOf(logOdds.map((z, i) => score(z, outcomes[i] as number)), weights));
}

/**
 * Mean of −y log σ(z) − (1−y) log σ(−z), nats. Of a coin it is ln 2.
 *
 * @throws {RangeError} if there is no forecast, or not an outcome in [0, 1] for each
 * @see Good 1952, "Rational decisions"
 */
export function logLoss(forecasts: Forecasts): number {
  return meanScore("logLoss", forecasts, (z, y) => times(y, softplus(-z)) + times(1 - y, softplus(z)));
}

/**
 * Mean of (σ(z) − y)². Of a coin it is ¼ where outcomes are 0 or 1.
 *
 * @throws {RangeError} if there is no forecast, or not an outcome in [0, 1] for each
 * @see Brier 1950, "Verification of forecasts expressed in terms of probability"
 */
export function brierScore(forecasts: Forecasts): number {
  return meanScore("brierScore", forecasts, (z, y) => (probabilityOf(z) - y) ** 2);
}

/** The forecasts whose confidence lies between two bounds. */
export interface ReliabilityBin {
  /** Least confidence, included. */
  readonly low: number;
  /** Largest confidence, excluded but for 1. */
  readonly high: number;
  /** How many forecasts. */
  readonly n: number;
  /** Their mean confidence; NaN of none. */
  readonly confidence: number;
  /** How often the side they favoured came out better; NaN of none. */
  readonly accuracy: number;
}

/** Reliability of forecasts. */
export interface Reliability {
  /** Bins of equal width over confidences from ½ to 1. */
  readonly bins: readonly ReliabilityBin[];
  /** Expected calibration error: Σ w·|accuracy − confidence| / Σ w over bins, w the weights of their forecasts. */
  readonly ece: number;
}

/**
 * Confidence max(σ(z), σ(−z)) against the share of forecasts whose favoured side came out better; at z = 0 half of it.
 * Which of the two is called the first makes no difference.
 *
 * @param options.bins how many, default 10
 * @throws {RangeError} if there is no forecast, or not an outcome in [0, 1] for each
 * @see Guo et al. 2017, "On calibration of modern neural networks", eq. 3
 */
export function reliability(forecasts: Forecasts, options: { readonly bins?: number } = {}): Reliability {
  const { bins = 10 } = options;
  const { logOdds, outcomes, weights } = checked("reliability", forecasts);
  const cases = logOdds.map((z, i) => {
    const y = outcomes[i] as number, weight = weights[i] as number;
    return { weight, confidence: probabilityOf(Math.abs(z)), right: z > 0 ? y : z < 0 ? 1 - y : 0.5 };
  });
  const binOf = (confidence: number): number => Math.min(bins - 1, Math.floor((2 * confidence - 1) * bins));
  const filled = Array.from({ length: bins }, (_, bin) => {
    const inside = cases.filter(({ confidence }) => binOf(confidence) === bin);
    const mean = (of: "confidence" | "right"): Mean =>
      meanOf(inside.map((x) => x[of]), inside.map(({ weight }) => weight));
    const [confidence, accuracy] = [divide(mean("confidence")), divide(mean("right"))];
    const [low, high] = [0.5 + bin / (2 * bins), 0.5 + (bin + 1) / (2 * bins)];
    return { bin: { low, high, n: inside.length, confidence, accuracy }, weight: mean("right").count };
  });
  const gaps = filled.map(({ bin: { accuracy, confidence }, weight }) =>
    weight === 0 ? 0 : Math.abs(accuracy - confidence)
  );
  return { bins: filled.map(({ bin }) => bin), ece: divide(meanOf(gaps, filled.map(({ weight }) => weight))) };
}

/**
 * Temperature scaling: the T ≥ 0 for which z / T has the least log loss. Above 1 the forecasts were too sure.
 *
 * The loss is convex in 1/T, so its slope Σ w·z·(σ(z/T) − y) is bisected. Where every forecast favours the right side no T
 * is small enough: 0. Where they are no better than a coin none is large enough: Infinity.
 *
 * @throws {RangeError} if there is no forecast, or not an outcome in [0, 1] for each
 * @see Guo et al. 2017, section 4.2
 * @example
 * ```ts
 * import { temperatureScale } from "@logratio/logratio";
 * // Says 2 nats (88 %) four times and is right three times of them (75 %, 1.1 nats): twice too sure.
 * temperatureScale({ logOdds: [2, 2, 2, 2], outcomes: [1, 1, 1, 0] }); // 2 / ln 3 = 1.82
 * ```
 */
export function temperatureScale(forecasts: Forecasts): number {
  const { logOdds, outcomes, weights } = checked("temperatureScale", forecasts);
  const slopes = (z: number, y: number, inverse: number): number => z === 0 ? 0 : z * (probabilityOf(inverse * z) - y);
  const slope = (inverse: number): number =>
    meanOf(logOdds.map((z, i) => slopes(z, outcomes[i] as number, inverse)), weights).sum;
  if (slope(0) >= 0) return Infinity;
  if (slope(Infinity) <= 0) return 0;
  let high = 1;
  while (slope(high) < 0) high *= 2;
  let low = high === 1 ? 0 : high / 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  return 2 / (low + high);
}
