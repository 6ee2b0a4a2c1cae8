import { assert, assertAlmostEquals, assertEquals, assertGreater, assertStrictEquals } from "@std/assert";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward, values, zeroValueHead } from "../../lib/model/heads.ts";
import type { End } from "../../lib/rl/end.ts";
import { whiten } from "../../lib/rl/whiten.ts";
import { advantages } from "../../lib/stages/advantages.ts";
import { examplesOf, offsetsOf } from "../../lib/stages/rollout.ts";
import { key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { model, promptOf, rolloutOf } from "./rollouts.ts";
import { config, finished } from "./tiny.ts";

const rollouts = [rolloutOf("ab"), rolloutOf("a")];
const tokenRewards = Float64Array.of(1, -1, 3, 0.5, 2);
const ended: readonly End[] = [{ type: "terminated", score: 3 }, { type: "terminated", score: 2 }];

/** A critic that expects so much everywhere. */
const expects = (v: number) => ({ head: { ...zeroValueHead(model.policy), bias: tensor([1], [v]) } });
const given = { ...model, rollouts, tokenRewards, ends: ended, value: expects(0.25) };
const near = (found: ArrayLike<number>, wanted: readonly number[]): void => {
  assertEquals(found.length, wanted.length);
  wanted.forEach((w, t) => assertAlmostEquals(found[t] as number, w, 1e-6));
};

Deno.test("advantages() with λ = 1 are what was still to come less what the critic expected", async () => {
  const { state } = await finished(advantages({ lambda: 1, whiten: false }), given);
  near(state.returns, [3, 2, 3, 2.5, 2]);
  near(state.values, [0.25, 0.25, 0.25, 0.25, 0.25]);
  near(state.advantages, [2.75, 1.75, 2.75, 2.25, 1.75]);
});

Deno.test("advantages() with λ = 0 are TD errors, and γ discounts", async () => {
  const { state } = await finished(advantages({ lambda: 0, gamma: 0.5, whiten: false }), given);
  near(state.advantages, [1 + 0.125 - 0.25, -1 + 0.125 - 0.25, 2.75, 0.5 + 0.125 - 0.25, 1.75]);
});

Deno.test("advantages() of a truncated completion go on at the critic's value after its last token", async () => {
  const ends: readonly End[] = [{ type: "truncated", bootstrap: 0 }, ended[1] as End];
  const { state } = await finished(advantages({ lambda: 1, whiten: false }), { ...given, ends, value: expects(4) });
  near(state.returns, [7, 6, 7, 2.5, 2]);
});

Deno.test("advantages() are whitened over all tokens, then weighed by importance; of equal ones none is better", async () => {
  const plain = (await finished(advantages({ lambda: 1, whiten: false }), given)).state.advantages;
  const { state, metrics } = await finished(advantages({ lambda: 1 }), given);
  near(state.advantages, [...whiten(plain)]);
  // returns 3 2 3 2.5 2 against a constant critic
  assertAlmostEquals(metrics[0]?.["val/explained_variance"] as number, 0, 1e-12);
  const half = rolloutOf("ab", {
    sampling: { topK: 2 },
    sampledLogps: rolloutOf("ab").tokenLogps.map((x) => x + Math.LN2),
  });
  const weighed =
    (await finished(advantages({ lambda: 1 }), { ...given, rollouts: [half, rollouts[1] as typeof half] }))
      .state.advantages;
  near(weighed, [...whiten(plain)].map((a, t) => t < 3 ? a / 2 : a));
  const equal = { ...given, tokenRewards: Float64Array.of(0, 0, 1, 0, 1) };
  near((await finished(advantages({ lambda: 1 }), equal)).state.advantages, [0, 0, 0, 0, 0]);
});

Deno.test("advantages() leave returns as they are, whitened or not, and λ is 0.95 if nothing is said", async () => {
  const { state } = await finished(advantages(), given);
  const by = (lambda: number) => finished(advantages({ lambda, whiten: false }), given);
  near(state.returns, [...(await by(0.95)).state.returns]);
  // A_t of "a": its second token 2 − ¼; its first ½ + V′ − V = ½, and λ times the second.
  near((await finished(advantages({ whiten: false }), given)).state.advantages.slice(3), [0.5 + 0.95 * 1.75, 1.75]);
  near(state.returns.slice(3), [0.75 + 0.95 * 1.75, 2]);
});

Deno.test("advantages() of tokens that π gives more often than they were drawn count so much more, up to the cap", async () => {
  const drawn = (text: string, nats: number) =>
    rolloutOf(text, { sampling: { topK: 2 }, sampledLogps: rolloutOf(text).tokenLogps.map((x) => x - nats) });
  const changed = { ...given, rollouts: [drawn("ab", Math.log(8)), drawn("a", Math.log(1.5))] };
  const of = async (more: Parameters<typeof advantages>[0]) =>
    (await finished(advantages({ lambda: 1, whiten: false, ...more }), changed)).state.advantages;
  near(await of({}), [5.5, 3.5, 5.5, 3.375, 2.625]);
  near(await of({ importanceCap: 3 }), [8.25, 5.25, 8.25, 3.375, 2.625]);
});

Deno.test("advantages() ask the critic before each token, and after the last one of what was cut off", async () => {
  const policy = initDecoder(key(1), config);
  const head = { ...initReward(key(2), policy), bias: tensor([1], [0.5]) };
  const value = { head: { weight: head.score, bias: head.bias } };
  const some = Array.from(
    { length: 130 },
    (_, i) => rolloutOf(i % 3 === 0 ? "ab" : "b", { prompt: promptOf("xyz"[i % 3] as string) }),
  );
  const texts = pack(examplesOf(some));
  const { before, after } = values(value, policy, { config, batch: texts });
  const ends = some.map((): End => ({ type: "truncated", bootstrap: 0 }));
  const rewards = new Float64Array(before.data.length);
  const { state } = await finished(advantages({ lambda: 0, whiten: false }), {
    ...{ config, policy, value, rollouts: some, tokenRewards: rewards, ends },
  });
  near(state.values, [...before.data]);
  const offsets = offsetsOf(some);
  const next = Array.from(before.data, (_, t) => {
    const b = offsets.indexOf(t + 1) - 1;
    return (b < 0 ? before.data[t + 1] : after.data[b]) as number;
  });
  near(state.advantages, next.map((v, t) => v - (before.data[t] as number)));
  assertGreater(new Set(before.data).size, 5); // the critic does tell places from each other
});

Deno.test("advantages() that are all equal are named in a warning", async () => {
  const messages = async (rewards: readonly number[]): Promise<readonly string[]> => {
    const one = {
      ...given,
      rollouts: [rolloutOf("", {}), rolloutOf("")],
      ends: ended,
      tokenRewards: Float64Array.from(rewards),
    };
    const { events } = await finished(advantages(), one);
    return events.flatMap((e) => e.type === "warning" ? [e.message] : []);
  };
  assertEquals(await messages([1, 2]), []);
  assertEquals(await messages([1, 1]), [
    "The advantages of all tokens are equal: the policy has nothing to learn from them.",
  ]);
});

Deno.test("advantages() are estimated once: what the last step found is what the stage adds", () => {
  const { work } = advantages();
  assert(work.type === "scan");
  const context = {
    key: key(0),
    emit: () => {},
    signal: new AbortController().signal,
    step: 0,
    steps: 1,
    state: given,
  };
  const { carry } = work.init(given as never, context);
  const found = work.step(carry as never, context as never).carry as { readonly estimated: object };
  assertStrictEquals(work.done(found as never, given as never, context), found.estimated);
});
