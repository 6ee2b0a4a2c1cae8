/** PPO's objective, away from ratio 1, where every term is known. */
import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { item } from "../../lib/tensor/tensor.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { type ValueParams, values, zeroValueHead } from "../../lib/model/heads.ts";
import { minibatchOf, ppoObjective, type PpoObjectiveOptions, type Taught } from "../../lib/stages/ppo_objective.ts";
import { examplesOf } from "../../lib/stages/rollout.ts";
import { key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { model, rolloutOf } from "./rollouts.ts";
import { config } from "./tiny.ts";

/** A rollout of which the policy now gives every token `ratio` times as often as when it was drawn. */
const since = (text: string, ratio: number) =>
  rolloutOf(text, { tokenLogps: rolloutOf(text).tokenLogps.map((x) => x - Math.log(ratio)) });

const taught: Taught = {
  ...model,
  rollouts: [since("ab", 1.5), since("a", 0.5)],
  advantages: Float64Array.of(1, 1, 1, 2, 2),
  returns: Float64Array.of(0, 0, 0, 1, 1),
  values: Float64Array.of(1, 1, 1, 0.1, 0.1),
};
/** A critic that expects 0. */
const value: ValueParams = { head: zeroValueHead(model.policy) };

function lossOf(options: PpoObjectiveOptions, change: Partial<Taught> = {}, rows = [0, 1]): Record<string, number> {
  const state = { ...taught, ...change };
  const { loss, metrics } = ppoObjective(state, minibatchOf(state, Int32Array.from(rows)), options)({
    ...{ policy: state.policy, value },
  });
  return { loss: item(loss.sum) / loss.count, ...divideMeans(metrics) };
}

const near = (found: number | undefined, wanted: number): void => assertAlmostEquals(found ?? NaN, wanted, 1e-5);

Deno.test("ppoObjective() clips ratios at 1 ± 0.2, and values at 0.2 from the old ones, half of whose loss counts", () => {
  const { loss, ...metrics } = lossOf({});
  near(metrics["loss/policy_avg"], -(3 * 1.2 * 1 + 2 * 0.5 * 2) / 5); // 0.5 · 2 is less than 0.8 · 2
  near(metrics["policy/clipfrac_avg"], 3 / 5);
  near(metrics["loss/value_avg"], (3 * 0.8 ** 2 + 2 * 1) / 2 / 5); // 0 is clipped to 0.8 and 0
  near(metrics["val/clipfrac_avg"], 3 / 5);
  near(loss, -5.6 / 5 + 0.5 * 3.92 / 10);
});

Deno.test("ppoObjective() takes bounds, clamp and reduction from its options", () => {
  const policy = (options: PpoObjectiveOptions): number | undefined => lossOf(options)["loss/policy_avg"];
  near(policy({ clip: { type: "clip", clipRange: 0.4 } }), -(3 * 1.4 + 2) / 5);
  near(policy({ clip: { type: "asymmetric", clipLow: 0.2, clipHigh: 0.6 } }), -(3 * 1.5 + 2) / 5);
  near(policy({ logRatioClamp: Math.log(1.1) }), -(3 * 1.1 + 2 * 2 / 1.1) / 5);
  near(policy({ reduction: "sequence" }), -(1.2 + 1) / 2);
  near(policy({ reduction: "sequenceSum" }), -(3.6 + 2) / 2);
  near(lossOf({ valueClip: Infinity })["loss/value_avg"], 2 / 2 / 5);
  near(lossOf({ valueClip: 0.5 })["loss/value_avg"], (3 * 0.5 ** 2 + 2) / 2 / 5);
});

Deno.test("ppoObjective() adds the means of its terms, whatever each is the mean of", () => {
  const kl = { estimator: "k2", over: "sequence", coef: 0.3 } as const;
  const { loss, ...metrics } = lossOf({ reduction: "sequence", valueCoef: 0.2, entropyCoef: 0.1, kl });
  const entropy = 0.5 * Math.log(2) + 0.5 * Math.log(4);
  near(metrics["loss/kl_avg"], Math.LN2 ** 2 / 2 / 2);
  near(loss, -1.1 + 0.2 * 3.92 / 10 - 0.1 * entropy + 0.3 * Math.LN2 ** 2 / 4);
});

Deno.test("ppoObjective() of a minibatch is of its own rollouts' tokens, in any order, and of one alone", () => {
  const { loss } = lossOf({});
  near(lossOf({}, {}, [1, 0]).loss, loss as number);
  near(lossOf({}, {}, [1]).loss, -1 + 0.5 * 0.5);
  near(lossOf({}, {}, [0]).loss, -1.2 + 0.5 * 0.32);
});

Deno.test("ppoObjective() asks a critic of its own with its own trunk", () => {
  const [policy, trunk] = [initDecoder(key(1), config), initDecoder(key(2), config)];
  const weight = tensor([1, config.hiddenSize], Array.from({ length: config.hiddenSize }, (_, i) => i / 4 - 1));
  const head = { ...zeroValueHead(policy), weight };
  const state = { ...taught, config, policy };
  const batch = pack(examplesOf(state.rollouts));
  const losses = [{ trunk, head }, { head }].map((critic): number => {
    const objective = ppoObjective(state, minibatchOf(state, Int32Array.of(0, 1)), { valueClip: Infinity });
    const { metrics } = objective({ policy, value: critic });
    const { before } = values(critic, policy, { config, batch });
    const loss = Array.from(before.data, (v, t) => (v - (state.returns[t] as number)) ** 2).reduce((a, b) => a + b) /
      10;
    near(divideMeans(metrics)["loss/value_avg"], loss);
    return loss;
  });
  assertNotEquals(losses[0], losses[1]);
  assertEquals(losses.length, 2);
});
