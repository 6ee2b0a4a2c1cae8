/** tokenRewardsOf() held to numbers of 60-digit arithmetic: which token is rewarded for what. */
import { assertEquals, assertThrows } from "@std/assert";
import type { End, MissingEos } from "../../lib/rl/end.ts";
import { type ScoredTokens, type TokenRewardOptions, tokenRewardsOf } from "../../lib/rl/token_rewards.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";
import { kept } from "./ragged.ts";

interface Inputs extends Readonly<Record<"logps" | "ref_logps" | "action_mask", number[]>> {
  readonly score: number;
  readonly kl_coef: number;
  readonly missing_eos_penalty?: number;
}
type Expected = Readonly<{ rewards: number[]; non_score_reward: number; rlhf_reward: number; sequence_kl: number }>;

/** The case without its padding, as one completion with that end. */
function given(id: string, endOf: (score: number) => End, dtype: "f32" | "f64" = "f64"): {
  readonly tokens: ScoredTokens;
  readonly offsets: Int32Array;
  readonly options: TokenRewardOptions;
} {
  const { inputs } = oracle<Inputs, Expected>(id);
  const column = (values: readonly number[]): ArrayLike<number> => {
    const real = kept(values, inputs.action_mask);
    return tensor([real.length], real, dtype).data;
  };
  const [tokenLogps, refLogps] = [column(inputs.logps), column(inputs.ref_logps)];
  const tokens = { tokenLogps, refLogps, ends: [endOf(inputs.score)] };
  return { tokens, offsets: Int32Array.of(0, tokenLogps.length), options: { klCoef: inputs.kl_coef } };
}

const terminated = (score: number): End => ({ type: "terminated", score });
const cut = (score: number, missingEos: MissingEos): End => ({ type: "truncatedAsEnd", score, missingEos });

inEachPrecision("tokenRewardsOf() puts the score on the end token itself, and KL on each", ({ dtype, near }) => {
  const { tokens, offsets, options } = given("reward_placement_eos", terminated, dtype);
  const { inputs, expected } = oracle<Inputs, Expected>("reward_placement_eos");
  const { rewards, metrics } = tokenRewardsOf(tokens, offsets, options);
  near(rewards, kept(expected.rewards, inputs.action_mask));
  const figures = divideMeans(metrics);
  near(figures["objective/kl"]!, expected.sequence_kl);
  near(figures["objective/non_score_reward"]!, expected.non_score_reward);
  near(figures["objective/rlhf_reward"]!, expected.rlhf_reward);
  near(figures["objective/scores"]!, 2);
  near(figures["objective/entropy"]!, 3.6);
});

Deno.test("a missing end token costs its penalty, or its score is replaced", () => {
  const { inputs, expected } = oracle<Inputs, Expected>("reward_missing_eos_subtract");
  const penalty = inputs.missing_eos_penalty as number;
  const last = (missingEos: MissingEos): number => {
    const { tokens, offsets, options } = given("reward_missing_eos_subtract", (score) => cut(score, missingEos));
    const { rewards } = tokenRewardsOf(tokens, offsets, options);
    assertNear(rewards.subarray(0, 3), expected.rewards.slice(0, 3), { rtol: 1e-12, atol: 1e-12 });
    return rewards[3] as number;
  };
  assertEquals(last({ type: "subtract", penalty }), expected.rewards[3]);
  assertEquals(last({ type: "replace", score: -1 }), -1);
});

Deno.test("an empty completion has nowhere to place its score", () => {
  const { tokens, offsets, options } = given("reward_empty_response", terminated);
  const sentence = "Cannot place the score of completion 0 as the policy chose no token of it";
  assertThrows(() => tokenRewardsOf(tokens, offsets, options), RangeError, sentence);
  const another = { tokenLogps: [-1], refLogps: [-1], actions: [0], ends: [terminated(2)] };
  assertThrows(() => tokenRewardsOf(another, Int32Array.of(0, 1), options), RangeError, sentence);
});

Deno.test("a completion that goes on has no score yet, and is not among the scores", () => {
  const tokens = { tokenLogps: [-1, -2], refLogps: [-2, -2] };
  const of = (...ends: End[]): ReturnType<typeof tokenRewardsOf> =>
    tokenRewardsOf({ ...tokens, ends }, Int32Array.of(0, 1, 2), { klCoef: 0.5 });
  const { rewards, metrics } = of({ type: "truncated", bootstrap: 9 }, terminated(3));
  assertEquals([...rewards], [-0.5, 3]);
  assertEquals(metrics["objective/scores"], { sum: 3, count: 1 });
  const none = of({ type: "truncated", bootstrap: 9 }, { type: "truncated", bootstrap: 9 });
  assertEquals(Object.values(divideMeans(none.metrics)).filter((x) => !Number.isFinite(x)), []);
});

Deno.test("scores are clamped before a missing end token is charged", () => {
  const ends = [terminated(7), terminated(-7), cut(7, { type: "subtract", penalty: 1 })];
  const tokens = { tokenLogps: [-1, -1, -1], refLogps: [-1, -1, -1], ends };
  const { rewards } = tokenRewardsOf(tokens, Int32Array.of(0, 1, 2, 3), { klCoef: 0.1, scoreClamp: 5 });
  assertEquals([...rewards], [5, -5, 4]);
});

Deno.test("another speaker's tokens cost no KL, and the score is on the policy's last", () => {
  const tokens = {
    tokenLogps: [-1, -5, -1, -5],
    refLogps: [-2, -1, -2, -1],
    actions: [1, 0, 1, 0],
    ends: [terminated(1)],
  };
  const { rewards, metrics } = tokenRewardsOf(tokens, Int32Array.of(0, 4), { klCoef: 0.25 });
  assertEquals([...rewards], [-0.25, 0, 0.75, 0]);
  assertEquals(metrics["objective/kl"], { sum: 2, count: 1 });
});

Deno.test("rewards of a biased estimator are refused unless they are asked for", () => {
  const { tokens, offsets } = given("reward_placement_eos", terminated);
  assertThrows(
    // @ts-expect-error: k3 in the reward must be asked for
    () => tokenRewardsOf(tokens, offsets, { klCoef: 0.1, kl: { place: "reward", estimator: "k3" } }),
    RangeError,
    "Cannot place k3 in the reward as its gradient is biased for sequences",
  );
  const kl = { place: "reward", estimator: "k3", biased: true } as const;
  const { rewards, metrics } = tokenRewardsOf(tokens, offsets, { klCoef: 1, kl });
  assertNear(rewards[0] as number, -(Math.exp(-0.2) - 1 + 0.2), { rtol: 1e-12, atol: 1e-12 });
  assertNear(divideMeans(metrics)["objective/kl"]!, 0.6, { rtol: 1e-12, atol: 0 }); // k1, whatever is charged
});

Deno.test("tokenRewardsOf() refuses what is out of range in one sentence", () => {
  const { tokens, offsets } = given("reward_placement_eos", terminated);
  const refuses = (wrong: Partial<ScoredTokens>, options: TokenRewardOptions, sentence: string): void => {
    assertThrows(() => tokenRewardsOf({ ...tokens, ...wrong }, offsets, options), RangeError, sentence);
  };
  const of = "Cannot compute tokenRewardsOf as";
  refuses({}, { klCoef: -1 }, `${of} klCoef must be ≥ 0 and finite: current value is -1`);
  refuses({}, { klCoef: 1, scoreClamp: 0 }, `${of} scoreClamp must be > 0: current value is 0`);
  refuses(
    { ends: [terminated(NaN)] },
    { klCoef: 1 },
    `${of} the score of completion 0 must be finite: current value is NaN`,
  );
  refuses({ refLogps: [0] }, { klCoef: 1 }, "Cannot read refLogps as it must have 4 entries: it has 1");
});

Deno.test("an end that lacks its score, or has a penalty without being cut off, is a type error", () => {
  // @ts-expect-error: a terminated completion has a score
  const scoreless: End = { type: "terminated" };
  // @ts-expect-error: only a completion that was cut off misses its end token
  const penalised: End = { type: "terminated", score: 1, missingEos: { type: "subtract", penalty: 1 } };
  assertEquals([scoreless.type, penalised.type], ["terminated", "terminated"]);
});
