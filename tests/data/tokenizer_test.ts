import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../lib/data/tokenizer.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { anyString, CORPUS, SPECIAL } from "./texts.ts";

const tokenizer = trainTokenizer(CORPUS, { vocabSize: 400, specialTokens: SPECIAL });
const spell = (text: string): readonly string[] =>
  Array.from(encode(tokenizer, text), (id) => tokenizer.vocab[id] ?? "");

Deno.test("decode(encode(x)) is x for any string, a lone surrogate read as U+FFFD", () => {
  fc.assert(
    fc.property(anyString, (text) => assertEquals(decode(tokenizer, encode(tokenizer, text)), text.toWellFormed())),
    { numRuns: 500 },
  );
  assertEquals(decode(tokenizer, encode(tokenizer, "a\ud800b")), "a\ufffdb");
  assertEquals(decode(tokenizer, encode(tokenizer, "\ufeffstart")), "\ufeffstart");
});

Deno.test("encode() applies the merge learned first, and the leftmost of equals", () => {
  const id = (byte: string): number => byte.charCodeAt(0);
  const learned = {
    vocab: [...tokenizer.vocab.slice(0, 256), "bc", "ab", "aa"],
    merges: [[id("b"), id("c")], [id("a"), id("b")], [id("a"), id("a")]] as const,
    specialTokens: {},
  };
  assertEquals([...encode(learned, "abc")], [id("a"), 256]);
  assertEquals([...encode(learned, "abab")], [257, 257]);
  assertEquals([...encode(learned, "aaaaa")], [258, 258, id("a")]);
});

Deno.test("encode() gives one id per byte to text it has never seen a pair of", () => {
  assertEquals([...encode(tokenizer, "§¶")], [0xc2, 0xa7, 0xc2, 0xb6]);
  assertEquals(encode(tokenizer, "").length, 0);
});

Deno.test("encode() gives the same ids at any time and to a copy of the tokenizer", () => {
  const copy = structuredClone(tokenizer);
  fc.assert(fc.property(anyString, (text) => {
    const once = encode(tokenizer, text);
    assertEquals(encode(tokenizer, text), once);
    assertEquals(encode(copy, text), once);
  }));
});

Deno.test("encode() of words apart is the encoding of the text", () => {
  assertEquals(spell("the cat's 42 tails!\n\n  ok"), [
    ...["the", " cat", "'s", " 42", " tails", "!", "\n\n ", " ok"].flatMap(spell),
  ]);
});

Deno.test("text that spells a special token never becomes one", () => {
  const special = Object.values(tokenizer.specialTokens);
  const about = fc.array(fc.oneof(anyString, fc.constantFrom(...SPECIAL, "<|", "|>"))).map((parts) => parts.join(""));
  fc.assert(fc.property(about, (text) => {
    const ids = encode(tokenizer, text);
    assertEquals(special.some((id) => ids.includes(id)), false);
    assertEquals(decode(tokenizer, ids), text.toWellFormed());
  }));
});

Deno.test("encode() takes a word of 200,000 letters in well under quadratic time", () => {
  const word = "lower".repeat(40_000);
  assertEquals(decode(tokenizer, encode(tokenizer, word)), word);
});

Deno.test("decode() writes special tokens by name or leaves them out, and ends a half character at one", () => {
  const end = tokenizer.specialTokens["<|end|>"] as number;
  const [first = 0, second = 0] = encode(tokenizer, "§");
  assertEquals(decode(tokenizer, [72, 105, end]), "Hi<|end|>");
  assertEquals(decode(tokenizer, [72, 105, end], { skipSpecialTokens: true }), "Hi");
  assertEquals(decode(tokenizer, [first]), "\ufffd");
  assertEquals(decode(tokenizer, [first, end, second]), "\ufffd<|end|>\ufffd");
  assertEquals(decode(tokenizer, [first, end, second], { skipSpecialTokens: true }), "§");
});

Deno.test("decode() refuses an id outside the vocabulary", () => {
  const last = tokenizer.vocab.length - 1;
  assertThrows(
    () => decode(tokenizer, [last + 1]),
    RangeError,
    `Cannot decode as an id must be one of 0 to ${last}: current value is ${last + 1}`,
  );
});
