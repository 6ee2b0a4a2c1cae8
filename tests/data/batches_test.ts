import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { batches } from "../../lib/data/batches.ts";
import { key } from "../../lib/tensor/random.ts";

const sorted = (list: readonly Int32Array[]): number[] => list.flatMap((b) => [...b]).sort((a, b) => a - b);

Deno.test("batches() uses every row once a pass, each pass in its own order", () => {
  const all = batches(key(1), 10, { batchSize: 4, epochs: 2 });
  assertEquals(all.map((b) => b.length), [4, 4, 2, 4, 4, 2]);
  assertEquals(sorted(all.slice(0, 3)), Array.from({ length: 10 }, (_, i) => i));
  assertEquals(sorted(all.slice(3)), Array.from({ length: 10 }, (_, i) => i));
  assertNotEquals(all.slice(0, 3), all.slice(3));
});

Deno.test("batches() can keep file order, and a part of a pass rounds to whole batches", () => {
  assertEquals(
    batches(key(1), 5, { batchSize: 2, shuffle: false }),
    [[0, 1], [2, 3], [4]].map((b) => Int32Array.from(b)),
  );
  assertEquals(batches(key(1), 100, { batchSize: 10, epochs: 0.5 }).length, 5);
});

Deno.test("batches() makes as many steps as asked for, and begins again from the first row in order", () => {
  const all = batches(key(1), 64, { batchSize: 4, shuffle: false, steps: 20 });
  assertEquals(all.map(([first]) => first), [...Array.from({ length: 16 }, (_, i) => 4 * i), 0, 4, 8, 12]);
  assertEquals(batches(key(1), 64, { batchSize: 4, shuffle: false, epochs: 1.25 }), all);
  assertEquals(
    batches(key(1), 10, { batchSize: 4, epochs: 9, steps: 4 }),
    batches(key(1), 10, { batchSize: 4, epochs: 9 }).slice(0, 4),
  );
  assertThrows(() => batches(key(1), 3, { batchSize: 1, steps: 0 }), RangeError, "steps must be a positive integer");
});

Deno.test("batches() refuses no rows and sizes out of range", () => {
  assertThrows(() => batches(key(1), 0, { batchSize: 1 }), RangeError, "at least one row");
  assertThrows(() => batches(key(1), 3, { batchSize: 0 }), RangeError, "positive integer: current value is 0");
  assertThrows(() => batches(key(1), 3, { batchSize: 1, epochs: 0 }), RangeError, "epochs must be > 0");
});
