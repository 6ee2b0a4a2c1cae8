import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Message, Prompt } from "../../lib/data/chat.ts";
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

Deno.test("splitByPrompt() keeps a prompt on one side in whatever blanks, letters and form it comes", () => {
  const words = fc.array(fc.constantFrom("a", "b", "caf\u00e9", "cafe\u0301", "東"), { minLength: 1, maxLength: 3 });
  const blank = fc.constantFrom(" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u2028");
  const text = fc.tuple(words, blank, fc.constantFrom("", " ", "\n")).map(([words, blank, edge]) =>
    edge + words.join(blank) + edge
  );
  const message = (content: string, role: Message["role"] = "user"): Message => ({ role, content });
  const prompt: fc.Arbitrary<Prompt> = fc.oneof(
    text,
    text.map((content): Prompt => [message(content)]),
    fc.tuple(text, text).map((texts): Prompt => [message(texts[0], "system"), message(texts[1])]),
  );
  const nameOf = (prompt: Prompt): string => { // said in other words than the library says it
    const messages = typeof prompt === "string" ? [message(prompt)] : prompt;
    return messages.map(({ role, content }) =>
      [role, ...content.replaceAll("e\u0301", "\u00e9").split(/\s/u).filter((word) => word !== "")].join("|")
    ).join("||");
  };
  const rows = fc.array(prompt.map((prompt) => ({ prompt })), { minLength: 2, maxLength: 30 });
  fc.assert(fc.property(fc.nat(), rows, fc.double({ min: 0, max: 1, noNaN: true }), (seed, rows, fraction) => {
    const { train, heldOut } = splitByPrompt(key(seed), rows, fraction);
    const [left, right] = [train, heldOut].map((side) => new Set(side.map(({ prompt }) => nameOf(prompt))));
    assertEquals(left!.isDisjointFrom(right!), true);
    assertEquals(train.length + heldOut.length, rows.length);
  }));
});
