/**
 * Which combinations of estimator and place have the gradient of KL over sequences: every sequence of a language with
 * three words and two tokens is counted with its probability, so nothing is sampled.
 */
import { assertLess } from "@std/assert";
import { chosenLogProbs, gatherRows, take } from "../../lib/grad/layers.ts";
import { exp, mul, segmentSum, sub, sum } from "../../lib/grad/ops.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { klLoss, type KlLossOptions } from "../../lib/losses/kl.ts";
import { ppoLoss } from "../../lib/losses/ppo.ts";
import { gae } from "../../lib/rl/gae.ts";
import type { KlPlacement } from "../../lib/rl/kl.ts";
import { tokenRewardsOf } from "../../lib/rl/token_rewards.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear } from "../oracles.ts";

const V = 3;

/** Logits of the first token, and of the second after each first: `[4, 3]`. */
interface Table {
  readonly logits: Tensor;
}

const table = (name: string): Table => ({ logits: tensor([V + 1, V], normal(fold(key(4), name), (V + 1) * V), "f64") });
const [policy, ref] = [table("policy"), table("ref")];
const identity = tensor([V, V], [1, 0, 0, 0, 1, 0, 0, 0, 1], "f64");

/** All nine sequences: the row of the table that each token is drawn from, and the token. */
const sequences = Array.from({ length: V * V }, (_, i) => [Math.floor(i / V), i % V] as const);
const rows = Int32Array.from(sequences.flatMap(([first]) => [0, first + 1]));
const words = Int32Array.from(sequences.flat());
const offsets = Int32Array.from({ length: V * V + 1 }, (_, i) => 2 * i);
const two = Int32Array.of(0, 2);

const tokenLogps = ({ logits }: Table): Tensor => chosenLogProbs(gatherRows(logits, rows), identity, words);
const [logps, refLogps] = [tokenLogps(policy), tokenLogps(ref)];
const probabilities = Array.from(exp(segmentSum(logps, offsets)).data);

/** ∇ Σ_y π(y) log π(y)/π_ref(y), by differentiating the sum itself. */
const { loss: exactKl, grads: exact } = valueAndGrad((p: Table): Loss => {
  const [own, other] = [segmentSum(tokenLogps(p), offsets), segmentSum(refLogps, offsets)];
  return { loss: { sum: sum(mul(exp(own), sub(own, other))), count: 1 }, metrics: {} };
})(policy);

/** Mean over sequences drawn from the policy of the gradient of a loss of one sequence. */
function averaged(lossOf: (tokenLogps: Tensor, sequence: number) => Loss): readonly number[] {
  const total = new Float64Array((V + 1) * V);
  sequences.forEach((_, y) => {
    const own = (p: Table): Loss => lossOf(take(tokenLogps(p), Int32Array.of(2 * y, 2 * y + 1)), y);
    const { grads } = valueAndGrad(own)(policy);
    total.forEach((sum, i) => total[i] = sum + (probabilities[y] as number) * (grads.logits.data[i] as number));
  });
  return [...total];
}

const ofSequence = (x: Tensor, y: number): Tensor => tensor([2], x.data.slice(2 * y, 2 * y + 2), "f64");

/** The gradient with KL in the reward: rewards, advantages (γ = λ = 1, no critic) and PPO at ratio 1. */
const inReward = (kl: Extract<KlPlacement, { place: "reward" }>): readonly number[] =>
  averaged((own, y) => {
    const [old, other] = [ofSequence(logps, y), ofSequence(refLogps, y)];
    const ends = [{ type: "terminated", score: 0 }] as const;
    const { rewards } = tokenRewardsOf({ tokenLogps: old.data, refLogps: other.data, ends }, two, { klCoef: 1, kl });
    const { advantages } = gae({ rewards, values: [0, 0], ends }, two, { gamma: 1, lambda: 1 });
    const tokens = { tokenLogps: own, oldLogps: old, advantages: tensor([2], advantages, "f64") };
    return ppoLoss(tokens, two, { type: "clip", clipRange: 0.2, reduction: "sequenceSum" });
  });

const inLoss = (options: KlLossOptions): readonly number[] =>
  averaged((own, y) => klLoss({ tokenLogps: own, refLogps: ofSequence(refLogps, y) }, two, options));

const distance = (a: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (exact.logits.data[i] as number))));

Deno.test("k1 in the reward and k2 of sequences in the loss have the gradient of KL(π‖π_ref) over sequences", () => {
  assertNear(probabilities.reduce((a, b) => a + b), 1, { rtol: 1e-14, atol: 0 });
  assertLess(0.1, exactKl);
  assertLess(distance(inReward({ place: "reward", estimator: "k1" })), 1e-14);
  assertLess(distance(inLoss({ estimator: "k2", over: "sequence" })), 1e-14);
});

Deno.test("no combination that must be asked for as biased has that gradient", () => {
  for (const estimator of ["k2", "k3"] as const) {
    assertLess(0.05, distance(inReward({ place: "reward", estimator, biased: true })), `${estimator} in the reward`);
  }
  for (const estimator of ["k1", "k2", "k3"] as const) {
    const options = { estimator, over: "token", biased: true, reduction: "sequenceSum" } as const;
    assertLess(0.05, distance(inLoss(options)), `${estimator} in the loss`);
  }
});

Deno.test("k1 token by token in the loss has no gradient at all", () => {
  const options = { estimator: "k1", over: "token", biased: true, reduction: "sequenceSum" } as const;
  assertLess(Math.max(...inLoss(options).map(Math.abs)), 1e-15);
});
