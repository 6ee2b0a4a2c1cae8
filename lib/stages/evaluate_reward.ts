/** How well a reward model tells which of two completions people prefer, and how well it knows how well. */
import type { Pair } from "../data/pair.ts";
import { isTokenPair, type PairRow, type TokenPair } from "../data/token_pair.ts";
import {
  brierScore,
  type Forecasts,
  logLoss,
  probabilityOf,
  type Reliability,
  reliability,
  temperatureScale,
} from "../evaluation/calibration.ts";
import { type Share, shareWon } from "../evaluation/interval.ts";
import { once, type Stage } from "../flow/stage.ts";
import { fitWordStrengths, type TextPair, wordStrength } from "../ranking/word_strengths.ts";
import { weightsOf } from "./own_terms.ts";
import { logOddsOf, type RewardState, type ValidationState } from "./reward_state.ts";
import type { PairState, PolicyState, RowState } from "./state.ts";

/** How good forecasts are, as proper scores and as calibration. */
export interface ForecastScores {
  /** Mean negative log probability of the labels, nats; a coin's is ln 2. */
  readonly logLoss: number;
  /** Mean squared distance of probability and label; a coin's is ¼. */
  readonly brier: number;
  /** Confidence against accuracy. */
  readonly reliability: Reliability;
}

/** Judges of which completion is better: the reward model, and the two it must beat. */
export type Judges<T> = Readonly<Record<"reward" | "length" | "linear", T>>;

/** What the annotator's own probabilities say of the judges. */
export interface TruthEvaluation {
  /** The accuracy to expect on labels drawn anew: the mean probability of the side that was favoured. */
  readonly accuracy: Judges<number>;
  /** What nobody can beat: the mean of max(p, 1 − p). */
  readonly bayes: number;
  /** Root mean square of p̂ − p. */
  readonly rootMeanSquare: number;
}

/** What held-out pairs say of a reward model. */
export interface RewardEvaluation {
  /** Share of held-out labels on the side that was favoured. */
  readonly accuracy: Judges<Share>;
  /** The scores of p̂ = σ(r_w − r_l). */
  readonly scores: ForecastScores;
  /** The temperature that fits the validation rows best: above 1 the model is too sure. */
  readonly temperature: number;
  /** The scores of σ((r_w − r_l) / temperature). */
  readonly tempered: ForecastScores;
  /** Null where the annotator is not known. */
  readonly truth: TruthEvaluation | null;
}

/** Options of `evaluateReward`. */
export interface EvaluateRewardOptions {
  /** The annotator's probability that the chosen completion is better, where it is known. */
  readonly probability?: ((pair: Pair) => number) | undefined;
}

/** Forecasts about rows, with what came of them and how much each counts. */
export function forecastsOf(rows: readonly TokenPair[], logOdds: readonly number[]): Forecasts {
  return { logOdds, outcomes: rows.map(({ label = 1 }) => label), ...weightsOf(rows) };
}

/** All scores of some forecasts. */
function scoresOf(forecasts: Forecasts): ForecastScores {
  return { logLoss: logLoss(forecasts), brier: brierScore(forecasts), reliability: reliability(forecasts) };
}

/** The margin by which each judge favours the chosen completion, pair by pair. */
function marginsOf(state: PairState & RowState, logOdds: readonly number[]): Judges<readonly number[]> {
  const { pairs, heldOutRows } = state;
  const words = fitWordStrengths(pairs.map(wordsOf));
  return {
    reward: logOdds,
    length: heldOutRows.map((row) => row.rejected.length - row.chosen.length),
    linear: pairsOf(state).map(wordsOf).map(({ chosen, rejected }) =>
      wordStrength(words, chosen) - wordStrength(words, rejected)
    ),
  };
}

/** The held-out rows as they came, in their order. */
function pairsOf({ heldOutPairs, heldOutRows }: PairState & RowState): readonly PairRow[] {
  const byId = new Map(heldOutPairs.map((pair) => [pair.id, pair]));
  return heldOutRows.map(({ id }) => byId.get(id) as PairRow);
}

/** A pair for a model of words, which of token ids are the ids. */
function wordsOf(row: PairRow): TextPair {
  return isTokenPair(row) ? { ...row, chosen: row.chosen.join(" "), rejected: row.rejected.join(" ") } : row;
}

/** What each judge makes of its margins. */
function judged<T>(margins: Judges<readonly number[]>, f: (margins: readonly number[]) => T): Judges<T> {
  return { reward: f(margins.reward), length: f(margins.length), linear: f(margins.linear) };
}

/** The judges against the annotator's probabilities `p`. */
function againstTruth(margins: Judges<readonly number[]>, p: readonly number[]): TruthEvaluation {
  const mean = (of: (p: number, i: number) => number): number => p.reduce((sum, x, i) => sum + of(x, i), 0) / p.length;
  return {
    accuracy: judged(margins, (m) => mean((x, i) => 0.5 + Math.sign(m[i] as number) * (x - 0.5))),
    bayes: mean((x) => Math.max(x, 1 - x)),
    rootMeanSquare: Math.sqrt(mean((x, i) => (probabilityOf(margins.reward[i] as number) - x) ** 2)),
  };
}

/**
 * Judges a reward model on held-out pairs: beside the rule that the shorter completion wins and a linear Bradley–Terry
 * model on words, both fitted to the same training pairs, and against the annotator's own probabilities where known.
 * The temperature is fitted to the validation rows, never to those it is judged on. A pair's `weight` counts as in training.
 *
 * @throws {RangeError} if there is no held-out row
 */
export function evaluateReward(
  options: EvaluateRewardOptions = {},
): Stage<
  RewardState & Pick<PolicyState, "config"> & ValidationState & PairState & RowState,
  { readonly rewardEvaluation: RewardEvaluation }
> {
  const { probability } = options;
  type Needs = RewardState & Pick<PolicyState, "config"> & ValidationState & PairState & RowState;
  return once("evaluateReward", (state: Needs) => {
    const { reward, config, validationRows, heldOutRows } = state;
    const logOdds = logOddsOf(reward, config, heldOutRows), { weights } = weightsOf(heldOutRows);
    const temperature = temperatureScale(forecastsOf(validationRows, logOddsOf(reward, config, validationRows)));
    const tempered = logOdds.map((z) => z === 0 ? 0 : z / temperature);
    const margins = marginsOf(state, logOdds);
    const texts = pairsOf(state).filter((row): row is Pair => !isTokenPair(row));
    const isKnown = probability !== undefined && texts.length === heldOutRows.length;
    const rewardEvaluation: RewardEvaluation = {
      accuracy: judged(margins, (m) => shareWon(m, weights)),
      scores: scoresOf(forecastsOf(heldOutRows, logOdds)),
      temperature,
      tempered: scoresOf(forecastsOf(heldOutRows, tempered)),
      truth: isKnown ? againstTruth(margins, texts.map(probability)) : null,
    };
    return { rewardEvaluation };
  }, {
    needs: ["config", "heldOutPairs", "heldOutRows", "pairs", "reward", "rows", "validationRows"],
    adds: ["rewardEvaluation"],
  });
}
