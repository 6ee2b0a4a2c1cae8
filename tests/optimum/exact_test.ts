/**
 * The toy language without a single draw: every response counts with its probability, so what the library makes of
 * token rewards, advantages and gradients can be held to the optimum digit by digit.
 */
import { assertLess } from "@std/assert";
import { stopGradient } from "../../lib/grad/ops.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { ppoLoss } from "../../lib/losses/ppo.ts";
import { adamw } from "../../lib/optim/adamw.ts";
import { bestOfN, bestOfNKlBound } from "../../lib/rl/best_of_n.ts";
import { type Advantages, gae } from "../../lib/rl/gae.ts";
import { tokenRewardsOf } from "../../lib/rl/token_rewards.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, oracle } from "../oracles.ts";
import { descended, type Table, tokenLogps } from "./tabular_lm.ts";
import {
  best,
  beta,
  ends,
  logpsOf,
  optimum,
  promptOf,
  PROMPTS,
  ref,
  RESPONSES,
  responses,
  rewards,
  tolerance,
  worthOf,
} from "./toy.ts";

const { states, offsets } = responses;
const refTokenLogps = tokenLogps(ref, responses).data.slice();

/** Advantages and returns of every token of every response. */
function estimated(
  tokenLogps: ArrayLike<number>,
  options: { readonly values: ArrayLike<number>; readonly lambda: number },
): Advantages {
  const { values, lambda } = options;
  const paid = tokenRewardsOf({ tokenLogps, refLogps: refTokenLogps, ends }, offsets, { klCoef: beta });
  return gae({ rewards: paid.rewards, values, ends }, offsets, { gamma: 1, lambda });
}

/** −J up to a constant, as PPO at ratio 1 sees it: its gradient is the policy gradient, every response by its probability. */
function policyGradientLoss(policy: Table): Loss {
  const own = tokenLogps(policy, responses);
  const nothing = new Float64Array(states.length);
  const { returns } = estimated(own.data, { values: nothing, lambda: 1 });
  logpsOf(policy).forEach((logp, y) => {
    for (let t = offsets[y] as number; t < (offsets[y + 1] as number); t++) {
      returns[t] = (returns[t] as number) * Math.exp(logp) / PROMPTS;
    }
  });
  const advantages = tensor(own.shape, returns, "f64");
  const tokens = { tokenLogps: own, oldLogps: stopGradient(own), advantages };
  const reduction = { sequenceSumOver: 1 / (PROMPTS * RESPONSES) }; // the sum itself, as probabilities weigh already
  return ppoLoss(tokens, offsets, { type: "clip", clipRange: 0.2, reduction });
}

const gradientAt = (policy: Table): Tensor => valueAndGrad(policyGradientLoss)(policy).grads.logits;

Deno.test("the toy language has the log-probabilities of its oracle, under the reference and under the best policy", () => {
  assertNear(logpsOf(ref), optimum.log_ref.flat(), tolerance);
  assertNear(logpsOf(best), optimum.log_pi_star.flat(), tolerance);
});

Deno.test("the best policy is worth J* = β log Z, and the reference J_ref", () => {
  const [found, start] = [worthOf(best), worthOf(ref)];
  assertNear(found.objective, optimum.J_star, tolerance);
  assertNear(found.reward, optimum.E_reward_star, tolerance);
  assertNear(found.kl, optimum.KL_star, tolerance);
  assertNear([start.objective, start.reward, start.kl], [optimum.J_ref, optimum.E_reward_ref, 0], tolerance);
  const partition = (prompt: number): number =>
    logpsOf(ref).reduce(
      (sum, logp, y) => promptOf(y) === prompt ? sum + Math.exp(logp + (rewards[y] as number) / beta) : sum,
      0,
    );
  assertNear([0, 1].map((prompt) => Math.log(partition(prompt))), optimum.log_Z, tolerance);
  assertNear(beta * (optimum.log_Z[0]! + optimum.log_Z[1]!) / 2, optimum.J_star, tolerance);
});

Deno.test("at the optimum r − β log(π/π_ref) − β log Z is 0 for every response, and 1.1 on average at the reference", () => {
  const [logps, refLogps] = [logpsOf(best), logpsOf(ref)];
  const residuals = logps.map((logp, y) =>
    (rewards[y] as number) - beta * (logp - (refLogps[y] as number)) - beta * (optimum.log_Z[promptOf(y)] as number)
  );
  assertNear(residuals, Array(PROMPTS * RESPONSES).fill(0), { rtol: 0, atol: 1e-12 });
  assertLess(1.1, worthOf(ref).residual);
});

Deno.test("at the optimum every token returns the soft value of its state: with that critic no advantage is left", () => {
  const own = tokenLogps(best, responses).data;
  const soft = Float64Array.from(states, (state) => optimum.soft_values.flat()[state] as number);
  const { returns } = estimated(own, { values: new Float64Array(states.length), lambda: 1 });
  assertNear(returns, soft, { rtol: 1e-10, atol: 1e-10 });
  for (const lambda of [0, 0.95, 1]) {
    const { advantages } = estimated(own, { values: soft, lambda });
    assertNear(advantages, Array(states.length).fill(0), { rtol: 0, atol: 1e-10 });
  }
});

Deno.test("the policy gradient at the reference is that of the oracle, and at the optimum there is none", () => {
  assertNear(gradientAt(ref).data, optimum.grad_J_at_ref.flat(2).map((g) => -g), tolerance);
  assertNear(gradientAt(best).data, Array(best.logits.data.length).fill(0), { rtol: 0, atol: 1e-12 });
});

Deno.test("exact policy gradient ascends to J* within 1e-8", () => {
  const learned = descended(ref, policyGradientLoss, { optimizer: adamw({ lr: 0.1 }), steps: 1200 });
  const gap = optimum.J_star - worthOf(learned).objective;
  assertLess(-1e-12, gap);
  assertLess(gap, 1e-8);
});

Deno.test("the best of n gains what the oracle says, and less than the optimum at any n", () => {
  interface Gain extends Readonly<Record<"kl" | "bound" | "expected_reward" | "J", number>> {}
  const { inputs, expected, ...near } = oracle<{ n: number[] }, Record<string, Gain>>("toy_lm_best_of_n");
  const base = logpsOf(ref).map(Math.exp);
  for (const n of inputs.n) {
    const found = [0, 1].map((prompt) => {
      const own = <T>(all: { slice(start: number, end: number): T }): T =>
        all.slice(prompt * RESPONSES, (prompt + 1) * RESPONSES);
      return bestOfN(own(base), own([...rewards]), n);
    });
    const mean = (f: (b: typeof found[number]) => number): number => found.reduce((sum, b) => sum + f(b), 0) / PROMPTS;
    const [kl, reward] = [mean((b) => b.kl), mean((b) => b.expectedReward)];
    const { J, bound, ...gain } = expected[n] as Gain;
    assertNear([kl, reward, reward - beta * kl, bestOfNKlBound(n)], [gain.kl, gain.expected_reward, J, bound], near);
    assertLess(kl, bound);
    assertLess(J, optimum.J_star);
  }
});
