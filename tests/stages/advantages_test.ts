import { assertAlmostEquals, assertEquals } from "@std/assert";
import { zeroValueHead } from "../../lib/model/heads.ts";
import type { End } from "../../lib/rl/end.ts";
import { whiten } from "../../lib/rl/whiten.ts";
import { advantages } from "../../lib/stages/advantages.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { model, rolloutOf } from "./rollouts.ts";
import { finished } from "./tiny.ts";

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
