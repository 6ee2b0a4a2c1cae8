import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { explainedVariance } from "../../lib/rl/explained_variance.ts";
import { oracle } from "../oracles.ts";

Deno.test("explainedVariance() has the number of the oracle", () => {
  const { inputs, expected } = oracle<Record<"returns" | "values", number[]>, { explained_variance: number }>(
    "explained_variance",
  );
  assertAlmostEquals(explainedVariance(inputs.returns, inputs.values) as number, expected.explained_variance, 1e-12);
});

Deno.test("explainedVariance() is 1 for a perfect critic or one off by a constant, 0 for a constant, −3 for the opposite", () => {
  const returns = [1, 4, -2];
  assertEquals(explainedVariance(returns, returns), 1);
  assertEquals(explainedVariance(returns, returns.map((r) => r + 7)), 1);
  assertEquals(explainedVariance(returns, [5, 5, 5]), 0);
  assertEquals(explainedVariance(returns, returns.map((r) => -r)), -3);
});

Deno.test("explainedVariance() of equal returns is undefined, not NaN; lengths must agree", () => {
  assertEquals(explainedVariance([2, 2], [1, 3]), undefined);
  assertEquals(explainedVariance([], []), undefined);
  assertThrows(
    () => explainedVariance([1, 2], [1]),
    RangeError,
    "Cannot read values as it must have 2 entries: it has 1",
  );
});
