import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { pairIndex } from "../../lib/ranking/pair_index.ts";

Deno.test("triples are numbered as a map of their texts would number them, those kept apart anew each time", () => {
  const triple = fc.tuple(fc.nat(40), fc.nat(40), fc.nat(5), fc.boolean());
  fc.assert(
    fc.property(fc.array(triple, { maxLength: 9000, size: "max" }), (rows) => {
      const index = pairIndex(), known = new Map<string, number>();
      let count = 0;
      for (const [i, j, kind, apart] of rows) {
        const name = `${i} ${j} ${kind}`, want = apart ? count : known.get(name) ?? count;
        if (want === count) count++;
        if (!apart) known.set(name, want);
        assertEquals(index.slotOf(i, j, kind, apart), want);
        assertEquals([...index.triples().subarray(3 * want, 3 * want + 3)], [i, j, kind]);
      }
      assertEquals(index.size(), count);
    }),
    { numRuns: 8 },
  );
});
