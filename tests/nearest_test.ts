import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { editDistance, nearest } from "../lib/nearest.ts";

Deno.test("editDistance() counts insertions, deletions, replacements and swaps", () => {
  assertEquals(editDistance("kitten", "sitting"), 3);
  assertEquals(editDistance("lable", "label"), 1);
  assertEquals(editDistance("ca", "abc"), 3); // no letter is edited twice
  assertEquals(editDistance("", "prompt"), 6);
  assertEquals(editDistance("same", "same"), 0);
});

Deno.test("nearest() finds slips and leaves other words alone", () => {
  const names = ["id", "prompt", "chosen", "rejected", "margin", "label", "weight"];
  assertEquals(["promt", "Prompt", "choosen", "reject", "lable", "weigth"].map((name) => nearest(name, names)), [
    ...["prompt", "prompt", "chosen", "rejected", "label", "weight"],
  ]);
  assertEquals(["idx", "source", "prompt_id", "score_chosen", "messages", ""].map((name) => nearest(name, names)), [
    ...Array(6).fill(undefined),
  ]);
});

Deno.test("nearest() finds the closest name within a third of its letters, for any name", () => {
  const name = fc.string({ unit: fc.constantFrom(..."promtchsenPRO_éĠ"), maxLength: 9 });
  fc.assert(
    fc.property(name, fc.array(name, { maxLength: 5 }), (one, names) => {
      const apart = (other: string): number => editDistance(one.toLowerCase(), other.toLowerCase());
      const close = names.filter((other) => apart(other) <= Math.floor(other.length / 3));
      assertEquals(nearest(one, names), close.toSorted((a, b) => apart(a) - apart(b))[0]);
    }),
    { numRuns: 1000 },
  );
});
