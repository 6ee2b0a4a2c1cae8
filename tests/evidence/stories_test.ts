/** The evidence of the road with a real small model, and the README's sentence about it. */
import { assert, assertEquals, assertLess } from "@std/assert";
import readme from "../../README.md" with { type: "text" };
import evidence from "./stories.json" with { type: "json" };
import { percent } from "../../mod.ts";
import { over } from "./over_runs.ts";
import { isHappy } from "./stories.ts";

const { rows } = evidence;

Deno.test("stories260K is happy in more of its stories after DPO, in every seed outside the intervals", () => {
  assertEquals(rows.map(({ seed }) => seed), [0, 1, 2]);
  for (const { before, after, accuracy } of rows) {
    assertEquals([before.n, after.n], [600, 600]);
    assertLess(before.high, after.low);
    assertLess(0.5, accuracy.estimate);
  }
});

Deno.test("in chat.ts too the exported model is happier than the one it began as, over all seeds", () => {
  const total = (side: "before" | "after"): number =>
    rows.reduce((sum, { chat }) => sum + chat[side].estimate * chat[side].n, 0);
  assertEquals(rows.map(({ chat }) => [chat.before.n, chat.after.n]), rows.map(() => [30, 30]));
  assertLess(2 * total("before"), total("after"));
});

Deno.test("the README says the rates of the evidence", () => {
  const [before, after] = (["before", "after"] as const).map((side) =>
    over(rows, (row) => row[side].estimate, percent)
  );
  const sentence = `from ${before} of its stories to ${after}`;
  assert(readme.replace(/\s+/g, " ").includes(sentence), sentence);
});

Deno.test("the rule knows a happy story by its words", () => {
  assertEquals(["She was so happy.", "They laughed a lot.", "It was FUN!", "He smiled"].map(isHappy), [
    true,
    true,
    true,
    true,
  ]);
  assertEquals(["She was sad.", "The unhappy cat ran.", "a funny hat", ""].map(isHappy), [false, false, false, false]);
});
