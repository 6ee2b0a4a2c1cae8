import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { batches } from "../../lib/data/batches.ts";
import { key, uniform } from "../../lib/tensor/random.ts";

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

Deno.test("batches() by tokens fills steps up to the budget with rows of similar length, in an order drawn by the key", () => {
  const lengths = uniform(key(4), 200).map((u) => 5 + Math.floor(95 * u * u));
  const all = batches(key(1), 200, { batchSize: 1, batchTokens: 300, lengths, epochs: 2 });
  const [first, second] = [all.slice(0, all.length / 2), all.slice(all.length / 2)];
  for (const pass of [first, second]) assertEquals(sorted(pass), Array.from({ length: 200 }, (_, i) => i));
  const tokens = (rows: Int32Array): number[] => Array.from(rows, (row) => lengths[row] as number);
  const sums = all.map((rows) => tokens(rows).reduce((a, b) => a + b, 0));
  assert(sums.every((sum) => sum <= 300));
  assertEquals(sums.filter((sum) => sum <= 200).length, 2); // what is left over in each pass
  // Steps lie apart in length: none begins within another.
  const ranges = first.map((rows) => [Math.min(...tokens(rows)), Math.max(...tokens(rows))] as const);
  const inOrder = ranges.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
  assert(inOrder.every(([low], i) => i === 0 || low >= (inOrder[i - 1]?.[1] ?? 0)));
  assertNotEquals(ranges, inOrder);
  assertNotEquals(first, second);
});

Deno.test("batches() by tokens without shuffling takes rows as they come, and a long row alone", () => {
  const options = { batchSize: 9, batchTokens: 10, lengths: [4, 4, 4, 30, 1, 9], shuffle: false };
  assertEquals(batches(key(1), 6, options), [[0, 1], [2], [3], [4, 5]].map((b) => Int32Array.from(b)));
  assertThrows(() => batches(key(1), 5, options), TypeError, "tokens of all 5 rows must be known: 6 are");
  assertThrows(() => batches(key(1), 6, { ...options, batchTokens: 0 }), RangeError, "batchTokens must be a positive");
});

Deno.test("batches() refuses no rows and sizes out of range", () => {
  assertThrows(() => batches(key(1), 0, { batchSize: 1 }), RangeError, "at least one row");
  assertThrows(() => batches(key(1), 3, { batchSize: 0 }), RangeError, "positive integer: current value is 0");
  assertThrows(() => batches(key(1), 3, { batchSize: 1, epochs: 0 }), RangeError, "epochs must be > 0");
});
