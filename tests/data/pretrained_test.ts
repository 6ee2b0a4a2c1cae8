import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { encodePrompt, endIds, endsOf, specialId } from "../../lib/data/chat.ts";
import { type PretrainedTokenizer, reading } from "../../lib/data/pretrained.ts";
import { readTokenizer } from "../../lib/data/read_tokenizer.ts";
import { textStream } from "../../lib/data/text_stream.ts";
import { tokenOffsets } from "../../lib/data/token_offsets.ts";
import { decode, encode, isPretrained, type Tokenizer, vocabSizeOf } from "../../lib/data/tokenizer.ts";
import { tokenizerJson } from "../../lib/data/tokenizer_json.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { CHAT_TOKENS } from "../../lib/data/chat_tokens.ts";
import { contentHash } from "../../lib/flow/content_hash.ts";
import { decodeData, encodeData } from "../../lib/flow/data_bytes.ts";
import { right } from "../../lib/result.ts";
import { fixture, type Kind, tokenizerOf } from "./template/fixture.ts";
import { anyString } from "./texts.ts";

const KINDS = Object.keys(fixture.kinds) as readonly Kind[];

/** The sentences of a refusal. */
function refusal(files: Readonly<Record<string, string>>): string {
  const read = readTokenizer(files);
  return read._tag === "Left" ? read.left.sentences.join("\n") : "accepted";
}

for (const kind of KINDS) {
  const { strings } = fixture.kinds[kind];
  const tokenizer = tokenizerOf(kind);

  Deno.test(`${kind}: ids, tokens, texts, prefixes and offsets are those of tokenizers on 22 strings`, () => {
    for (const { text, ids, tokens, decoded, prefixes, offsets } of strings) {
      assertEquals([text, [...encode(tokenizer, text)]], [text, ids]);
      assertEquals(reading(tokenizer).engine.tokenize(text), tokens);
      assertEquals(decode(tokenizer, ids), decoded);
      assertEquals(prefixes.map((_, i) => decode(tokenizer, ids.slice(0, i + 1))), prefixes);
      if (offsets !== null) {
        assertEquals(tokenOffsets(tokenizer, text), offsets as unknown as readonly [number, number][]);
      }
    }
  });

  Deno.test(`${kind}: a stream gives what decode() gives, and holds back characters that are not complete`, () => {
    for (const { text, ids, decoded } of strings) {
      const stream = textStream(tokenizer);
      const parts = [...ids.map(stream.push), stream.end()];
      assertEquals(parts.join(""), decoded);
      assert(parts.every((part) => !part.includes("\ufffd")), text);
    }
    // Bytes that are no character make all bytes around them U+FFFD in a sentencepiece decoder, those given before too.
    const whole = fc.array(anyString.map((text) => [...encode(tokenizer, text)]), { maxLength: 3 }).map((all) =>
      all.flat()
    );
    const any = fc.array(fc.nat(vocabSizeOf(tokenizer) + 3), { maxLength: 30 });
    fc.assert(fc.property(kind === "sentencepiece" ? whole : any, (ids) => {
      const stream = textStream(tokenizer);
      assertEquals([...ids.map(stream.push), stream.end()].join(""), decode(tokenizer, ids));
    }));
  });
}

Deno.test("byteLevel: text comes back in its normal form; a lone surrogate is U+FFFD; spelled special tokens are special", () => {
  const tokenizer = tokenizerOf("byteLevel");
  fc.assert(fc.property(anyString, (text) => {
    assertEquals(decode(tokenizer, encode(tokenizer, text)), text.toWellFormed().normalize("NFC"));
  }));
  assertEquals(encode(tokenizer, "\ud800"), encode(tokenizer, "\ufffd"));
  assertEquals([...encode(tokenizer, "<|end|>")], [specialId(tokenizer, "<|end|>")]);
  assertEquals(decode(tokenizer, encode(tokenizer, "a<|end|>b"), { skipSpecialTokens: true }), "ab");
  assertEquals(decode(tokenizer, [vocabSizeOf(tokenizer) + 5]), ""); // a spare embedding
});

Deno.test("a stream of a trained tokenizer gives what decode() gives too", () => {
  const tokenizer = trainTokenizer(["naïve 🐢🐢"], { vocabSize: 262, specialTokens: ["<|end|>"] });
  fc.assert(fc.property(fc.array(fc.nat(tokenizer.vocab.length - 1)), (ids) => {
    const stream = textStream(tokenizer);
    assertEquals([...ids.map(stream.push), stream.end()].join(""), decode(tokenizer, ids));
  }));
});

Deno.test("steps that the npm package writes otherwise are computed as Rust's tokenizers do", () => {
  const base = fixture.kinds.byteLevel.tokenizer;
  const pieces = (pre_tokenizer: object, text: string): readonly string[] => {
    const json = { ...base, normalizer: null, pre_tokenizer, model: { ...base.model, merges: [] } };
    const { engine } = reading({ files: { "tokenizer.json": JSON.stringify(json) } });
    return engine.pre_tokenizer?.pre_tokenize(text, {}) ?? [];
  };
  const split = (behavior: string): object => ({ type: "Split", pattern: { String: "-" }, behavior, invert: false });
  const text = "the-final--countdown";
  // from the documentation of tokenizers' SplitDelimiterBehavior
  assertEquals(pieces(split("Removed"), text), ["the", "final", "countdown"]);
  assertEquals(pieces(split("Isolated"), text), ["the", "-", "final", "-", "-", "countdown"]);
  assertEquals(pieces(split("MergedWithPrevious"), text), ["the-", "final-", "-", "countdown"]);
  assertEquals(pieces(split("MergedWithNext"), text), ["the", "-final", "-", "-countdown"]);
  assertEquals(pieces(split("Contiguous"), text), ["the", "-", "final", "--", "countdown"]);
  assertEquals(pieces({ type: "Digits", individual_digits: true }, "a١²Ⅻ 3"), ["a", "١", "²", "Ⅻ", " ", "3"]);
  assertEquals(pieces({ type: "Whitespace" }, "naïve, \ufeffx"), ["naïve", ",", "\ufeff", "x"]);
  assertEquals(pieces({ type: "WhitespaceSplit" }, "a\u0085b\ufeffc d"), ["a", "b\ufeffc", "d"]);
  assertEquals(pieces({ type: "Punctuation" }, "a!?b"), ["a", "!", "?", "b"]);
});

Deno.test("readTokenizer() takes a tokenizer of trainTokenizer() as its own, and any other as it is in its files", () => {
  const own = trainTokenizer(["pebble pebble"], { vocabSize: 300, specialTokens: CHAT_TOKENS });
  const files = { "tokenizer.json": JSON.stringify(tokenizerJson(own)) };
  const read = (more: Readonly<Record<string, string>>): Tokenizer => {
    const found = readTokenizer({ ...files, ...more });
    assert(found._tag === "Right");
    return found.right.tokenizer;
  };
  assertEquals(read({}), own);
  assert(isPretrained(read({ "chat_template.jinja": "{{ messages }}" })));
  const pretrained = tokenizerOf("byteLevel").files;
  assertEquals(
    readTokenizer({ ...pretrained, "README.md": "x" }),
    right({
      tokenizer: { files: pretrained },
      warnings: [
        "The model has no chat template: a prompt is its plain text, several turns are a dialogue of Human: and " +
        "Assistant:, and a completion is its text and the end token",
      ],
    }),
  );
});

Deno.test("a pretrained tokenizer is data: its bytes and its hash come back from a checkpoint", () => {
  const tokenizer = tokenizerOf("sentencepiece", "{{ messages }}");
  const hash = contentHash(tokenizer);
  encode(tokenizer, "used");
  const back = decodeData(encodeData({ tokenizer }));
  assert(back._tag === "Right");
  const { tokenizer: again } = back.right as { readonly tokenizer: PretrainedTokenizer };
  assertEquals([again, contentHash(again)], [tokenizer, hash]);
  assertEquals(encode(again, "Pebble Bay"), encode(tokenizer, "Pebble Bay"));
});

Deno.test("what begins a sequence comes once, by the post-processor or by add_bos_token", () => {
  const [bytes, pieces] = [tokenizerOf("byteLevel"), tokenizerOf("sentencepiece", undefined, { add_bos_token: true })];
  for (const tokenizer of [bytes, pieces]) {
    const begin = specialId(tokenizer, "<|begin|>");
    assertEquals([...encodePrompt(tokenizer, "Tide?")], [begin, ...encode(tokenizer, "Tide?")]);
    assertEquals([...encodePrompt(tokenizer, "<|begin|>Tide?")].filter((id) => id === begin).length, 1);
  }
  assertEquals(encodePrompt(tokenizerOf("sentencepiece"), "Tide?"), encode(pieces, "Tide?"));
});

Deno.test("end tokens are eos_token and what generation_config.json names beside it; a tokenizer may have none", () => {
  const { files } = tokenizerOf("byteLevel");
  const [end, close] = ["<|end|>", "<|close|>"].map((name) => specialId({ files }, name)) as [number, number];
  assertEquals(endIds({ files }), [end]);
  const more = { files: { ...files, "generation_config.json": JSON.stringify({ eos_token_id: [close, end] }) } };
  assertEquals(endIds(more), [end, close]);
  assertEquals(endsOf(more), { eos: end, stop: [Int32Array.of(close)] });
  const none = { files: { "tokenizer.json": files["tokenizer.json"] as string } };
  assertThrows(() => endIds(none), RangeError, "tokenizer_config.json must name an eos_token");
});

Deno.test("damaged tokenizers are refused in sentences", () => {
  const base = fixture.kinds.byteLevel.tokenizer;
  const { model } = base;
  const changed = (part: object): string => refusal({ "tokenizer.json": JSON.stringify({ ...base, ...part }) });
  const [first, second] = Object.keys(model.vocab) as [string, string];
  const cases: readonly (readonly [string, string])[] = [
    [refusal({}), "its folder must have tokenizer.json"],
    [refusal({ "tokenizer.json": "{" }), "Cannot read tokenizer.json as it must be JSON"],
    [refusal({ "tokenizer.json": "[]" }), "it must hold a record"],
    [refusal({ "tokenizer.json": "{}", "tokenizer_config.json": "x" }), "Cannot read tokenizer_config.json"],
    [changed({ model: { ...model, merges: undefined } }), "model.merges must be a list"],
    [
      changed({ model: { ...model, merges: [["a", "zz"]] } }),
      "a merge must be of two tokens and what it makes be a token",
    ],
    [changed({ model: { ...model, merges: ["a b c"] } }), "a merge must be of two tokens"],
    [changed({ model: { ...model, vocab: {} }, added_tokens: [] }), "model.vocab must hold tokens"],
    [changed({ model: { ...model, vocab: { ...model.vocab, [first]: -1 } } }), "must have an id from 0 to"],
    [changed({ model: { ...model, vocab: { ...model.vocab, [first]: 2 ** 40 } } }), "must have an id from 0 to"],
    [changed({ model: { ...model, vocab: { ...model.vocab, [first]: 1.5 } } }), "must have an id from 0 to"],
    [
      changed({ model: { ...model, vocab: { ...model.vocab, [first]: 1, [second]: 1 } } }),
      "must have ids of their own",
    ],
    [changed({ model: { ...model, type: "Telepathy" } }), 'model.type must be "BPE", "Unigram", "WordPiece"'],
    [changed({ model: undefined }), 'model.type must be "BPE", "Unigram", "WordPiece"'],
    [
      changed({ model: { type: "Unigram", vocab: [["a", 0]], byte_fallback: true } }),
      "model.byte_fallback must be off",
    ],
    [changed({ normalizer: { type: "Nope" } }), "Unknown Normalizer type: Nope"],
    [changed({ pre_tokenizer: { type: "Nope" } }), "Unknown PreTokenizer type: Nope"],
    [changed({ decoder: { type: "Nope" } }), "Unknown Decoder type: Nope"],
    [changed({ post_processor: { type: "Nope" } }), "Unknown PostProcessor type: Nope"],
    [
      changed({ pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "Odd" } }),
      "Unknown Split behavior: Odd",
    ],
    [
      changed({ pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } }),
      'a regular expression must be one that can be read: current value is "("',
    ],
    [
      changed({ pre_tokenizer: { type: "Split", pattern: { Regex: String.raw`\p{Nope}` }, behavior: "Isolated" } }),
      "must be one that can be computed: Invalid regular expression",
    ],
    [changed({ added_tokens: [{ id: 9, content: "x", single_word: true }] }), "an added token must not be single_word"],
    [changed({ added_tokens: [{ content: "x" }] }), "must have an id from 0 to"],
  ];
  for (const [found, sentence] of cases) assert(found.includes(sentence), `${found.slice(0, 300)} lacks ${sentence}`);
});

Deno.test("ids that belong to no token are said, and decode to nothing", () => {
  const base = fixture.kinds.byteLevel.tokenizer;
  const added = [...base.added_tokens, { ...base.added_tokens[0], id: 340, content: "<|far|>" }];
  const read = readTokenizer({ "tokenizer.json": JSON.stringify({ ...base, added_tokens: added }) });
  assert(read._tag === "Right");
  const { tokenizer, warnings } = read.right;
  const gaps = 340 - Object.keys(base.model.vocab).length;
  assertEquals(warnings[0], `${gaps} ids of the tokenizer belong to no token: they decode to nothing`);
  assertEquals([vocabSizeOf(tokenizer), decode(tokenizer, [339, 340])], [341, "<|far|>"]);
});

Deno.test("a Precompiled normalizer is computed as NFKC, and that is said", () => {
  const json = { ...fixture.kinds.byteLevel.tokenizer, normalizer: { type: "Precompiled", precompiled_charsmap: "" } };
  const read = readTokenizer({ "tokenizer.json": JSON.stringify(json) });
  assert(read._tag === "Right" && read.right.warnings[0]?.includes("Precompiled normalizer is computed as NFKC"));
});

Deno.test("a mutated tokenizer.json gives a tokenizer or sentences, never another error", () => {
  const text = JSON.stringify(fixture.kinds.sentencepiece.tokenizer);
  fc.assert(
    fc.property(
      fc.nat(text.length),
      fc.nat(40),
      fc.constantFrom("", "null", "-1", '"', "{}", "[]", "1e9"),
      (at, cut, put) => {
        const read = readTokenizer({ "tokenizer.json": text.slice(0, at) + put + text.slice(at + cut) });
        if (read._tag === "Right") encode(read.right.tokenizer, "Pebble Bay");
      },
    ),
    { numRuns: 150 },
  );
});
