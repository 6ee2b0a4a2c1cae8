import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { distinctN, distinctShare } from "../../lib/evaluation/diversity.ts";

Deno.test("distinctShare() counts completions once each, as text or as ids", () => {
  assertEquals(distinctShare(["yes", "no", "yes", "yes"]), 0.5);
  assertEquals(distinctShare([Int32Array.of(1, 2), [1, 2], Int32Array.of(12), [1]]), 0.75); // 1,2 is not 12
  assertEquals(distinctShare(["", "", ""]), 1 / 3);
  assertEquals(distinctShare([]), NaN);
});

Deno.test("distinctN() counts n-grams of all completions together, and none across two of them", () => {
  assertEquals(distinctN([[1, 2, 1, 2], [1, 2]], 1), 2 / 6);
  assertEquals(distinctN([[1, 2, 1, 2], [1, 2]], 2), 2 / 4);
  assertEquals(distinctN([[1, 2, 1, 2], Int32Array.of(1, 2)], 3), 1);
  assertEquals(distinctN([[1], []], 2), NaN);
  assertThrows(
    () => distinctN([[1]], 0),
    RangeError,
    "Cannot compute distinctN as n must be a whole number ≥ 1: current value is 0",
  );
});

const completions = fc.array(fc.array(fc.nat(5), { maxLength: 6 }), { minLength: 1, maxLength: 12 });

Deno.test("diversity does not depend on order, and halves when everything is said twice", () => {
  fc.assert(fc.property(completions, (all) => {
    for (const f of [distinctShare, (x: typeof all) => distinctN(x, 2)]) {
      assertEquals(f(all.toReversed()), f(all));
      assertEquals(f([...all, ...all]), f(all) / 2);
    }
  }));
});
