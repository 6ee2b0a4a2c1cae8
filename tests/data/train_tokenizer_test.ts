import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { words } from "../../lib/data/byte_level.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { anyString, CORPUS, SPECIAL } from "./texts.ts";

/** The definition: count all pairs anew, merge the most frequent one, again and again. */
function trainByDefinition(texts: readonly string[], merges: number): readonly string[] {
  const utf8 = new TextEncoder();
  let corpus = texts.flatMap(words).map((word) => [...utf8.encode(word)]);
  const learned: string[] = [];
  const spelled = new Map<string, number>(Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(byte), byte]));
  const text: string[] = [...spelled.keys()];
  while (learned.length < merges) {
    const counts = new Map<number, number>();
    for (const word of corpus) {
      word.slice(1).forEach((right, i) => {
        const pair = (word[i] as number) * 65536 + right;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      });
    }
    const [best] = [...counts].sort(([p, a], [q, b]) => b - a || p - q);
    if (best === undefined || best[1] < 2) break;
    const [left, right] = [Math.floor(best[0] / 65536), best[0] % 65536];
    const token = `${text[left]}${text[right]}`;
    if (!spelled.has(token)) spelled.set(token, text.push(token) - 1);
    learned.push(`${left} ${right}`);
    corpus = corpus.map((word) => {
      const merged: number[] = [];
      for (let i = 0; i < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) merged.push(spelled.get(token) as number), i++;
        else merged.push(word[i] as number);
      }
      return merged;
    });
  }
  return learned;
}

const pairsOf = (texts: readonly string[], vocabSize: number): readonly string[] =>
  trainTokenizer(texts, { vocabSize }).merges.map((pair) => pair.join(" "));

Deno.test("trainTokenizer() learns the merges of the definition, ties by smaller ids", () => {
  assertEquals(pairsOf(CORPUS, 400), trainByDefinition(CORPUS, 144));
});

Deno.test("trainTokenizer() learns the merges of the definition on any texts, overlaps included", () => {
  const overlaps = fc.string({ unit: fc.constantFrom("a", "b", "ab", "aa", " "), maxLength: 60 });
  fc.assert(
    fc.property(fc.array(fc.oneof(overlaps, anyString), { maxLength: 6 }), (texts) => {
      const learned = pairsOf(texts, 300);
      assertEquals(learned, trainByDefinition(texts, learned.length));
      if (learned.length < 44) assertEquals(trainByDefinition(texts, 44), learned);
    }),
    { numRuns: 200 },
  );
});

Deno.test("trainTokenizer() takes the most frequent pair of a known text", () => {
  const { vocab } = trainTokenizer(["low low low lower lowest"], { vocabSize: 260, specialTokens: ["<|end|>"] });
  assertEquals(vocab.slice(256), ["lo", "low", "Ġlow", "<|end|>"]);
});

Deno.test("trainTokenizer() gives specials the last ids and stops when no pair occurs twice", () => {
  const { vocab, specialTokens } = trainTokenizer(["abab"], { vocabSize: 1000, specialTokens: SPECIAL });
  assertEquals(vocab.slice(256), ["ab", ...SPECIAL]);
  assertEquals(specialTokens, { "<|end|>": 257, "<|user|>": 258, "<|assistant|>": 259 });
});

Deno.test("trainTokenizer() merges rarer pairs when minFrequency says so", () => {
  assertEquals(trainTokenizer(["abc"], { vocabSize: 260, minFrequency: 1 }).vocab.slice(256), ["ab", "abc"]);
  assertEquals(trainTokenizer(["abab"], { vocabSize: 260, minFrequency: 3 }).vocab.length, 256);
});

Deno.test("trainTokenizer() gives the same tokenizer for the same texts", () => {
  const options = { vocabSize: 350, specialTokens: SPECIAL };
  assertEquals(trainTokenizer(CORPUS, options), trainTokenizer([...CORPUS], options));
});

Deno.test("trainTokenizer() refuses a vocabulary too small and special tokens that text could spell", () => {
  assertThrows(
    () => trainTokenizer([], { vocabSize: 258, specialTokens: SPECIAL }),
    RangeError,
    "Cannot train a tokenizer as vocabSize must be at least 259: current value is 258",
  );
  for (const specialTokens of [["end"], ["<|end|>", "<|end|>"], [""]]) {
    assertThrows(
      () => trainTokenizer([], { vocabSize: 300, specialTokens }),
      RangeError,
      "a special token must be distinct and no plain word, such as <|end|>: current value is " +
        JSON.stringify(specialTokens[0]),
    );
  }
});
