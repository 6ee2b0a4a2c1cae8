/** Texts that the tests of the data room share. */
import fc from "fast-check";

/** The project's special tokens. */
export const SPECIAL = ["<|end|>", "<|user|>", "<|assistant|>"] as const;

/** A small corpus with words, numbers, code, several scripts and emoji. */
export const CORPUS: readonly string[] = [
  "The lower the river, the slower the boat; the lowest boats go slowly, and the lowland folk know it.",
  "What is 2 + 2? It is 4. What is 12 + 30? It is 42. We can't say, they're sure, I'll ask, she's here.",
  "for (let i = 0; i < 10; i++) {\n    total += i;\n}\n\n\treturn total;\r\n",
  "Die Brücke über den Fluß ist schön. Où est le café? ¿Dónde está el niño? Ψυχή, душа, душа.",
  "東京の天気は晴れです。東京の天気は雨です。한국어 한국어 नमस्ते नमस्ते",
  "🐢🐢 👩‍👩‍👧 👍🏽 and 🐢 again. cafe\u0301 cafe\u0301 … “quoted” — dashes\u00a0too\u2028line",
];

/** Any string of UTF-16 code units, lone surrogates included, with the characters that tokenizers trip over made likely. */
export const anyString: fc.Arbitrary<string> = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom(...CORPUS.flatMap((text) => text.split(/(?<= )/))),
    fc.constantFrom(
      " ",
      "  ",
      "\n",
      "\r\n",
      "\t",
      "\u0085",
      "\ufeff",
      "\u2028",
      "\u00a0",
      "'s",
      "'LL",
      "0",
      "12",
      "Ġ",
      "Ċ",
    ),
    fc.constantFrom("e\u0301", "👩‍👩‍👧", "🐢", "\ud83d", "\udc22", "\u0000", "東京", "__proto__", "constructor", "ſ", "İ"),
  ),
  { maxLength: 30 },
).map((parts) => parts.join(""));
