/** whiten() held to numbers of 60-digit arithmetic, to TRL, and to its laws. */
import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import rl from "../../fixtures/oracles/rl.json" with { type: "json" };
import { whiten } from "../../lib/rl/whiten.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";
import { kept } from "./ragged.ts";

type Inputs = Readonly<{ values: number[]; mask: number[]; shift_mean: boolean; eps: number }>;

for (const id of ["whiten_advantages", "whiten_rewards_shift_mean_false", "whiten_constant"]) {
  inEachPrecision(`whiten() has the numbers of ${id}`, ({ dtype, near }) => {
    const { inputs: { values, mask, shift_mean: shiftMean, eps }, expected } = oracle<Inputs, { whitened: number[] }>(
      id,
    );
    near(whiten(tensor([values.length], values, dtype).data, { mask, shiftMean, eps }), expected.whitened);
  });
}

Deno.test("the oracle refutes a whitening that adds the mean back", () => {
  const { inputs: { values, mask }, expected } = oracle<Inputs, { whitened: number[]; mean: number }>(
    "whiten_advantages",
  );
  const wrong = kept([...whiten(values, { mask, shiftMean: false })], mask);
  wrong.forEach((x, i) => assertAlmostEquals(x - (expected.whitened[i] as number), expected.mean, 1e-12));
  assertLess(0.5, expected.mean);
});

Deno.test("whiten() is TRL's masked_whiten where its mask is 1", () => {
  const { values, mask, masked_whiten, masked_whiten_keep_mean } = rl.trl.masked_functions;
  const near = (found: Float64Array, expected: readonly number[][]): void =>
    assertNear(kept([...found], mask.flat()), kept(expected.flat(), mask.flat()), { rtol: 1e-12, atol: 1e-12 });
  near(whiten(values.flat(), { mask: mask.flat() }), masked_whiten);
  near(whiten(values.flat(), { mask: mask.flat(), shiftMean: false }), masked_whiten_keep_mean);
});

const number = fc.double({ min: -10, max: 10, noNaN: true });
const numbers = fc.array(number, { minLength: 2, maxLength: 10 })
  .filter((x) => Math.max(...x) - Math.min(...x) > 0.1);
const near = (a: ArrayLike<number>, b: ArrayLike<number>): void => assertNear(a, b, { rtol: 1e-9, atol: 1e-9 });

Deno.test("whitened numbers have mean 0 and unbiased variance 1", () => {
  fc.assert(fc.property(numbers, (x) => {
    const white = whiten(x, { eps: 0 });
    near([white.reduce((a, b) => a + b), white.reduce((sum, w) => sum + w * w, 0)], [0, x.length - 1]);
  }));
});

Deno.test("whiten() forgets shift and scale, and turns with the sign; without the shift it keeps the mean", () => {
  fc.assert(fc.property(numbers, number, fc.double({ min: 0.1, max: 9, noNaN: true }), (x, shift, scale) => {
    const white = whiten(x, { eps: 0 });
    near(whiten(x.map((v) => scale * v + shift), { eps: 0 }), white);
    near(whiten(x.map((v) => -v), { eps: 0 }), white.map((w) => -w));
    const mean = x.reduce((a, b) => a + b) / x.length;
    near(whiten(x, { eps: 0, shiftMean: false }), white.map((w) => w + mean));
    near(whiten(x.toReversed(), { eps: 0 }), white.toReversed());
  }));
});

Deno.test("what the mask leaves out changes nothing and becomes 0", () => {
  fc.assert(fc.property(numbers, number, (x, out) => {
    const mask = [...x.map(() => 1), 0];
    assertEquals([...whiten([...x, out], { mask })], [...whiten(x), 0]);
  }));
});

Deno.test("whiten() refuses one number, as it has no variance", () => {
  const { inputs: { values, mask } } = oracle<Inputs, unknown>("whiten_single_token");
  assertThrows(
    () => whiten(values, { mask }),
    RangeError,
    "Cannot whiten as an unbiased variance needs at least 2 values: current number is 1",
  );
});
