/**
 * Do intervals hold what they promise? Data drawn from known strengths, fitted, and counted how often the truth lies within.
 *
 *     deno run --allow-write=tests/evidence tests/evidence/ranking_coverage.ts
 */
import {
  abilityCovariance,
  bootstrap,
  bootstrapInterval,
  type Comparisons,
  contrast,
  differenceDirection,
  fitStrengths,
  fold,
  type Key,
  key,
  normalQuantile,
  profileInterval,
  rankIntervals,
  standardErrors,
  strengthCovariance,
  type StrengthFit,
} from "../../mod.ts";
import { simulated } from "../ranking/reference.ts";

const STRENGTHS = [0.9, 0.5, 0.1, -0.2, -0.5, -0.8], ORDER = 0.3, TIES = Math.log(0.6), Z = normalQuantile(0.05);
const RANKS = STRENGTHS.map((_, i) => i + 1);

/** Whether the truth lay within, by interval. */
type Verdicts = Readonly<Record<string, boolean>>;

interface Interval {
  readonly low: number;
  readonly high: number;
}
const holds = ({ low, high }: Interval, truth: number): boolean => low <= truth && truth <= high;
const around = (estimate: number, se: number): Interval => ({ low: estimate - Z * se, high: estimate + Z * se });

function fitted(data: Comparisons, model: Parameters<typeof fitStrengths>[1]): StrengthFit {
  const result = fitStrengths(data, model);
  if (result._tag === "Left") throw new Error(result.left.message);
  return result.right;
}

/** Single votes: ties and an order effect, all parameters. */
function votes(key: Key, rounds: number): Verdicts {
  const data = simulated(fold(key, 0), { strengths: STRENGTHS, perPair: 40, order: ORDER, nu: 0.6 });
  const fit = fitted(data, { ties: "davidson", order: true }), n = STRENGTHS.length;
  const fisher = strengthCovariance(fit), errors = standardErrors(fisher);
  const robust = standardErrors(strengthCovariance(fit, "robust")), covariance = abilityCovariance(fit, fisher);
  const pair = contrast(fit, covariance, [0, 1]), ranks = rankIntervals(fit, covariance);
  const resamples = bootstrap(fold(key, 1), fit, { rounds });
  return {
    "strength, Fisher": holds(around(fit.logAbility[0]!, errors[0]!), STRENGTHS[0]!),
    "strength, robust": holds(around(fit.logAbility[0]!, robust[0]!), STRENGTHS[0]!),
    "strength, profile": holds(profileInterval(fit, differenceDirection(fit, 0)), STRENGTHS[0]!),
    "strength, bootstrap": holds(bootstrapInterval(resamples, 0), STRENGTHS[0]!),
    "difference, Fisher": holds(around(pair.estimate, pair.se), STRENGTHS[0]! - STRENGTHS[1]!),
    "difference, bootstrap": holds(bootstrapInterval(resamples, (t) => t[0]! - t[1]!), STRENGTHS[0]! - STRENGTHS[1]!),
    "order effect, Fisher": holds(around(fit.orderEffect!, errors[n]!), ORDER),
    "order effect, bootstrap": holds(bootstrapInterval(resamples, n), ORDER),
    "tie parameter, Fisher": holds(around(fit.tieParameter!, errors[n + 1]!), TIES),
    "tie parameter, bootstrap": holds(bootstrapInterval(resamples, n + 1), TIES),
    "all ranks at once": RANKS.every((rank, i) => ranks.rankLow[i]! <= rank && rank <= ranks.rankHigh[i]!),
    "the best in its set": ranks.best.includes(0),
  };
}

/** A hundred judges, each of whose votes counts three times over. */
function clusteredVotes(key: Key, rounds: number): Verdicts {
  const once = simulated(fold(key, 0), { strengths: STRENGTHS, perPair: 40, clusters: 100 });
  const thrice = (counts: Float64Array): Float64Array => counts.map((count) => 3 * count);
  const fit = fitted({ ...once, winsFirst: thrice(once.winsFirst), winsSecond: thrice(once.winsSecond) }, {});
  const resamples = bootstrap(fold(key, 1), fit, { rounds, byCluster: true });
  const within = (kind: "fisher" | "cluster"): boolean =>
    holds(around(fit.logAbility[0]!, standardErrors(strengthCovariance(fit, kind))[0]!), STRENGTHS[0]!);
  return {
    "strength, cluster-robust": within("cluster"),
    "strength, bootstrap of clusters": holds(bootstrapInterval(resamples, 0), STRENGTHS[0]!),
    "control: strength, Fisher as if votes were independent": within("fisher"),
  };
}

/** How many of the simulations held the truth, by interval. */
export function coverage({ simulations, rounds }: { readonly simulations: number; readonly rounds: number }): Readonly<
  Record<string, number>
> {
  const hits: Record<string, number> = {};
  for (let s = 0; s < simulations; s++) {
    const drawn = fold(key(0), s);
    for (const [name, held] of Object.entries({ ...votes(drawn, rounds), ...clusteredVotes(drawn, rounds) })) {
      hits[name] = (hits[name] ?? 0) + Number(held);
    }
  }
  return hits;
}

export const ROUNDS = 399; // of each bootstrap
export const FIRST = 4; // simulations that the tests repeat

if (import.meta.main) {
  const simulations = 1000;
  const document = {
    command: "deno run --allow-write=tests/evidence tests/evidence/ranking_coverage.ts",
    level: 0.95,
    rounds: ROUNDS,
    simulations,
    hits: coverage({ simulations, rounds: ROUNDS }),
    first: { simulations: FIRST, hits: coverage({ simulations: FIRST, rounds: ROUNDS }) },
  };
  await Deno.writeTextFile(new URL("ranking_coverage.json", import.meta.url), JSON.stringify(document, null, 2) + "\n");
  console.log(JSON.stringify(document.hits, null, 2));
}
