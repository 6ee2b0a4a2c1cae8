import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Tokenizer as HuggingFace } from "@huggingface/tokenizers";
import { decode, encode } from "../../lib/data/tokenizer.ts";
import { tokenizerFromJson } from "../../lib/data/tokenizer_from_json.ts";
import { tokenizerJson } from "../../lib/data/tokenizer_json.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { left, right } from "../../lib/result.ts";
import { anyString, CORPUS, SPECIAL } from "./texts.ts";

const tokenizer = trainTokenizer(CORPUS, { vocabSize: 400, specialTokens: SPECIAL });
const json = JSON.parse(JSON.stringify(tokenizerJson(tokenizer)));
const theirs = new HuggingFace(json, { clean_up_tokenization_spaces: false });

Deno.test("Hugging Face's tokenizer loads tokenizerJson() and gives the same ids on any text without a special token", () => {
  const texts = anyString.filter((text) => !SPECIAL.some((name) => text.includes(name)));
  fc.assert(
    fc.property(texts, (text) => {
      const ids = encode(tokenizer, text);
      assertEquals(theirs.encode(text).ids, [...ids]);
      if (ids.length > 0) assertEquals(theirs.decode([...ids]), decode(tokenizer, ids));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("Hugging Face's tokenizer decodes any ids to the same text", () => {
  const ids = fc.array(fc.integer({ min: 0, max: tokenizer.vocab.length - 1 }), { minLength: 1 });
  fc.assert(fc.property(ids, (some) => {
    assertEquals(theirs.decode(some), decode(tokenizer, some));
    assertEquals(
      theirs.decode(some, { skip_special_tokens: true }),
      decode(tokenizer, some, { skipSpecialTokens: true }),
    );
  }));
});

Deno.test("Hugging Face's tokenizer reads a spelled special token as special where encode() does not", () => {
  assertEquals(theirs.encode("<|end|>").ids, [tokenizer.specialTokens["<|end|>"]]);
  assertEquals(decode(tokenizer, encode(tokenizer, "<|end|>")), "<|end|>");
  assertEquals(encode(tokenizer, "<|end|>").length > 1, true);
});

Deno.test("tokenizerFromJson() of tokenizerJson() is the tokenizer", () => {
  assertEquals(tokenizerFromJson(json), right(tokenizer));
  const pairs = { ...json.model, merges: json.model.merges.map((merge: string) => merge.split(" ")) };
  assertEquals(tokenizerFromJson({ ...json, model: pairs }), right(tokenizer));
});

Deno.test("tokenizerFromJson() reads back tokens that are names of object properties", () => {
  const texts = ["constructor toString", "constructor toString"];
  const named = trainTokenizer(texts, { vocabSize: 300, specialTokens: ["<|constructor|>"] });
  assertEquals(named.vocab.includes("constructor"), true);
  assertEquals(tokenizerFromJson(JSON.parse(JSON.stringify(tokenizerJson(named)))), right(named));
});

Deno.test("tokenizerFromJson() names everything that would change the ids, all at once", () => {
  const odd = {
    ...json,
    normalizer: { type: "NFC" },
    pre_tokenizer: { ...json.pre_tokenizer, add_prefix_space: true },
    model: { ...json.model, ignore_merges: true, merges: ["a", "Ġ Ġ Ġ"] },
  };
  assertEquals(
    tokenizerFromJson(odd),
    left({
      kind: "input",
      sentences: [
        'Cannot read tokenizer.json as a merge must be two tokens: current value is "a"',
        'Cannot read tokenizer.json as a merge must be two tokens: current value is "Ġ Ġ Ġ"',
        "Cannot read tokenizer.json as pre_tokenizer must be ByteLevel with its regular expression and no prefix space: " +
        'current value is {"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":tr…',
        'Cannot read tokenizer.json as normalizer must be null: current value is {"type":"NFC"}',
        "Cannot read tokenizer.json as model.ignore_merges must be off: current value is true",
      ],
    }),
  );
});

Deno.test("tokenizerFromJson() refuses gaps, missing bytes and merges outside the vocabulary", () => {
  const { "\u0100": _, ...vocab } = json.model.vocab;
  const result = tokenizerFromJson({ ...json, model: { ...json.model, vocab, merges: ["a bb"] } });
  assertEquals(
    result,
    left({
      kind: "input",
      sentences: [
        "Cannot read tokenizer.json as ids must be 0, 1, 2, … and 0 be next: current value is 1",
        "Cannot read tokenizer.json as model.vocab must hold all 256 bytes: current value is 255",
        'Cannot read tokenizer.json as a merge and what it makes must be in model.vocab: current value is "a bb"',
      ],
    }),
  );
});

Deno.test("tokenizerFromJson() answers any JSON with a result", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assertEquals(tokenizerFromJson(value)._tag, "Left")));
});

const reference = new URL("../../../shared/reference/templates/tokenizers/gpt2-byte-bpe/", import.meta.url);
const readable = (await Deno.permissions.query({ name: "read", path: reference })).state === "granted";
const there = readable && await Deno.stat(reference).then(() => true, () => false);

Deno.test({
  name: "tokenizerFromJson() gives the ids recorded from the tokenizers library for a GPT-2 kind file",
  ignore: !there,
  fn: async () => {
    const { cases } = JSON.parse(await Deno.readTextFile(new URL("cases.json", reference)));
    for (const file of ["tokenizer.json", "tokenizer.legacy-merges.json"]) {
      const read = tokenizerFromJson(JSON.parse(await Deno.readTextFile(new URL(file, reference))));
      if (read._tag === "Left") throw new Error(read.left.sentences.join("\n"));
      for (const { text, ids, decoded } of cases) {
        if (text.includes("<|endoftext|>")) continue; // encode() never reads text as a special token
        assertEquals([...encode(read.right, text)], ids);
        if (ids.length > 0) assertEquals(decode(read.right, ids), decoded);
      }
    }
  },
});
