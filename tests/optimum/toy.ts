/**
 * The toy language of the oracles: two prompts with forty responses each of at most three tokens, a reward for every
 * response, and the optimum of E[reward] − β·KL(π‖π_ref) known to 60 digits. The table of 2 × 13 states represents it.
 */
import { segmentSum } from "../../lib/grad/ops.ts";
import type { End } from "../../lib/rl/end.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { oracle } from "../oracles.ts";
import { laidOut } from "../rl/ragged.ts";
import { type Completions, copied, type Table, table, tokenLogps } from "./tabular_lm.ts";

interface Inputs extends Readonly<Record<"states" | "sequences" | "rewards", number[][]>> {
  readonly eos_id: number;
  readonly beta: number;
  readonly ref_logits: number[][][];
}

/** What the oracle knows; lists have an entry a prompt. */
interface Optimum
  extends
    Readonly<Record<"log_ref" | "log_pi_star" | "soft_values", number[][]>>,
    Readonly<Record<"J_star" | "J_ref" | "KL_star" | "E_reward_star" | "E_reward_ref", number>>,
    Readonly<Record<"pi_star_per_state" | "grad_J_at_ref", number[][][]>> {
  readonly log_Z: number[];
}

const { inputs, expected, ...near } = oracle<Inputs, Optimum>("toy_lm_exact_optimum");

/** The optimum, and how near the library must come to it. */
export const optimum: Optimum = expected;
export const tolerance: typeof near = near;

/** Price of a nat of KL. */
export const beta: number = inputs.beta;

/** Prompts, each as likely, and responses of each. */
export const PROMPTS = 2;
export const RESPONSES: number = inputs.sequences.length;

/** Responses by number: those of the first prompt, then those of the second. */
const numbers = Array.from({ length: PROMPTS * RESPONSES }, (_, y) => y);
const tokensOf = (y: number): readonly number[] => inputs.sequences[y % RESPONSES] as number[];

/** The prompt that a response answers. */
export const promptOf = (y: number): number => Math.floor(y / RESPONSES);

/** Reward of every response. */
export const rewards: readonly number[] = inputs.rewards.flat();

/** The reference, and the best policy of all. */
export const ref: Table = table(inputs.ref_logits.flat());
export const best: Table = table(optimum.pi_star_per_state.flat().map((row) => row.map(Math.log)));

/** All responses of both prompts, laid end to end. */
export const responses: Completions = {
  states: Int32Array.from(numbers.flatMap((y) =>
    tokensOf(y).map((_, t) => {
      const prefix = tokensOf(y).slice(0, t).join();
      return promptOf(y) * inputs.states.length + inputs.states.findIndex((state) => state.join() === prefix);
    })
  )),
  tokens: Int32Array.from(numbers.flatMap(tokensOf)),
  offsets: laidOut(numbers.map(tokensOf)).offsets,
};

/** How each response ended; one without an end token pays 1, which its reward has in it. */
export const ends: readonly End[] = numbers.map((y) =>
  tokensOf(y).at(-1) === inputs.eos_id
    ? { type: "terminated", score: rewards[y] as number }
    : { type: "truncatedAsEnd", score: (rewards[y] as number) + 1, missingEos: { type: "subtract", penalty: 1 } }
);

/** log π(response) of all responses, in double precision. */
export function logpsOf(policy: Table): Float64Array {
  const logps = (): readonly number[] => [
    ...segmentSum(tokenLogps(copied(policy), responses), responses.offsets).data,
  ];
  return Float64Array.from(scope(logps));
}

const refLogps = logpsOf(ref);

/** What a policy is worth, and how far it is from the optimum; every response counted, none drawn. */
export interface Worth {
  /** J = E[r] − β·KL. */
  readonly objective: number;
  /** 1 − J / J*. */
  readonly miss: number;
  /** E[r]. */
  readonly reward: number;
  /** KL(π‖π_ref), nats. */
  readonly kl: number;
  /** √E[(r − β log(π/π_ref) − β log Z)²]: 0 at the optimum only. */
  readonly residual: number;
}

export function worthOf(policy: Table): Worth {
  const logps = logpsOf(policy);
  const mean = (f: (y: number, logRatio: number) => number): number =>
    logps.reduce((sum, logp, y) => sum + Math.exp(logp) * f(y, logp - (refLogps[y] as number)) / PROMPTS, 0);
  const reward = mean((y) => rewards[y] as number);
  const kl = mean((_, logRatio) => logRatio);
  const objective = reward - beta * kl;
  const square = (y: number, logRatio: number): number =>
    ((rewards[y] as number) - beta * logRatio - beta * (optimum.log_Z[promptOf(y)] as number)) ** 2;
  return { objective, miss: 1 - objective / optimum.J_star, reward, kl, residual: Math.sqrt(mean(square)) };
}

/** How often each state is visited: E[number of tokens drawn in it]. */
export function visitsOf(policy: Table): Float64Array {
  const visits = new Float64Array(policy.logits.shape[0] as number);
  logpsOf(policy).forEach((logp, y) => {
    const own = responses.states.subarray(responses.offsets[y], responses.offsets[y + 1]);
    for (const state of own) visits[state] = (visits[state] as number) + Math.exp(logp) / PROMPTS;
  });
  return visits;
}
