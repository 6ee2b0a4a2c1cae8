/** gae() held to numbers of 60-digit arithmetic and to its laws. */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { End } from "../../lib/rl/end.ts";
import { type Advantages, gae, type Steps } from "../../lib/rl/gae.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";
import { kept, laidOut } from "./ragged.ts";

interface Inputs extends Readonly<Record<"rewards" | "values", number[]>> {
  readonly gamma: number;
  readonly lam: number;
  readonly bootstrap_value: number;
}
type Expected = Readonly<Record<"advantages" | "returns", number[]>>;

const over: End = { type: "terminated", score: 0 };

/** The end of a case: a bootstrap value other than 0 says that it was cut off. */
const endOf = ({ bootstrap_value: bootstrap }: Inputs): End =>
  bootstrap === 0 ? over : { type: "truncated", bootstrap };

const whole = (length: number): Int32Array => Int32Array.of(0, length);

for (
  const id of [
    "gae_lm_terminated",
    "gae_lambda0_td",
    "gae_truncated_bootstrap",
    "gae_terminated_same_data",
    "gae_single_token",
  ]
) {
  inEachPrecision(`gae() has the advantages and returns of ${id}`, ({ dtype, near }) => {
    const { inputs, expected } = oracle<Inputs, Expected>(id);
    const [rewards, values] = [inputs.rewards, inputs.values].map((x) => tensor([x.length], x, dtype).data);
    const steps = { rewards, values, ends: [endOf(inputs)] } as Steps;
    const found = gae(steps, whole(inputs.rewards.length), { gamma: inputs.gamma, lambda: inputs.lam });
    near(found.advantages, expected.advantages);
    near(found.returns, expected.returns);
  });
}

Deno.test("the oracle refutes a truncated completion whose bootstrap is forgotten", () => {
  const { inputs, expected } = oracle<Inputs, Expected>("gae_truncated_bootstrap");
  const { advantages } = gae({ ...inputs, ends: [over] }, whole(3), { gamma: inputs.gamma, lambda: inputs.lam });
  assertNear(advantages, [1.921095, 0.99, 0], { rtol: 1e-6, atol: 1e-12 });
  expected.advantages.forEach((a, t) => assertLess(0.8, a - (advantages[t] as number)));
});

type Masked = Omit<Inputs, "bootstrap_value"> & { readonly action_mask: number[] };

Deno.test("gae() passes credit over another speaker's tokens, as if they were not there", () => {
  const { inputs, expected } = oracle<Masked, Expected>("gae_multi_turn_mask");
  const { rewards, values, action_mask: actions, gamma, lam: lambda } = inputs;
  const found = gae({ rewards, values, actions, ends: [over] }, whole(5), { gamma, lambda });
  assertNear(found.advantages, expected.advantages, { rtol: 1e-12, atol: 1e-12 });
  assertNear(found.returns, expected.returns, { rtol: 1e-12, atol: 1e-12 });
  const compact = { rewards: kept(rewards, actions), values: kept(values, actions), ends: [over] };
  const same = gae(compact, whole(3), { gamma, lambda });
  assertEquals(kept([...found.advantages], actions), [...same.advantages]);
  const blind = gae({ rewards, values, ends: [over] }, whole(5), { gamma, lambda });
  assertLess(0.5, Math.abs((blind.advantages[0] as number) - (found.advantages[0] as number)));
});

Deno.test("gae() of ragged completions is that of the padded batch, whose padding must not matter", () => {
  const { inputs, expected } = oracle<
    Readonly<Record<"rewards" | "values" | "action_mask", number[][]>>,
    { readonly advantages: number[][] }
  >("gae_padded_batch");
  const real = (rows: readonly number[][]): readonly (readonly number[])[] =>
    rows.map((row, b) => kept(row, inputs.action_mask[b] as number[]));
  const { values: rewards, offsets } = laidOut(real(inputs.rewards));
  const values = real(inputs.values).flat();
  const { advantages } = gae({ rewards, values, ends: [over, over] }, offsets, { gamma: 1, lambda: 0.95 });
  assertNear(advantages, real(expected.advantages).flat(), { rtol: 1e-12, atol: 1e-12 });
});

const number = fc.double({ min: -5, max: 5, noNaN: true });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const completion = fc.record({
  steps: fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 6 }),
  bootstrap: fc.option(number),
});
const completions = fc.array(completion, { minLength: 1, maxLength: 5 });
type Completion = Readonly<{ steps: (readonly [number, number])[]; bootstrap: number | null }>;

function of(batch: readonly Completion[], options: { gamma: number; lambda: number }): Advantages {
  const { values: rewards, offsets } = laidOut(batch.map(({ steps }) => steps.map(([r]) => r)));
  const values = batch.flatMap(({ steps }) => steps.map(([, v]) => v));
  const ends = batch.map(({ bootstrap }): End => bootstrap === null ? over : { type: "truncated", bootstrap });
  return gae({ rewards, values, ends }, offsets, options);
}

const near = { rtol: 1e-10, atol: 1e-10 };

Deno.test("gae() with λ = 1 is return − value, with λ = 0 the TD error", () => {
  fc.assert(fc.property(completion, share, (one, gamma) => {
    const { steps, bootstrap } = one;
    const following = (t: number): number => steps[t + 1]?.[1] ?? bootstrap ?? 0;
    const toGo = (t: number): number =>
      t === steps.length ? bootstrap ?? 0 : (steps[t]?.[0] as number) + gamma * toGo(t + 1);
    assertNear(of([one], { gamma, lambda: 1 }).advantages, steps.map(([, v], t) => toGo(t) - v), near);
    assertNear(of([one], { gamma, lambda: 1 }).returns, steps.map((_, t) => toGo(t)), near);
    assertNear(
      of([one], { gamma, lambda: 0 }).advantages,
      steps.map(([r, v], t) => r + gamma * following(t) - v),
      near,
    );
  }));
});

Deno.test("gae() is the weighted sum of TD errors, Σ_l (γλ)^l δ_{t+l}", () => {
  fc.assert(fc.property(completion, share, share, (one, gamma, lambda) => {
    const errors = of([one], { gamma, lambda: 0 }).advantages;
    const sums = Array.from(
      errors,
      (_, t) => Array.from(errors.subarray(t)).reduce((sum, d, l) => sum + (gamma * lambda) ** l * d, 0),
    );
    assertNear(of([one], { gamma, lambda }).advantages, sums, near);
  }));
});

Deno.test("gae() of completions end to end is that of each alone, in any order", () => {
  fc.assert(fc.property(completions, share, share, (batch, gamma, lambda) => {
    const each = batch.map((one) => [...of([one], { gamma, lambda }).advantages]);
    assertEquals([...of(batch, { gamma, lambda }).advantages], each.flat());
    assertEquals([...of(batch.toReversed(), { gamma, lambda }).advantages], each.toReversed().flat());
  }));
});

Deno.test("gae() refuses lengths that do not fit and factors out of range", () => {
  const steps: Steps = { rewards: [1, 2], values: [0, 0], ends: [over] };
  const refuses = (wrong: Partial<Steps>, options: { gamma: number; lambda: number }, sentence: string): void => {
    assertThrows(() => gae({ ...steps, ...wrong }, whole(2), options), RangeError, sentence);
  };
  const options = { gamma: 1, lambda: 0.95 };
  refuses({}, { gamma: 1.1, lambda: 1 }, "Cannot compute gae as gamma must be in [0, 1]: current value is 1.1");
  refuses({}, { gamma: 1, lambda: NaN }, "Cannot compute gae as lambda must be in [0, 1]: current value is NaN");
  refuses({ values: [0] }, options, "Cannot read values as it must have 2 entries: it has 1");
  refuses({ ends: [] }, options, "Cannot read ends as it must have 1 entries: it has 0");
  refuses({ actions: [1] }, options, "Cannot read actions as it must have 2 entries: it has 1");
  refuses(
    { rewards: [1, 2, 3] },
    options,
    "Cannot read completions as the offsets must rise from 0 to 3: offsets[1] is 2",
  );
});

Deno.test("how a completion ended must be said: an end without its value is a type error", () => {
  // @ts-expect-error: a truncated end has a bootstrap value
  const steps: Steps = { rewards: [1], values: [0], ends: [{ type: "truncated" }] };
  assertEquals(steps.ends.length, 1);
  // @ts-expect-error: ends have no default
  assertThrows(() => gae({ rewards: [1], values: [0] }, whole(1), { gamma: 1, lambda: 1 }));
});
