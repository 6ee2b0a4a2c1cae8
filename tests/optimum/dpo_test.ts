/**
 * DPO on all pairs that could be drawn: y1, y2 from the reference, the better one by σ(r1 − r2). Its minimum is the
 * optimum of the same reward under the same price of KL, and its least loss the entropy of the labels.
 */
import { assertLess } from "@std/assert";
import { take } from "../../lib/grad/layers.ts";
import { add, mul, segmentSum, stopGradient, sum } from "../../lib/grad/ops.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { bradleyTerryLoss } from "../../lib/losses/bradley_terry.ts";
import { dpoLoss, type PairLogps } from "../../lib/losses/dpo.ts";
import { adamw } from "../../lib/optim/adamw.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { type Tensor, tensor, zeros } from "../../lib/tensor/tensor.ts";
import { assertNear, oracle } from "../oracles.ts";
import { descended, type Table, tokenLogps } from "./tabular_lm.ts";
import { best, beta, logpsOf, optimum, PROMPTS, ref, RESPONSES, responses, rewards } from "./toy.ts";

const { expected: floor, ...tolerance } = oracle<
  unknown,
  { readonly population_min_loss: number; readonly bayes_accuracy: number }
>("toy_lm_dpo_floor");

/** All pairs of responses to one prompt, in both orders and with themselves, and what is known of them, `[P]` each. */
const pairs = Array.from({ length: PROMPTS * RESPONSES ** 2 }, (_, i) => {
  const [first, rest] = [Math.floor(i / RESPONSES ** 2) * RESPONSES, i % RESPONSES ** 2];
  return [first + Math.floor(rest / RESPONSES), first + rest % RESPONSES] as const;
});
const column = (values: ArrayLike<number>): Tensor => tensor([values.length], values, "f64");
const [chosen, rejected] = [0, 1].map((side) => Int32Array.from(pairs, (pair) => pair[side] as number)) as [
  Int32Array,
  Int32Array,
];
const labels = pairs.map(([a, b]) => 1 / (1 + Math.exp((rewards[b] as number) - (rewards[a] as number))));
const refLogps = logpsOf(ref);
const probabilities = pairs.map(([a, b]) => Math.exp((refLogps[a] as number) + (refLogps[b] as number)) / PROMPTS);

/** What dpoLoss takes, from the log-probabilities of all responses. */
function pairLogps(logps: Tensor): PairLogps {
  const [own, other] = [chosen, rejected].map((side) => [take(logps, side), take(column(refLogps), side)]) as [
    [Tensor, Tensor],
    [Tensor, Tensor],
  ];
  return { chosen: own[0], refChosen: own[1], rejected: other[0], refRejected: other[1] };
}

const dpo = (logps: PairLogps): Loss => dpoLoss(logps, { beta, labels });

/**
 * A loss whose gradient is that of Σ p·L over pairs of probability p: dpoLoss says what each pair's L does to the pair's own
 * log-probabilities, which then count p times.
 */
function populationLoss(policy: Table): Loss {
  const logps = pairLogps(segmentSum(tokenLogps(policy, responses), responses.offsets));
  const { grads } = valueAndGrad(dpo)({
    ...logps,
    chosen: stopGradient(logps.chosen),
    rejected: stopGradient(logps.rejected),
  });
  const weights = column(probabilities.map((p) => p * pairs.length)); // grads are of the mean
  const side = (of: "chosen" | "rejected"): Tensor => sum(mul(logps[of], mul(weights, grads[of])));
  return { loss: { sum: add(side("chosen"), side("rejected")), count: 1 }, metrics: {} };
}

/** Σ p·L, pair by pair. */
function populationValue(policy: Table): number {
  const logps = pairLogps(column(logpsOf(policy)));
  return pairs.reduce((total, _, i) => {
    const one = (t: Tensor): Tensor => tensor([1], [t.data[i] as number], "f64");
    const { chosen, rejected, refChosen, refRejected } = logps;
    const pair = {
      chosen: one(chosen),
      rejected: one(rejected),
      refChosen: one(refChosen),
      refRejected: one(refRejected),
    };
    const { loss } = dpoLoss(pair, { beta, labels: [labels[i] as number] });
    return total + (probabilities[i] as number) * (loss.sum.data[0] as number);
  }, 0);
}

/** Largest |log π − log π*| of a response. */
const distance = (policy: Table): number => {
  const star = optimum.log_pi_star.flat();
  return Math.max(...logpsOf(policy).map((logp, y) => Math.abs(logp - (star[y] as number))));
};

Deno.test("the best policy has the least DPO loss, the entropy of the labels, and the best accuracy", () => {
  assertNear(scope(() => populationValue(best)), floor.population_min_loss, tolerance);
  const accuracy = pairs.reduce((sum, [a, b], i) => {
    const label = labels[i] as number;
    const [first, second] = [rewards[a] as number, rewards[b] as number];
    const right = first > second ? label : first < second ? 1 - label : 0.5;
    return sum + (probabilities[i] as number) * right;
  }, 0);
  assertNear(accuracy, floor.bayes_accuracy, tolerance);
});

Deno.test("DPO on the population of pairs reaches the best policy to 1e-6 and its floor to 1e-8", () => {
  const learned = descended(ref, populationLoss, { optimizer: adamw({ lr: 0.1, eps: 1e-15 }), steps: 400 });
  assertLess(distance(learned), 1e-6);
  assertLess(Math.abs(scope(() => populationValue(learned)) - floor.population_min_loss), 1e-8);
});

Deno.test("which pairs are asked does not move the minimum: with every pair as often it is the same policy", () => {
  const everyPair = (policy: Table): Loss =>
    dpo(pairLogps(segmentSum(tokenLogps(policy, responses), responses.offsets)));
  assertLess(0.1, distance(ref));
  const learned = descended(ref, everyPair, { optimizer: adamw({ lr: 0.1, eps: 1e-15 }), steps: 400 });
  assertLess(distance(learned), 1e-6);
});

Deno.test("Bradley–Terry on the population finds the rewards but for a constant of each prompt, with the same floor", () => {
  interface Rewards {
    readonly r: Tensor;
  }
  const loss = ({ r }: Rewards): Loss => {
    const sides = { chosen: take(r, chosen), rejected: take(r, rejected) };
    return bradleyTerryLoss(sides, { labels, weights: probabilities });
  };
  const start = { r: zeros("f64", [rewards.length]) };
  const learned = descended(start, loss, { optimizer: adamw({ lr: 0.1, eps: 1e-15 }), steps: 300 });
  const centred = (all: readonly number[]): readonly number[] =>
    all.map((x, y) => x - (all[y - y % RESPONSES] as number));
  assertNear(centred([...learned.r.data]), centred(rewards), { rtol: 0, atol: 1e-6 });
  assertLess(Math.abs(valueAndGrad(loss)(learned).loss - floor.population_min_loss), 1e-8);
});
