/**
 * The bigram language of the oracles: 16 words, at most 8 tokens, a reward for every word after its neighbour, more
 * responses than anyone could count. Its optimum comes by soft dynamic programming over (position, word before).
 */
import { assertLess } from "@std/assert";
import { stopGradient } from "../../lib/grad/ops.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { ppoLoss } from "../../lib/losses/ppo.ts";
import { adamw } from "../../lib/optim/adamw.ts";
import { exactKl } from "../../lib/rl/kl.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, oracle } from "../oracles.ts";
import { descended, type Table, table, tokenLogps } from "./tabular_lm.ts";

interface Inputs extends Readonly<Record<"ref_logits" | "bigram_reward", number[][]>> {
  readonly beta: number;
  readonly truncation_reward: number;
}
type Figure = "J" | "E_reward" | "E_length" | "P_truncated";
type Expected = Readonly<Record<`${Figure}_star` | `${Figure}_ref` | "KL_star", number>> & {
  readonly first_token_log_pi_star: number[];
};

const { inputs, expected, ...tolerance } = oracle<Inputs, Expected>("bigram_lm_exact_optimum");
const { beta } = inputs;
const [WORDS, BEFORE, LENGTH, EOS] = [16, 17, 8, 15]; // what may stand before: a word, or the beginning
const STATES = LENGTH * BEFORE;
const BEGINNING = BEFORE - 1;

/** Every word in every state; step i is word i mod 16 in state ⌊i / 16⌋, which is position × word before. */
const steps = Array.from({ length: STATES * WORDS }, (_, i) => {
  const [state, word] = [Math.floor(i / WORDS), i % WORDS];
  const [position, before] = [Math.floor(state / BEFORE), state % BEFORE];
  const truncated = word !== EOS && position === LENGTH - 1;
  const reward = (inputs.bigram_reward[before]?.[word] as number) + (truncated ? inputs.truncation_reward : 0);
  const next = word === EOS || truncated ? undefined : (position + 1) * BEFORE + word;
  return { state, word, reward, truncated, next };
});
const all = {
  states: Int32Array.from(steps, ({ state }) => state),
  tokens: Int32Array.from(steps, ({ word }) => word),
};
const whole = Int32Array.of(0, steps.length);

const ref: Table = table(Array(LENGTH).fill(inputs.ref_logits).flat());
const logpsOf = (policy: Table): Float64Array => Float64Array.from(tokenLogps(policy, all).data);
const refLogps = logpsOf(ref);

/** From the last position to the first: the value of every state, as `worth` sees its sixteen words. */
function backwards(
  worth: (words: readonly number[], first: number) => number,
  gain: (i: number) => number,
): Float64Array {
  const values = new Float64Array(STATES);
  for (let state = STATES - 1; state >= 0; state--) {
    const first = state * WORDS;
    const words = steps.slice(first, first + WORDS).map(({ next }, a) =>
      gain(first + a) + (next === undefined ? 0 : values[next] as number)
    );
    values[state] = worth(words, first);
  }
  return values;
}

/** E[Σ gain] from every state on, under a policy. */
const valuesOf = (logps: Float64Array, gain: (i: number) => number): Float64Array =>
  backwards((words, first) => words.reduce((sum, q, a) => sum + Math.exp(logps[first + a] as number) * q, 0), gain);

/** Reward less the price of KL. */
const paid = (logps: Float64Array) => (i: number): number =>
  (steps[i]?.reward as number) - beta * ((logps[i] as number) - (refLogps[i] as number));

/** β log Σ_a π_ref(a) e^{q(a)/β} in every state: what the best policy is worth from there. */
const soft = backwards(
  (words, first) =>
    beta * Math.log(words.reduce((sum, q, a) => sum + Math.exp((refLogps[first + a] as number) + q / beta), 0)),
  (i) => steps[i]?.reward as number,
);

/** log π*(a) = log π_ref(a) + (q(a) − V) / β. */
const bestLogps = Float64Array.from(steps, ({ state, reward, next }, i) => {
  const q = reward + (next === undefined ? 0 : soft[next] as number);
  return (refLogps[i] as number) + (q - (soft[state] as number)) / beta;
});

/** Probability of coming to every state. */
function visitsOf(logps: Float64Array): Float64Array {
  const visits = new Float64Array(STATES).fill(1, BEGINNING, BEFORE);
  steps.forEach(({ state, next }, i) => {
    if (next === undefined) return;
    visits[next] = (visits[next] as number) + (visits[state] as number) * Math.exp(logps[i] as number);
  });
  return visits;
}

const start = (values: Float64Array): number => values[BEGINNING] as number;

for (const [name, logps] of [["star", bestLogps], ["ref", refLogps]] as const) {
  Deno.test(`J, reward, length and share of truncated responses are those of the oracle, of policy ${name}`, () => {
    const figures: Readonly<Record<Figure, (i: number) => number>> = {
      J: paid(logps),
      E_reward: (i) => steps[i]?.reward as number,
      E_length: () => 1,
      P_truncated: (i) => Number(steps[i]?.truncated),
    };
    for (const [figure, gain] of Object.entries(figures)) {
      assertNear(start(valuesOf(logps, gain)), expected[`${figure as Figure}_${name}`], tolerance);
    }
  });
}

Deno.test("the soft values begin at J*, the best first words and their KL by exactKl() are those of the oracle", () => {
  assertNear(start(soft), expected.J_star, tolerance);
  assertNear(bestLogps.slice(BEGINNING * WORDS, BEFORE * WORDS), expected.first_token_log_pi_star, tolerance);
  const visits = visitsOf(bestLogps);
  const kl = exactKl(bestLogps, refLogps, WORDS).reduce((sum, kl, state) => sum + (visits[state] as number) * kl, 0);
  assertNear(kl, expected.KL_star, tolerance);
});

/** The policy gradient: ppoLoss at ratio 1 over every word in every state, each by how often it is met. */
function policyGradientLoss(policy: Table): Loss {
  const own = tokenLogps(policy, all);
  const logps = Float64Array.from(own.data);
  const [gain, visits] = [paid(logps), visitsOf(logps)];
  const values = valuesOf(logps, gain);
  const advantages = steps.map(({ state, next }, i) => {
    const advantage = gain(i) + (next === undefined ? 0 : values[next] as number) - (values[state] as number);
    return (visits[state] as number) * Math.exp(logps[i] as number) * advantage;
  });
  const tokens = { tokenLogps: own, oldLogps: stopGradient(own), advantages: tensor(own.shape, advantages, "f64") };
  return ppoLoss(tokens, whole, { type: "clip", clipRange: 0.2, reduction: "sequenceSum" });
}

Deno.test("at the optimum there is no policy gradient; at the reference there is", () => {
  const rows = Array.from({ length: STATES }, (_, s) => [...bestLogps.slice(s * WORDS, (s + 1) * WORDS)]);
  const largest = (policy: Table): number =>
    Math.max(...Array.from(valueAndGrad(policyGradientLoss)(policy).grads.logits.data, Math.abs));
  assertLess(largest(table(rows)), 1e-14);
  assertLess(0.01, largest(ref));
});

Deno.test("exact policy gradient climbs from J_ref −0.56 to within 0.01 % of J* 0.96 in 200 steps", () => {
  const learned = logpsOf(descended(ref, policyGradientLoss, { optimizer: adamw({ lr: 0.1 }), steps: 200 }));
  const gap = expected.J_star - start(valuesOf(learned, paid(learned)));
  assertLess(0, gap);
  assertLess(gap, 1e-4);
});
