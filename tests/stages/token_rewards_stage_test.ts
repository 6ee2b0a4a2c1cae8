import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { KlControl } from "../../lib/rl/kl_control.ts";
import { tokenRewards } from "../../lib/stages/token_rewards.ts";
import { rolloutOf } from "./rollouts.ts";
import { finished } from "./tiny.ts";

const fixed: KlControl = { type: "fixed", klCoef: 0.5 };
const rollouts = [rolloutOf("ab"), rolloutOf("a", { end: "length", ids: rolloutOf("a").ids })];
const scores = Float64Array.of(3, 2);
const ln2 = Math.LN2;
const near = (found: ArrayLike<number>, wanted: readonly number[]): void => {
  assertEquals(found.length, wanted.length);
  wanted.forEach((w, t) => assertAlmostEquals(found[t] as number, w, 1e-12));
};

Deno.test("tokenRewards() charges each token's log ratio, and pays the score at the last one", async () => {
  const { state, metrics } = await finished(tokenRewards(), { rollouts, scores, klControl: fixed });
  // log ratios: a ln 2, b −ln 2, end 0; the second completion was cut off: its score less 1.
  near(state.tokenRewards, [-ln2 / 2, ln2 / 2, 3, -ln2 / 2, 1]);
  assertAlmostEquals(metrics[0]?.["objective/kl"] as number, ln2 / 2, 1e-12);
  assertAlmostEquals(metrics[0]?.["objective/scores"] as number, 2, 1e-12);
  assertEquals(metrics[0]?.["objective/kl_coef"], 0.5);
  assertEquals(state.klControl, fixed);
});

Deno.test("tokenRewards() takes what a missing end token is from its options", async () => {
  const of = async (missingEos: Parameters<typeof tokenRewards>[0]): Promise<readonly number[]> => {
    const { state } = await finished(tokenRewards(missingEos), { rollouts, scores, klControl: fixed });
    return [state.tokenRewards.at(-1) as number];
  };
  near(await of({ missingEos: { type: "replace", score: -7 } }), [-7]);
  near(await of({ missingEos: { type: "subtract", penalty: 0.5 } }), [1.5]);
  near(await of({ missingEos: { type: "bootstrap" } }), [0]);
  near(await of({ scoreClamp: 1.5 }), [0.5]);
});

Deno.test("tokenRewards() counts a stop text as an end", async () => {
  const stopped = [rolloutOf("ab", { end: "stop" })];
  const { state } = await finished(tokenRewards(), { rollouts: stopped, scores: Float64Array.of(3), klControl: fixed });
  assertEquals(state.ends, [{ type: "terminated", score: 3 }]);
});

Deno.test("tokenRewards() charges nothing where KL is a term of the loss, and steers an adaptive price", async () => {
  const klControl: KlControl = { type: "adaptive", klCoef: 0.5, target: ln2, horizon: 10 };
  const { state } = await finished(tokenRewards({ klPlace: "loss" }), { rollouts, scores, klControl });
  near(state.tokenRewards, [0, 0, 3, 0, 1]);
  // KL ln 2 / 2 is half the target: the error −½ is clipped to −0.2, over 2 of 10 completions.
  assertAlmostEquals(state.klControl.klCoef, 0.5 * (1 - 0.2 * 2 / 10), 1e-12);
});

Deno.test("tokenRewards() charge the price of now, what the trainer computes, and by the estimator that is named", async () => {
  const drawn = rollouts.map((r) => ({ ...r, sampledLogps: r.sampledLogps.map((x) => x - 1) }));
  const klControl: KlControl = { type: "adaptive", klCoef: 0.5, target: 0.01, horizon: 10 };
  const { state } = await finished(tokenRewards(), { rollouts: drawn, scores, klControl });
  near(state.tokenRewards, [-ln2 / 2, ln2 / 2, 3, -ln2 / 2, 1]);
  assertAlmostEquals(state.klControl.klCoef, 0.5 * (1 + 0.2 * 2 / 10), 1e-12);
  const kl = { place: "reward", estimator: "k3", biased: true } as const;
  const k3 = (await finished(tokenRewards({ kl }), { rollouts, scores, klControl: fixed })).state.tokenRewards;
  // k3 = π_ref/π − 1 + log(π/π_ref): ½ − 1 + ln 2 of an a, 2 − 1 − ln 2 of a b
  near(k3, [(0.5 - ln2) / 2, (ln2 - 1) / 2, 3, (0.5 - ln2) / 2, 1]);
});

Deno.test("tokenRewards() whiten rewards about their mean, which stays; a single one is left as it is", async () => {
  const white = tokenRewards({ whitenRewards: true });
  const { state } = await finished(white, { rollouts, scores, klControl: { ...fixed, klCoef: 0 } });
  const deviation = Math.sqrt(((0 - 0.8) ** 2 * 3 + (3 - 0.8) ** 2 + (1 - 0.8) ** 2) / 4 + 1e-8);
  near(state.tokenRewards, [0, 0, 3, 0, 1].map((r) => 0.8 + (r - 0.8) / deviation));
  const one = await finished(white, { rollouts: [rolloutOf("")], scores: Float64Array.of(3), klControl: fixed });
  near(one.state.tokenRewards, [3]);
});
