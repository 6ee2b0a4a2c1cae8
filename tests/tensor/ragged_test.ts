import { assertEquals, assertThrows } from "@std/assert";
import { completionTokens, pack } from "../../lib/tensor/ragged.ts";

const ids = (...list: number[]): Int32Array => Int32Array.from(list);

Deno.test("pack() lays a prompt before its completions, whose positions count on from it", () => {
  const batch = pack([
    { prompt: ids(7, 8), completions: [ids(1), ids(2, 3)] },
    { prompt: ids(9), completions: [ids(4, 5)] },
  ]);
  assertEquals(batch.ids, ids(7, 8, 1, 2, 3, 9, 4, 5));
  assertEquals(batch.positions, ids(0, 1, 2, 2, 3, 0, 1, 2));
  assertEquals(
    batch.segments,
    ids(...[
      [0, 2, 0, 0, 0, 0],
      [2, 3, 0, 2, 2, 0],
      [3, 5, 0, 2, 3, 0],
      [5, 6, 5, 5, 5, 0],
      [6, 8, 5, 6, 6, 0],
    ].flat()),
  );
  assertEquals(batch.offsets, ids(0, 1, 3, 5));
  assertEquals(completionTokens(batch), ids(2, 3, 4, 6, 7));
});

Deno.test("pack() refuses empty prompts and completions by row", () => {
  assertThrows(
    () => pack([{ prompt: ids(1), completions: [ids(1)] }, { prompt: ids(), completions: [] }]),
    RangeError,
    "example 1",
  );
  assertThrows(() => pack([{ prompt: ids(1), completions: [ids(1), ids()] }]), RangeError, "at least one token");
});
