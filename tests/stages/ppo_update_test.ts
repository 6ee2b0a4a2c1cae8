import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess, assertNotEquals } from "@std/assert";
import { finish, run } from "../../lib/flow/run.ts";
import { openKernels } from "../../lib/kernels/provider.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { type ValueParams, zeroValueHead } from "../../lib/model/heads.ts";
import { tokenLogps } from "../../lib/model/logps.ts";
import { type CriticState, initCritic } from "../../lib/stages/init_critic.ts";
import { ppoUpdate, type PpoUpdateOptions } from "../../lib/stages/ppo_update.ts";
import { examplesOf, type Rollout } from "../../lib/stages/rollout.ts";
import { key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { model, rolloutOf } from "./rollouts.ts";
import { config, finished, numbers, tokenizer } from "./tiny.ts";

const options: PpoUpdateOptions = { lr: 1e-3, totalSteps: 100, minibatch: 2, epochs: 1 };
const klControl = { type: "fixed", klCoef: 0.1 } as const;

/** The given state with fresh optimizers and a critic that expects 0. */
async function begun<Given extends Omit<typeof model, "ref">>(
  given: Given,
  critic: "policy" | "shared" = "policy",
): Promise<Given & CriticState> {
  const { state } = await finished(initCritic({ critic, klControl, update: options }), given);
  return { ...given, ...state };
}

const rollouts = [rolloutOf("ab"), rolloutOf("a")];
const known = await begun({
  ...model,
  rollouts,
  advantages: Float64Array.of(1, -1, 2, 0.5, 0),
  returns: Float64Array.of(1, 1, 1, 3, 3),
  values: new Float64Array(5),
});

Deno.test("ppoUpdate() begins at ratio 1 and KL 0, where its losses are known", async () => {
  const kl = { estimator: "k2", over: "sequence", coef: 0.3 } as const;
  const more = { ...options, valueClip: Infinity, valueCoef: 0.2, entropyCoef: 0.1, kl };
  const { metrics: [first] } = await finished(ppoUpdate(more), known);
  const near = (name: string, wanted: number): void => assertAlmostEquals(first?.[name] as number, wanted, 1e-5, name);
  assertEquals([first?.["val/ratio"], first?.["policy/approxkl_avg"], first?.["policy/clipfrac_avg"]], [1, 0, 0]);
  const entropy = 0.5 * Math.log(2) + 0.5 * Math.log(4);
  const d2 = (0 + Math.LN2 ** 2) / 2 / 2; // log ratios to the reference: ln 2 − ln 2 of "ab", ln 2 of "a"
  near("loss/policy_avg", -2.5 / 5);
  near("loss/value_avg", (3 * 1 + 2 * 9) / 2 / 5);
  near("policy/entropy_avg", entropy);
  near("loss/kl_avg", d2);
  near("loss", -0.5 + 0.2 * 2.1 - 0.1 * entropy + 0.3 * d2);
});

const policy = initDecoder(key(1), config);
const texts = ["aa", "b"];

/** Rollouts of a policy whose every parameter moves, at its own log-probabilities. */
const drawn: readonly Rollout[] = texts.map((text) => {
  const rollout = rolloutOf(text);
  const logps = Float64Array.from(tokenLogps(policy, config, pack(examplesOf([rollout]))).data);
  return { ...rollout, tokenLogps: logps, sampledLogps: logps, refLogps: logps };
});
const still = { config, tokenizer, policy, rollouts: drawn, returns: new Float64Array(5), values: new Float64Array(5) };
const logpOf = (params: typeof policy, b: number): number =>
  Array.from(tokenLogps(params, config, pack(examplesOf([drawn[b] as Rollout]))).data).reduce((x, y) => x + y);

Deno.test("ppoUpdate() makes a completion of positive advantage likelier, and one of negative advantage less likely", async () => {
  const given = await begun({ ...still, advantages: Float64Array.of(1, 1, 1, -1, -1) });
  const { state } = await finished(ppoUpdate(options), given);
  assertGreater(logpOf(state.policy, 0) - logpOf(policy, 0), 1e-3);
  assertLess(logpOf(state.policy, 1) - logpOf(policy, 1), -1e-3);
});

Deno.test("ppoUpdate() leaves the policy to the byte where nothing is better than expected, and the critic where it was right", async () => {
  const given = await begun({ ...still, advantages: new Float64Array(5) });
  const { state } = await finished(ppoUpdate(options), given);
  assertEquals(numbers(state.policy), numbers(policy));
  assertEquals(numbers(state.value), numbers(given.value));
});

Deno.test("ppoUpdate() teaches a critic of its own without touching the policy, and a shared one through its trunk", async () => {
  const given = { ...still, advantages: new Float64Array(5), returns: new Float64Array(5).fill(0.1) };
  const own = await finished(ppoUpdate(options), await begun(given));
  assertEquals(numbers(own.state.policy), numbers(policy));
  assertGreater(own.state.value.head.bias.data[0] as number, 5e-4);
  const shared = await begun(given, "shared");
  const weight = tensor([1, config.hiddenSize], Array(config.hiddenSize).fill(1));
  const value: ValueParams = { head: { ...zeroValueHead(policy), weight } };
  const { state } = await finished(ppoUpdate({ ...options, valueClip: Infinity }), { ...shared, value });
  assertNotEquals(numbers(state.policy), numbers(policy));
});

/** What a run ends in when one token was rolled out at another log-probability, by so much. */
async function offBy(nats: number): Promise<string | undefined> {
  const rollouts = drawn.map((r, b) =>
    b === 0 ? { ...r, tokenLogps: r.tokenLogps.map((x, t) => t === 1 ? x - nats : x) } : r
  );
  const given = await begun({ ...still, rollouts, advantages: Float64Array.of(1, 1, 1, -1, -1) });
  const ended = await finish(run(ppoUpdate(options), { seed: 0, given }));
  if (ended._tag === "Right") return undefined;
  assertEquals(ended.left.kind, "run");
  return ended.left.sentences[0];
}

Deno.test("ppoUpdate() stops the run where the first ratio is not 1, and names the first token that differs", async () => {
  for (const nats of [0.01, 1e-6]) {
    const sentence = await offBy(nats);
    assert(sentence?.includes("every ratio must be 1") && sentence.includes("in the reply to p, token 1"), sentence);
  }
});

for (const [backend, rounding, mistake] of [["blas", 1e-6, 0.01], ["onednn", 0.01, 0.5]] as const) {
  const ignore = await openKernels({ backend }).then(() => false, () => true);
  await openKernels({});
  Deno.test({
    name: `ppoUpdate() by ${backend} allows the first ratio what rounding does, and no more`,
    ignore,
    fn: async () => {
      await openKernels({ backend, threads: 1 });
      const [small, large] = [await offBy(rounding), await offBy(mistake)];
      await openKernels({});
      assertEquals(small, undefined);
      assert(large?.includes("in the reply to p, token 1"), large);
    },
  });
}

Deno.test("ppoUpdate() ends its epochs beyond targetKl, and goes on with the learning rate in the next iteration", async () => {
  const given = await begun({ ...still, advantages: Float64Array.of(1, 1, 1, -1, -1) });
  const more = { ...options, lr: 1e-2, epochs: 5, minibatch: 1 };
  const { metrics, state } = await finished(ppoUpdate({ ...more, targetKl: 1e-9 }), given);
  const steps = metrics.filter((m) => "loss" in m).length;
  assert(steps >= 2 && steps <= 3 && metrics.length === 10, `${steps}`); // the first step of all is at KL 0
  assertEquals(state.optimizers.policy[1].step, steps);
  const next = await finished(ppoUpdate(more), { ...given, optimizers: state.optimizers, policy: given.policy });
  assertAlmostEquals(next.metrics[0]?.learning_rate as number, 1e-2 * (1 - steps / 100), 1e-12);
});

Deno.test("ppoUpdate() takes four epochs with Adam's ε at 1e-5 and no warm-up, the critic's as it says", async () => {
  const given = await begun({
    ...still,
    advantages: Float64Array.of(1, 1, 1, -1, -1),
    returns: new Float64Array(5).fill(1),
  });
  const of = async (change: Partial<PpoUpdateOptions>) =>
    (await finished(ppoUpdate({ ...options, epochs: undefined, ...change }), given)).state;
  const { policy: after, value, optimizers } = await of({});
  assertEquals([optimizers.policy[1].step, optimizers.value[1].step], [4, 4]);
  assertEquals(numbers(after), numbers((await of({ epochs: 4, eps: 1e-5, warmup: 0 })).policy));
  for (const change of [{ eps: 1e-8 }, { warmup: 0.02 }, { epochs: 3 }]) {
    assertNotEquals(numbers((await of(change)).policy), numbers(after), JSON.stringify(change));
  }
  const slow = await of({ valueOptimizer: { lr: 1e-5 } });
  assertEquals(numbers(slow.policy), numbers(after));
  // Adam's steps are of the learning rate, whatever the gradient: 4e-3 and a hundredth of it, less the schedule.
  assertAlmostEquals((value.head.bias.data[0] as number) / (slow.value.head.bias.data[0] as number), 100, 1);
});

Deno.test("ppoUpdate() takes the rollouts in an order of each epoch's own, every one once", async () => {
  const six = Array.from({ length: 6 }, () => drawn[1] as Rollout); // two tokens each
  const places = Float64Array.from({ length: 12 }, (_, t) => Math.floor(t / 2));
  const nothing = new Float64Array(12);
  const given = await begun({ ...still, rollouts: six, advantages: places, returns: nothing, values: nothing });
  const { metrics } = await finished(ppoUpdate({ ...options, lr: 1e-9, minibatch: 1, epochs: 2 }), given);
  const order = metrics.map((m) => Math.round(-(m["loss/policy_avg"] as number)) + 0); // at ratio 1: which it was
  const [first, second] = [order.slice(0, 6), order.slice(6)];
  for (const epoch of [first, second]) {
    assertEquals(epoch.toSorted(), [0, 1, 2, 3, 4, 5]);
    assertNotEquals(epoch, [0, 1, 2, 3, 4, 5]);
  }
  assertNotEquals(first, second);
});
