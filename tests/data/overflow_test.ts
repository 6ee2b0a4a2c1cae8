import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as E from "@fp-ts/core/Either";
import { fitPair, fitPairs, type Overflow, OVERFLOWS } from "../../lib/data/overflow.ts";
import type { Issue } from "../../lib/data/issue.ts";
import type { TokenPair } from "../../lib/data/token_pair.ts";
import { inputFailure, left, type Result, right } from "../../lib/result.ts";

const END = 99;
/** Prompt 1, 2, …; chosen 21, 22, …; rejected 41, 42, …; both end with the end token. */
function pairOf(prompt: number, chosen: number, rejected: number, id = "7"): TokenPair {
  const count = (from: number, n: number): number[] => Array.from({ length: n }, (_, i) => from + i);
  const completion = (from: number, n: number): Int32Array => Int32Array.from([...count(from, n - 1), END]);
  return {
    id,
    prompt: Int32Array.from(count(1, prompt)),
    chosen: completion(21, chosen),
    rejected: completion(41, rejected),
  };
}
const refused = (reason: Issue["reason"], sentence: string): Result<Issue, never> =>
  left({ reason, id: "7", sentence });
const report = { rows: 1, kept: 1, dropped: [], truncated: [], unread: [] };

Deno.test("data_truncation_keeps_eos: keepStart of 6 + 6 tokens in 8 keeps 6 + 2, loses the end token and says so", () => {
  const pair = pairOf(6, 6, 6);
  const fitted = E.getOrThrow(fitPair(pair, 8, "keepStart"));
  assertEquals(fitted.cut, "completionEnd");
  assertEquals([fitted.pair.prompt.length, fitted.pair.chosen.length, fitted.pair.rejected.length], [6, 2, 2]);
  assertEquals(fitted.pair.chosen.includes(END), false);
  const loaded = E.getOrThrow(fitPairs({ data: [pair], report }, 8, "keepStart"));
  assertEquals(loaded.report.truncated, [{ reason: "completionEnd", ids: ["7"] }]);
});

Deno.test("data_truncation_keeps_eos: a prompt that fills the context is named, not silently without a completion", () => {
  const named = refused(
    "noCompletion",
    "Cannot use row 7 as a prompt must leave room for a completion token: it has 8 tokens, the context 8",
  );
  for (const overflow of ["error", "drop", "keepStart"] as const) {
    assertEquals(fitPair(pairOf(8, 2, 3), 8, overflow), named);
  }
});

Deno.test("fitPair() leaves alone what fits, and keeps what goes with the pair", () => {
  const pair = { ...pairOf(3, 5, 4), label: 0.9 };
  for (const overflow of OVERFLOWS) assertEquals(fitPair(pair, 8, overflow), right({ pair }));
  assertEquals(E.getOrThrow(fitPair(pair, 7, "keepEnd")).pair.label, 0.9);
});

Deno.test("fitPair() keepEnd cuts the shared prompt once, by what the longer completion needs", () => {
  const { pair, cut } = E.getOrThrow(fitPair(pairOf(6, 5, 3), 8, "keepEnd"));
  assertEquals([[...pair.prompt], pair.chosen.length, pair.rejected.length, cut], [[4, 5, 6], 5, 3, "promptStart"]);
  assertEquals(pair.chosen.at(-1), END);
  assertEquals(
    fitPair(pairOf(6, 8, 3), 8, "keepEnd"),
    refused("noPrompt", "Cannot use row 7 as a completion must leave room for a prompt token: it has 8 of 8 tokens"),
  );
});

Deno.test("fitPair() names the pair that is too long, and one whose replies differ only beyond the cut", () => {
  const sentence = "Cannot use row 7 as prompt and completion must fit a context of 8 tokens: they have 6 + 3";
  assertEquals(fitPair(pairOf(6, 3, 2), 8, "drop"), refused("overlong", sentence));
  const alike = { ...pairOf(6, 4, 4), rejected: Int32Array.from([21, 22, 60, END]) };
  assertEquals(
    fitPair(alike, 8, "keepStart"),
    refused(
      "identicalWhenCut",
      "Cannot use row 7 as chosen and rejected must differ within 8 tokens: their first 2 are equal",
    ),
  );
  assertEquals(E.isRight(fitPair(alike, 9, "keepStart")), true);
});

Deno.test("fitPair() gives what fits, with a prompt token and a completion token, and only cuts at its end", () => {
  const size = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(
      size,
      size,
      size,
      fc.integer({ min: 2, max: 16 }),
      fc.constantFrom(...OVERFLOWS),
      (p, c, r, limit, overflow) => {
        const pair = pairOf(p, c, r);
        const result = fitPair(pair, limit, overflow);
        if (E.isLeft(result)) return;
        const { prompt, chosen, rejected } = result.right.pair;
        assertEquals(prompt.length + Math.max(chosen.length, rejected.length) <= limit, true);
        assertEquals(Math.min(prompt.length, chosen.length, rejected.length) >= 1, true);
        assertEquals(prompt, pair.prompt.slice(p - prompt.length));
        assertEquals([chosen, rejected], [
          pair.chosen.slice(0, chosen.length),
          pair.rejected.slice(0, rejected.length),
        ]);
        if (result.right.cut !== "completionEnd") assertEquals([chosen.at(-1), rejected.at(-1)], [END, END]);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("fitPairs() drops by default up to one row in twenty, counting those dropped before", () => {
  const data = [...Array.from({ length: 38 }, (_, i) => pairOf(2, 2, 2, String(i))), pairOf(9, 2, 2, "38")];
  const before = { ...report, rows: 40, kept: 39, dropped: [{ reason: "identical" as const, ids: ["39"] }] };
  const fitted = E.getOrThrow(fitPairs({ data, report: before }, 8));
  assertEquals(fitted.data.length, 38);
  assertEquals(fitted.report, {
    ...before,
    kept: 38,
    dropped: [...before.dropped, { reason: "noCompletion", ids: ["38"] }],
  });
  assertEquals(
    fitPairs({ data, report: { ...before, rows: 39, dropped: before.dropped } }, 8),
    inputFailure(
      "Cannot fit pairs into 8 tokens as at most 5 % of the rows may be dropped: 2 of 39 would be. " +
        "Choose what to do: overflow drop, keepStart, keepEnd",
      "Cannot use row 38 as a prompt must leave room for a completion token: it has 9 tokens, the context 8",
    ),
  );
  assertEquals(E.isRight(fitPairs({ data, report: { ...before, rows: 39 } }, 8, "drop")), true);
});

Deno.test("fitPairs() stops at any pair too long when told to, and when none is left", () => {
  const data = [pairOf(2, 2, 2, "0"), pairOf(4, 5, 2, "1")];
  const too = "Cannot use row 1 as prompt and completion must fit a context of 8 tokens: they have 4 + 5";
  const two = { ...report, rows: 2, kept: 2 };
  assertEquals(
    fitPairs({ data, report: two }, 8, "error"),
    inputFailure('Cannot fit pairs as with overflow "error" all must fit a context of 8 tokens: 1 do not', too),
  );
  const only = fitPairs({ data: data.slice(1), report }, 8, "drop" satisfies Overflow);
  assertEquals(E.isLeft(only) && only.left.sentences[1], too);
});

Deno.test("fitPairs() refuses a context without room for a prompt and a completion token", () => {
  for (const limit of [1, 0, 2.5, NaN]) {
    assertThrows(
      () => fitPairs({ data: [], report }, limit),
      RangeError,
      `Cannot fit pairs as limit must be an integer of at least 2: current value is ${limit}`,
    );
  }
});
