import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { fitWordStrengths, type TextPair, wordStrength } from "../../lib/ranking/word_strengths.ts";
import { fold, integer, key, uniform } from "../../lib/tensor/random.ts";

Deno.test("fitWordStrengths() of one word that wins m of n comparisons solves the ridge equation", () => {
  // Three of four against nothing: Σ (σ(w) − y) + w = 0, so 4σ(w) − 3 + w = 0.
  const pairs = [["a", ""], ["a", ""], ["a", ""], ["", "a"]].map(([chosen = "", rejected = ""]) => ({
    chosen,
    rejected,
  }));
  const w = fitWordStrengths(pairs).get("a") as number;
  assertAlmostEquals(4 / (1 + Math.exp(-w)) - 3 + w, 0, 1e-9);
});

const VOCABULARY = Array.from({ length: 30 }, (_, i) => `word${i}`);
const truth = (word: string): number => Number(word.slice(4)) / 10 - 1.5;

/** A text of six words, and pairs labelled by true strengths. */
const text = (at: number): string =>
  Array.from({ length: 6 }, (_, i) => VOCABULARY[integer(fold(fold(key(1), at), i), VOCABULARY.length)]).join(" ");
const pairs = Array.from({ length: 4000 }, (_, i): TextPair => {
  const [a, b] = [text(2 * i), text(2 * i + 1)];
  const strength = (of: string): number => [...new Set(of.split(" "))].reduce((sum, word) => sum + truth(word), 0);
  const aWins = (uniform(fold(key(2), i), 1)[0] as number) < 1 / (1 + Math.exp(strength(b) - strength(a)));
  return aWins ? { chosen: a, rejected: b } : { chosen: b, rejected: a };
});

Deno.test("fitWordStrengths() ends where the gradient of the penalised likelihood is 0", () => {
  for (const ridge of [0.1, 1, 100]) {
    const w = fitWordStrengths(pairs, { ridge });
    const gradient = new Map([...w].map(([word, x]) => [word, ridge * x]));
    for (const { chosen, rejected } of pairs) {
      const residual = 1 / (1 + Math.exp(wordStrength(w, rejected) - wordStrength(w, chosen))) - 1;
      for (const [side, sign] of [[chosen, 1], [rejected, -1]] as const) {
        for (const word of new Set(side.split(" "))) {
          gradient.set(word, (gradient.get(word) ?? 0) + sign * residual);
        }
      }
    }
    for (const [word, g] of gradient) assertLess(Math.abs(g), 1e-3, word);
  }
});

Deno.test("fitWordStrengths() finds the strengths that labels were drawn from", () => {
  const w = fitWordStrengths(pairs);
  const errors = VOCABULARY.map((word) => (w.get(word) as number) - truth(word));
  const shift = errors.reduce((a, b) => a + b, 0) / errors.length; // texts are of nearly equal length
  for (const error of errors) assertLess(Math.abs(error - shift), 0.3);
});

Deno.test("fitWordStrengths() turned round has the opposite strengths, and of soft labels ½ none", () => {
  const turned = fitWordStrengths(pairs.map(({ chosen, rejected }) => ({ chosen: rejected, rejected: chosen })));
  for (const [word, x] of fitWordStrengths(pairs)) assertAlmostEquals(turned.get(word) as number, -x, 1e-6);
  for (const x of fitWordStrengths(pairs.map((pair) => ({ ...pair, label: 0.5 }))).values()) {
    assertAlmostEquals(x, 0, 1e-12);
  }
});

Deno.test("wordStrength() knows words, not their number, case or order, and gives an unknown one 0", () => {
  const w = new Map([["yes", 1], ["no", -2]]);
  assertEquals(wordStrength(w, "Yes! yes, maybe NO."), -1);
  assertEquals(wordStrength(w, ""), 0);
});

Deno.test("fitWordStrengths() has no part for words that no pair tells apart, and stays finite where all is separated", () => {
  const w = fitWordStrengths([{ chosen: "the good", rejected: "the bad" }]);
  assertEquals([...w.keys()], ["good", "bad"]);
  assert([...w.values()].every(Number.isFinite));
});

Deno.test("fitWordStrengths() refuses no pair and no ridge", () => {
  assertThrows(() => fitWordStrengths([]), RangeError, "Cannot fit word strengths as there must be at least one pair");
  assertThrows(() => fitWordStrengths(pairs, { ridge: 0 }), RangeError, "ridge must be > 0: current value is 0");
});
