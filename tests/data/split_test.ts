import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { splitByPrompt } from "../../lib/data/split.ts";
import { key } from "../../lib/tensor/random.ts";

const rows = Array.from({ length: 400 }, (_, i) => ({ prompt: `question ${i % 100}`, i }));
const promptsOf = (part: readonly { readonly prompt: string }[]): ReadonlySet<string> =>
  new Set(part.map((r) => r.prompt));

Deno.test("splitByPrompt() puts no prompt on both sides and every row on one", () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, fraction) => {
      const { train, heldOut } = splitByPrompt(key(seed), rows, fraction);
      assertEquals(promptsOf(train).isDisjointFrom(promptsOf(heldOut)), true);
      assertEquals([...train, ...heldOut].map(({ i }) => i).sort((a, b) => a - b), rows.map(({ i }) => i));
    }),
    { numRuns: 50 },
  );
});

Deno.test("splitByPrompt() holds out the fraction of the prompts, never all or none of several", () => {
  const held = (fraction: number, some = rows): number => promptsOf(splitByPrompt(key(0), some, fraction).heldOut).size;
  assertEquals([0, 0.001, 0.2, 0.5, 0.999, 1].map((fraction) => held(fraction)), [0, 1, 20, 50, 99, 100]);
  assertEquals(held(0.2, rows.slice(0, 1)), 0);
});

Deno.test("splitByPrompt() depends on key and prompts, not on the rows' order", () => {
  const held = (seed: number, some: typeof rows): ReadonlySet<string> =>
    promptsOf(splitByPrompt(key(seed), some, 0.2).heldOut);
  assertEquals(held(3, rows), held(3, rows.toReversed()));
  assertEquals(held(3, rows).isSubsetOf(held(4, rows)), false);
});

Deno.test("splitByPrompt() takes a string and the same single user message for one prompt", () => {
  const texts = ["a", "b", "c", "d"];
  const both = texts.flatMap((prompt) => [{ prompt }, { prompt: [{ role: "user" as const, content: prompt }] }]);
  const { train, heldOut } = splitByPrompt(key(1), both, 0.5);
  assertEquals([train.length, heldOut.length], [4, 4]);
  assertEquals(heldOut.filter(({ prompt }) => typeof prompt === "string").length, 2);
});

Deno.test("splitByPrompt() refuses a fraction that is none", () => {
  for (const fraction of [-0.1, 1.1, NaN]) {
    assertThrows(
      () => splitByPrompt(key(0), rows, fraction),
      RangeError,
      `Cannot split by prompt as fraction must be from 0 to 1: current value is ${fraction}`,
    );
  }
});
