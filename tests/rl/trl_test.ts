/**
 * TRL's PPO followed from log-probabilities to gradients: token rewards, whitening, advantages, both losses.
 *
 * TRL 1.12 gives every completion that leaves room one more token, a padding one, and pays the score there. Here that is
 * a token like any other with equal log-probabilities, so the same figures come out of completions that have it.
 */
import { assertLess } from "@std/assert";
import rl from "../../fixtures/oracles/rl.json" with { type: "json" };
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { ppoLoss } from "../../lib/losses/ppo.ts";
import { valueLoss } from "../../lib/losses/value.ts";
import { type Advantages, gae } from "../../lib/rl/gae.ts";
import { klEstimates, type KlEstimator, type KlPlacement } from "../../lib/rl/kl.ts";
import { tokenRewardsOf } from "../../lib/rl/token_rewards.ts";
import { whiten } from "../../lib/rl/whiten.ts";
import { divide } from "../../lib/tensor/mean.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision } from "../oracles.ts";
import { laidOut, unpadded } from "./ragged.ts";

const { inputs, lastTokens, cases } = rl.trl;
const longest = 6;
const lengths = lastTokens.map((last) => last + 1);
const paid = lengths.map((length) => Math.min(length + 1, longest)); // with the padding token that is paid
type Case = typeof cases[number];

/** The tokens themselves among those of `paid`, by place. */
const own = Int32Array.from(paid.flatMap((n, b) => {
  const start = paid.slice(0, b).reduce((a, c) => a + c, 0);
  return Array.from({ length: Math.min(n, lengths[b] as number) }, (_, t) => start + t);
}));

/** Rows with 0 after their completion, as many entries as are paid. */
const masked = (rows: readonly number[][]): readonly number[] =>
  rows.flatMap((row, b) => row.slice(0, paid[b]).map((x, t) => t < (lengths[b] as number) ? x : 0));

const { offsets } = laidOut(unpadded(inputs.values, paid));
const ownOffsets = laidOut(unpadded(inputs.values, lengths)).offsets;
const ends = inputs.scores.map((score) => ({ type: "terminated", score }) as const);

/** Rewards, and whitened advantages of the tokens themselves. */
function estimated({ settings }: Case): Advantages & { readonly rewards: Float64Array } {
  const kl =
    (settings.kl_estimator === "k1"
      ? { place: "reward", estimator: "k1" }
      : { place: "reward", estimator: "k3", biased: true }) as Extract<KlPlacement, { place: "reward" }>;
  const tokens = { tokenLogps: masked(inputs.logprobs), refLogps: masked(inputs.ref_logprobs), ends };
  const raw = tokenRewardsOf(tokens, offsets, { klCoef: settings.kl_coef, kl }).rewards;
  const rewards = settings.whiten_rewards ? whiten(raw, { shiftMean: false }) : raw;
  const steps = { rewards, values: unpadded(inputs.values, paid).flat(), ends };
  const { advantages, returns } = gae(steps, offsets, { gamma: settings.gamma, lambda: settings.lam });
  return { rewards, returns, advantages: whiten(Array.from(own, (t) => advantages[t] as number)) };
}

cases.forEach((one, number) => {
  inEachPrecision(`rewards, advantages, losses and gradients are those of TRL, run ${number}`, ({ dtype, near }) => {
    const { rewards, returns, advantages } = estimated(one);
    near(rewards, unpadded(one.rewards, paid).flat());
    near(returns, unpadded(one.returns, paid).flat());
    near(advantages, unpadded(one.advantages, lengths).flat());
    const column = (values: ArrayLike<number>): Tensor => tensor([values.length], values, dtype);
    const of = (rows: readonly number[][], counts: readonly number[]): Tensor => column(unpadded(rows, counts).flat());
    const fixed = { oldLogps: of(inputs.logprobs, lengths), advantages: column(advantages) };
    const { settings } = one;
    const policy = valueAndGrad((p: { x: Tensor }): Loss =>
      ppoLoss({ tokenLogps: p.x, ...fixed }, ownOffsets, {
        type: "clip",
        clipRange: settings.cliprange,
        reduction: "token",
      })
    )({ x: of(inputs.new_logprobs, lengths) });
    near(policy.loss, one.pg_loss);
    near(policy.grads.x.data, unpadded(one.grad_new_logprobs, lengths).flat());
    const critic = valueAndGrad((p: { x: Tensor }): Loss =>
      valueLoss({ values: p.x, returns: column(returns) }, offsets, {
        type: "clip",
        clipRange: settings.cliprange_value,
        oldValues: of(inputs.values, paid),
        reduction: "token",
      })
    )({ x: of(inputs.new_value_predictions, paid) });
    near(critic.loss, one.vf_loss);
    near(critic.grads.x.data, unpadded(one.grad_value_predictions, paid).flat().map((g) => g / settings.vf_coef));
    near(policy.loss + settings.vf_coef * critic.loss, one.loss);
    const single = { rtol: 1e-6, atol: 1e-6 }; // TRL's shares pass through single precision
    assertNear(divide(policy.metrics["policy/clipfrac_avg"]!), one.pg_clipfrac, single);
    assertNear(divide(critic.metrics["val/clipfrac_avg"]!), one.vf_clipfrac, single);
  });
});

Deno.test("where the score is paid is visible: on the end token itself the advantages are others than TRL's", () => {
  const [first] = cases as [Case, ...Case[]];
  const tokenLogps = unpadded(inputs.logprobs, lengths).flat();
  const refLogps = unpadded(inputs.ref_logprobs, lengths).flat();
  const { rewards } = tokenRewardsOf({ tokenLogps, refLogps, ends }, ownOffsets, { klCoef: first.settings.kl_coef });
  const values = unpadded(inputs.values, lengths).flat();
  const { advantages } = gae({ rewards, values, ends }, ownOffsets, { gamma: 1, lambda: 0.95 });
  const theirs = unpadded(first.advantages, lengths).flat();
  assertLess(0.05, Math.max(...whiten(advantages).map((a, t) => Math.abs(a - (theirs[t] as number)))));
});

Deno.test("the KL that TRL charges is k1 or k3 of each token, by klEstimates()", () => {
  const [logps, refLogps] = [inputs.logprobs, inputs.ref_logprobs].map((rows) => unpadded(rows, lengths).flat()) as [
    number[],
    number[],
  ];
  for (const { kl, settings } of cases) {
    const estimates = klEstimates(logps, refLogps, settings.kl_estimator as KlEstimator);
    assertNear(estimates, unpadded(kl, lengths).flat(), { rtol: 1e-12, atol: 1e-12 });
  }
});
