/** sftLoss held to numbers of 60-digit arithmetic and to its laws. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { add } from "../../lib/grad/ops.ts";
import { accumulateGrads, type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { sftLoss } from "../../lib/losses/sft.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Dtype, item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";

/** Token log-probabilities of completions end to end, with their offsets. */
function laid(completions: readonly (readonly number[])[], dtype: Dtype): readonly [Tensor, Int32Array] {
  const offsets = [0];
  for (const completion of completions) offsets.push((offsets.at(-1) as number) + completion.length);
  return [tensor([offsets.at(-1) as number], completions.flat(), dtype), Int32Array.from(offsets)];
}

type Inputs = Readonly<{ token_logps: number[][]; reduction: "token" | "sequence" }>;

for (const id of ["sft_token_mean", "sft_sequence_mean"]) {
  inEachPrecision(`sftLoss() has the loss and gradient of ${id}`, ({ dtype, near }) => {
    const { inputs, expected } = oracle<Inputs, { loss: number }>(id);
    const [tokenLogps, offsets] = laid(inputs.token_logps, dtype);
    const f = (p: { x: Tensor }): Loss => sftLoss(p.x, offsets, { reduction: inputs.reduction });
    const { loss, grads } = valueAndGrad(f)({ x: tokenLogps });
    near(loss, expected.loss);
    // Every token weighs −1/4, or every completion −1/2 over its own tokens.
    near(
      grads.x.data,
      inputs.reduction === "token" ? [-1 / 4, -1 / 4, -1 / 4, -1 / 4] : [-1 / 6, -1 / 6, -1 / 6, -1 / 2],
    );
  });
}

inEachPrecision("sftLoss() accumulated over unequal parts is the whole's, not the mean of means", ({ dtype, near }) => {
  const { inputs, expected } = oracle<
    { micro_batches: number[][][] },
    { loss: number; wrong_mean_of_means: number }
  >("sft_grad_accumulation");
  // The parameter adds to every log-probability, so its gradient is minus the share of each token.
  const batches = inputs.micro_batches.map((part) => laid(part, dtype));
  const f = (p: { x: Tensor }, [logps, offsets]: readonly [Tensor, Int32Array]): Loss =>
    sftLoss(add(logps, p.x), offsets);
  const { loss, grads } = accumulateGrads(f)({ x: tensor([1], [0], dtype) }, batches);
  near(loss, expected.loss);
  near(item(grads.x), -1);
  const means = batches.map((batch) => valueAndGrad(f)({ x: tensor([1], [0], dtype) }, batch).loss);
  near(means.reduce((a, b) => a + b) / means.length, expected.wrong_mean_of_means);
  assertLess(0.4, Math.abs(loss - expected.wrong_mean_of_means));
});

inEachPrecision("sftLoss() with weights is the weighted mean, of tokens or of completions", ({ dtype, near }) => {
  const [x, offsets] = laid([[-1, -2], [-6]], dtype), weights = [2, 0.5];
  const of = (reduction: "token" | "sequence") =>
    valueAndGrad((p: { x: Tensor }) => sftLoss(p.x, offsets, { reduction, weights }))({ x });
  const [token, sequence] = [of("token"), of("sequence")];
  near(token.loss, (2 * 3 + 0.5 * 6) / (2 * 2 + 0.5 * 1)); // 2; over 3 tokens it would be 3, over Σw 3.6
  near(token.grads.x.data, [-2 / 4.5, -2 / 4.5, -0.5 / 4.5]);
  near(sequence.loss, (2 * 1.5 + 0.5 * 6) / 2.5); // 2.4; over 2 completions it would be 3
  near(sequence.grads.x.data, [-1 / 2.5, -1 / 2.5, -0.5 / 2.5]);
  for (const { metrics } of [token, sequence]) assertEquals(metrics, { nll: { sum: 9, count: 4.5 } });
});

Deno.test("sftLoss() of a completion of weight 3 is that of the completion three times", () => {
  const rows = [[-1, -2], [-6], [-0.5, -3, -4]];
  for (const reduction of ["token", "sequence"] as const) {
    const { loss } = sftLoss(...laid(rows, "f64"), { reduction, weights: [1, 3, 1] });
    const thrice = [...rows, [-6], [-6]];
    assertAlmostEquals(item(loss.sum) / loss.count, value(thrice, reduction), 1e-14);
  }
});

const completions = fc.array(fc.array(fc.double({ min: -50, max: 0, noNaN: true }), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 6,
});

/** The mean loss as a number. */
function value(rows: readonly (readonly number[])[], reduction: "token" | "sequence"): number {
  const { loss } = sftLoss(...laid(rows, "f64"), { reduction });
  return item(loss.sum) / loss.count;
}

Deno.test("sftLoss() does not depend on the order of completions", () => {
  fc.assert(fc.property(completions, fc.constantFrom("token", "sequence"), (rows, reduction) => {
    assertNear(value(rows.toReversed(), reduction), value(rows, reduction), { rtol: 1e-12, atol: 1e-12 });
  }));
});

Deno.test("sftLoss() by token and by sequence agree where all completions are of one length, and not otherwise", () => {
  const pairs = fc.array(fc.tuple(fc.double({ min: -9, max: 0, noNaN: true }), fc.constant(-1)), { minLength: 1 });
  fc.assert(
    fc.property(
      pairs,
      (rows) => assertNear(value(rows, "token"), value(rows, "sequence"), { rtol: 1e-12, atol: 1e-12 }),
    ),
  );
  assertNotEquals(value([[-1, -1], [-4]], "token"), value([[-1, -1], [-4]], "sequence"));
});

Deno.test("sftLoss() of a uniform model is ln V, and its metric the token mean under either reduction", () => {
  for (const reduction of ["token", "sequence"] as const) {
    const rows = [[-Math.log(7), -Math.log(7)], [-Math.log(7)]];
    assertAlmostEquals(value(rows, reduction), Math.log(7), 1e-14);
    const { metrics } = sftLoss(...laid([[-1, -2], [-6]], "f64"), { reduction });
    assertEquals(metrics, { nll: { sum: 9, count: 3 } });
  }
});

Deno.test("sftLoss() has the gradients of central differences", () => {
  const [x, offsets] = laid([[-1, -2, -0.5], [-3], [-0.1, -7]], "f64");
  for (const reduction of ["token", "sequence"] as const) {
    for (const weights of [undefined, [0.5, 0, 3]]) {
      const { error } = checkGrads(
        (p: { x: Tensor }) => sftLoss(p.x, offsets, { reduction, weights }).loss.sum,
        { x },
        {
          key: key(1),
        },
      );
      assertLess(error, 1e-8);
    }
  }
});

Deno.test("sftLoss() refuses an empty completion and offsets that do not cover the tokens", () => {
  const [x] = laid([[-1, -2]], "f64");
  assertThrows(
    () => sftLoss(x, Int32Array.of(0, 2, 2)),
    RangeError,
    "Cannot compute sftLoss as completion 1 has no token",
  );
  assertThrows(() => sftLoss(x, Int32Array.of(0, 1)), RangeError, "offsets must rise from 0 to 2");
});

Deno.test("an option that sftLoss() does not have is a type error", () => {
  const [x, offsets] = laid([[-1]], "f64");
  // @ts-expect-error: a likelihood has no strength
  assert(sftLoss(x, offsets, { beta: 1 }));
  assertThrows(
    // @ts-expect-error: reductions are token and sequence
    () => sftLoss(x, offsets, { reduction: "batch" }),
    RangeError,
    "Cannot compute sftLoss as reduction must be token or sequence: current value is batch",
  );
});
