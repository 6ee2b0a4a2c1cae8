import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { bestOfN, bestOfNKlBound, bestOfNKlEstimate, bestOfNWinRate } from "../../lib/rl/best_of_n.ts";
import { passAtK } from "../../lib/rl/pass_at_k.ts";
import { assertNear, oracle } from "../oracles.ts";

Deno.test("bestOfNKlBound() and bestOfNWinRate() have the numbers of bon_kl_bound_*", () => {
  for (const n of [1, 4, 16, 64, 512]) {
    const { expected } = oracle<unknown, { kl_bound: number; win_rate_vs_base_no_ties: number }>(`bon_kl_bound_${n}`);
    assertNear(bestOfNKlBound(n), expected.kl_bound, { rtol: 1e-12, atol: 1e-12 });
    assertNear(bestOfNWinRate(n), expected.win_rate_vs_base_no_ties, { rtol: 1e-12, atol: 1e-12 });
  }
});

Deno.test("bestOfN() shares ties among the draws, and its KL is below the bound", () => {
  const { inputs, expected } = oracle<
    { probs: number[]; rewards: number[]; n: number },
    { probs: number[]; kl: number; bound: number; expected_reward: number }
  >("bon_exact_ties_2");
  const found = bestOfN(inputs.probs, inputs.rewards, inputs.n);
  assertNear(found.probabilities, expected.probs, { rtol: 1e-12, atol: 1e-12 });
  assertAlmostEquals(found.kl, expected.kl, 1e-12);
  assertAlmostEquals(found.expectedReward, expected.expected_reward, 1e-12);
  assertAlmostEquals(bestOfNKlBound(inputs.n), expected.bound, 1e-12);
  assertLess(found.kl, expected.bound);
});

const weights = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
const rewards = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 8, maxLength: 8 });
const normalised = (x: readonly number[]): number[] => x.map((w) => w / x.reduce((a, b) => a + b));

Deno.test("the best of n is a distribution, of one the base, gains with n, and never exceeds the bound", () => {
  fc.assert(fc.property(weights, rewards, fc.integer({ min: 1, max: 20 }), (x, all, n) => {
    const [p, r] = [normalised(x), all.slice(0, x.length)];
    const [one, best, next] = [1, n, n + 1].map((m) => bestOfN(p, r, m)) as [BestOf, BestOf, BestOf];
    assertNear(one.probabilities, p, { rtol: 1e-12, atol: 1e-12 });
    assertAlmostEquals(best.probabilities.reduce((a, b) => a + b), 1, 1e-12);
    assertLess(best.expectedReward, next.expectedReward + 1e-12);
    assertLess(best.kl, bestOfNKlBound(n) + 1e-12);
  }));
});

type BestOf = ReturnType<typeof bestOfN>;

Deno.test("bestOfNKlEstimate() has its limits, and over even outcomes is nearer to the exact KL than the bound", () => {
  assertEquals(bestOfNKlEstimate(0, 16), 0);
  assertAlmostEquals(bestOfNKlEstimate(-60, 16), bestOfNKlBound(16), 1e-12);
  assertAlmostEquals(bestOfNKlEstimate(-1e4, 16), bestOfNKlBound(16), 1e-12);
  for (const [outcomes, n] of [[4, 4], [10, 16], [100, 16], [20, 64]] as const) {
    const even = Array<number>(outcomes).fill(1 / outcomes);
    const { kl } = bestOfN(even, even.map((_, y) => y), n);
    const error = Math.abs(bestOfNKlEstimate(-Math.log(outcomes), n) - kl);
    assertLess(error, 0.9 * (bestOfNKlBound(n) - kl), `${outcomes} outcomes, n = ${n}`);
  }
  const { kl } = bestOfN(Array(20).fill(1 / 20), Array.from({ length: 20 }, (_, y) => y), 64);
  assertLess(Math.abs(bestOfNKlEstimate(-Math.log(20), 64) - kl), 0.015);
  assertLess(0.3, bestOfNKlBound(64) - kl);
});

Deno.test("bestOfN() and its figures refuse what makes no sense", () => {
  const sentence = "Cannot take the best of n as n must be a whole number ≥ 1: current value is 0";
  for (const f of [bestOfNKlBound, bestOfNWinRate]) assertThrows(() => f(0), RangeError, sentence);
  assertThrows(() => bestOfN([1], [0], 1.5), RangeError, "current value is 1.5");
  assertThrows(
    () => bestOfN([0.5, 0.4], [0, 1], 2),
    RangeError,
    "Cannot compute bestOfN as the probabilities must be ≥ 0 and sum to 1: their sum is 0.9",
  );
  assertThrows(() => bestOfN([1], [0, 1], 2), RangeError, "Cannot read rewards as it must have 1 entries: it has 2");
  assertThrows(
    () => bestOfNKlEstimate(0.1, 2),
    RangeError,
    "Cannot estimate KL of the best of n as logp must be ≤ 0: current value is 0.1",
  );
});

Deno.test("passAtK() has the number of the oracle, and is the share of draws that hold a success", () => {
  const { inputs, expected } = oracle<{ n: number; c: number; k: number }, { value: number }>("pass_at_k");
  assertNear(passAtK({ attempts: inputs.n, correct: inputs.c }, inputs.k), expected.value, { rtol: 1e-12, atol: 0 });
  assertAlmostEquals(passAtK({ attempts: 7, correct: 2 }, 1), 2 / 7, 1e-15);
  assertEquals([passAtK({ attempts: 7, correct: 0 }, 7), passAtK({ attempts: 7, correct: 5 }, 3)], [0, 1]);
  assertAlmostEquals(passAtK({ attempts: 5, correct: 2 }, 2), 1 - 3 / 10, 1e-15); // 3 of 10 pairs hold none
});

Deno.test("passAtK() refuses more draws than attempts", () => {
  assertThrows(
    () => passAtK({ attempts: 4, correct: 2 }, 5),
    RangeError,
    "Cannot compute passAtK as 0 ≤ correct ≤ attempts and 1 ≤ k ≤ attempts must be whole numbers: " +
      "correct is 2, attempts 4, k 5",
  );
});
