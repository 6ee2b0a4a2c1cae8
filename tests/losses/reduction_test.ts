/** What a loss over tokens is the mean of. */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { reduce, type Reduction } from "../../lib/losses/reduction.ts";
import { item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";
import { laidOut } from "../rl/ragged.ts";

const mean = (losses: Tensor, offsets: Int32Array, reduction: Reduction): number => {
  const { sum, count } = reduce(losses, offsets, reduction);
  return item(sum) / count;
};

inEachPrecision("reduce() has the four means of loss_aggregation", ({ dtype, near }) => {
  const { inputs, expected } = oracle<Record<"losses" | "mask", number[][]>, Record<string, number>>(
    "loss_aggregation",
  );
  const rows = inputs.losses.map((row, b) => row.filter((_, t) => inputs.mask[b]?.[t] === 1));
  const { values, offsets } = laidOut(rows);
  const losses = tensor([values.length], values, dtype);
  near(mean(losses, offsets, "token"), expected.token_mean as number);
  near(mean(losses, offsets, "sequence"), expected.seq_mean_token_mean as number);
  near(mean(losses, offsets, "sequenceSum"), expected.seq_mean_token_sum as number);
  near(mean(losses, offsets, { sequenceSumOver: 8 }), expected.seq_mean_token_sum_norm_L8 as number);
});

const completions = fc.array(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 5 }), {
  minLength: 2,
  maxLength: 6,
});

Deno.test("reduce() of parts joins to the whole, and does not depend on the order of completions", () => {
  fc.assert(fc.property(completions, (rows) => {
    for (const reduction of ["token", "sequence", "sequenceSum", { sequenceSumOver: 3 }] as const) {
      for (const weigh of [undefined, (row: number[]) => row.length + 0.5]) {
        const of = (part: number[][]): readonly [number, number] => {
          const { values, offsets } = laidOut(part), weights = weigh && part.map(weigh);
          const { sum, count } = reduce(tensor([values.length], values, "f64"), offsets, reduction, { weights });
          return [item(sum), count];
        };
        const [head, tail] = [of(rows.slice(0, 1)), of(rows.slice(1))];
        assertNear([head[0] + tail[0], head[1] + tail[1]], of(rows), { rtol: 1e-12, atol: 1e-12 });
        assertNear(of(rows.toReversed()), of(rows), { rtol: 1e-12, atol: 1e-12 });
      }
    }
  }));
});

Deno.test("reduce() with weights is the weighted mean of tokens or of completions", () => {
  const [losses, offsets] = [tensor([3], [1, 3, 5]), Int32Array.of(0, 2, 3)];
  const of = (reduction: Reduction): readonly [number, number] => {
    const { sum, count } = reduce(losses, offsets, reduction, { weights: [3, 0.5] });
    return [item(sum), count];
  };
  assertEquals(of("token"), [3 * 4 + 0.5 * 5, 3 * 2 + 0.5]);
  assertEquals(of("sequence"), [3 * 2 + 0.5 * 5, 3.5]);
  assertEquals(of("sequenceSum"), [3 * 4 + 0.5 * 5, 3.5]);
  assertEquals(of({ sequenceSumOver: 4 }), [(3 * 4 + 0.5 * 5) / 4, 3.5]);
});

Deno.test("reduce() refuses weights that are not one a completion, negative or infinite", () => {
  const refused = (weights: number[], rule: string): Error =>
    assertThrows(
      () => reduce(tensor([2], [1, 2]), Int32Array.of(0, 1, 2), "token", { weights }),
      RangeError,
      `Cannot reduce a loss as ${rule}`,
    );
  refused([1], "there must be 2 weights: current value is 1");
  refused([1, -1], "weights must be ≥ 0 and finite: current value is -1");
  refused([Infinity, 1], "weights must be ≥ 0 and finite: current value is Infinity");
  refused([1, NaN], "weights must be ≥ 0 and finite: current value is NaN");
});

Deno.test("reduce() refuses the mean of an empty completion and a reduction that does not exist", () => {
  const x = tensor([2], [1, 2]);
  assertThrows(
    () => reduce(x, Int32Array.of(0, 2, 2), "sequence"),
    RangeError,
    "Cannot take the mean of completion 1 as it has no token",
  );
  assertThrows(
    () => reduce(x, Int32Array.of(0, 2), { sequenceSumOver: 0 }),
    RangeError,
    "Cannot reduce a loss as the reduction must be token, sequence, sequenceSum or { sequenceSumOver: > 0 }: " +
      'current value is {"sequenceSumOver":0}',
  );
  // @ts-expect-error: batch is no reduction
  assertThrows(() => reduce(x, Int32Array.of(0, 2), "batch"), RangeError, 'current value is "batch"');
});
