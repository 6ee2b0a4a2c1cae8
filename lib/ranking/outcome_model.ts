/**
 * From a difference of strengths to the chances of win, loss and tie, with exact first and second derivatives.
 *
 * Every model here sees a comparison through two numbers: the advantage η of the first-listed item (difference of
 * log-abilities plus order effect plus covariates) and, where ties have a parameter, the tie parameter τ.
 */

/** How ties enter: half a win for each side, or a third outcome with a parameter of its own. */
export type TieModel = "half" | "davidson" | "davidson-beaver" | "rao-kupper";

/** Log-likelihood derivatives per row: score and (observed) information in η and τ. */
export interface RowDerivatives {
  readonly scoreEta: Float64Array;
  readonly scoreTie: Float64Array;
  readonly infoEta: Float64Array;
  readonly infoEtaTie: Float64Array;
  readonly infoTie: Float64Array;
}

/** Outcome counts, one entry per row. */
export interface Counts {
  readonly winsFirst: Float64Array;
  readonly winsSecond: Float64Array;
  readonly ties: Float64Array;
}

/** One way for ties to enter. Arrays are `[rows]`; `derivatives` writes into the arrays it is given. */
export interface OutcomeModel {
  /** Whether τ is a parameter. */
  readonly tieParameter: boolean;
  derivatives(counts: Counts, eta: Float64Array, tie: Float64Array, out: RowDerivatives): void;
  /** Natural-log probabilities `[win, loss, tie]` of one comparison; a half-win tie has "probability" √(p(1−p)). */
  logProbabilities(eta: number, tie: number): readonly [number, number, number];
  /** Σ_r counts · log P, the same as summing {@link logProbabilities} over rows, without the triples in between. */
  logLikelihood(counts: Counts, eta: Float64Array, tie: Float64Array): number;
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number): number => x >= 0 ? 1 / (1 + Math.exp(-x)) : 1 - 1 / (1 + Math.exp(x));

/**
 * Bradley–Terry with ties as half a win for each: P(first wins) = 1 / (1 + e^−η).
 *
 * @see Bradley & Terry 1952, "Rank analysis of incomplete block designs", eq. 1
 */
export const halfTie: OutcomeModel = {
  tieParameter: false,
  derivatives({ winsFirst, winsSecond, ties }, eta, _tie, { scoreEta, infoEta }): void {
    for (let r = 0; r < eta.length; r++) {
      const x = eta[r]!;
      const e = Math.exp(-Math.abs(x));
      const q = 1 / (1 + e);
      const half = ties[r]! / 2;
      const p = x >= 0 ? q : e * q;
      const loss = x >= 0 ? e * q : q;
      const w = winsFirst[r]! + half, l = winsSecond[r]! + half;
      scoreEta[r] = w * loss - l * p; // = w − (w + l) p without the cancellation
      infoEta[r] = (w + l) * p * loss;
    }
  },
  logProbabilities: (eta) => [-softplus(-eta), -softplus(eta), -(softplus(-eta) + softplus(eta)) / 2],
  logLikelihood({ winsFirst, winsSecond, ties }, eta): number {
    let sum = 0;
    for (let r = 0; r < eta.length; r++) {
      const x = eta[r]!, less = (x >= 0 ? winsSecond[r]! : winsFirst[r]!) + ties[r]! / 2; // wins of the less able
      sum -= less * Math.abs(x) +
        (winsFirst[r]! + winsSecond[r]! + ties[r]!) * Math.log(1 + Math.exp(-Math.abs(x))); // to be added up: absolute precision suffices
    }
    return sum;
  },
};

/**
 * Davidson's ties: P(first) : P(second) : P(tie) = e^(η/2) : e^(−η/2) : ν, with τ = log ν.
 *
 * @see Davidson 1970, "On extending the Bradley–Terry model to accommodate ties in paired comparison experiments"
 */
export const davidson: OutcomeModel = {
  tieParameter: true,
  derivatives({ winsFirst, winsSecond, ties }, eta, tie, out): void {
    for (let r = 0; r < eta.length; r++) {
      const x = eta[r]!;
      const small = Math.exp(-Math.abs(x)), middle = Math.exp(tie[r]! - Math.abs(x) / 2);
      const total = 1 + small + middle;
      const t = middle / total, decided = (1 + small) / total;
      const d = Math.sign(x) * (1 - small) / total; // P(first) − P(second)
      const n = winsFirst[r]! + winsSecond[r]! + ties[r]!;
      out.scoreEta[r] = (winsFirst[r]! - winsSecond[r]! - n * d) / 2;
      out.scoreTie[r] = ties[r]! * decided - (n - ties[r]!) * t;
      out.infoEta[r] = n * (decided - d * d) / 4;
      out.infoEtaTie[r] = -n * d * t / 2;
      out.infoTie[r] = n * t * decided;
    }
  },
  logProbabilities(eta, tie): readonly [number, number, number] {
    const h = Math.abs(eta) / 2;
    const log = h + Math.log1p(Math.exp(-2 * h) + Math.exp(tie - h));
    return [eta / 2 - log, -eta / 2 - log, tie - log];
  },
  logLikelihood({ winsFirst, winsSecond, ties }, eta, tie): number {
    let sum = 0;
    for (let r = 0; r < eta.length; r++) {
      const h = Math.abs(eta[r]!) / 2;
      const log = h + Math.log1p(Math.exp(-2 * h) + Math.exp(tie[r]! - h));
      sum += (winsFirst[r]! - winsSecond[r]!) * eta[r]! / 2 + ties[r]! * tie[r]! -
        (winsFirst[r]! + winsSecond[r]! + ties[r]!) * log;
    }
    return sum;
  },
};

/**
 * Rao and Kupper's ties: P(first) = 1 / (1 + θ e^−η), P(second) = 1 / (1 + θ e^η), a tie otherwise; τ = log θ ≥ 0.
 *
 * @see Rao & Kupper 1967, "Ties in paired-comparison experiments: a generalization of the Bradley–Terry model"
 */
export const raoKupper: OutcomeModel = {
  tieParameter: true,
  derivatives({ winsFirst, winsSecond, ties }, eta, tie, out): void {
    for (let r = 0; r < eta.length; r++) {
      const tau = tie[r]!, shrink = Math.exp(-2 * tau), grow = -Math.expm1(-2 * tau);
      // P(tie) = (θ² − 1) P(first) P(second): a tie counts as both sides clearing the threshold
      const a = winsFirst[r]! + ties[r]!, b = winsSecond[r]! + ties[r]!;
      const missA = sigmoid(tau - eta[r]!), missB = sigmoid(tau + eta[r]!);
      const curveA = a * missA * (1 - missA), curveB = b * missB * (1 - missB);
      out.scoreEta[r] = a * missA - b * missB;
      out.scoreTie[r] = 2 * ties[r]! / grow - a * missA - b * missB;
      out.infoEta[r] = curveA + curveB;
      out.infoEtaTie[r] = curveB - curveA;
      out.infoTie[r] = curveA + curveB + 4 * ties[r]! * shrink / (grow * grow);
    }
  },
  logProbabilities(eta, tie): readonly [number, number, number] {
    const win = -softplus(tie - eta), loss = -softplus(tie + eta);
    return [win, loss, 2 * tie + Math.log(-Math.expm1(-2 * tie)) + win + loss];
  },
  logLikelihood({ winsFirst, winsSecond, ties }, eta, tie): number {
    let sum = 0;
    for (let r = 0; r < eta.length; r++) {
      const t = ties[r]!;
      sum -= (winsFirst[r]! + t) * softplus(tie[r]! - eta[r]!) + (winsSecond[r]! + t) * softplus(tie[r]! + eta[r]!);
      if (t > 0) sum += t * (2 * tie[r]! + Math.log(-Math.expm1(-2 * tie[r]!)));
    }
    return sum;
  },
};

/** The outcome model of a name; Davidson–Beaver differs from Davidson only in where the order effect enters. */
export function outcomeModel(ties: TieModel): OutcomeModel {
  return { half: halfTie, davidson, "davidson-beaver": davidson, "rao-kupper": raoKupper }[ties];
}

/** The number of rows' worth of space for derivatives. */
export function rowDerivatives(rows: number): RowDerivatives {
  const make = (): Float64Array => new Float64Array(rows);
  return { scoreEta: make(), scoreTie: make(), infoEta: make(), infoEtaTie: make(), infoTie: make() };
}
