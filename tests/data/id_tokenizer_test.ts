import { assertEquals, assertThrows } from "@std/assert";
import { decodeCompletion, encodeCompletion, encodePrompt, endIds, endsOf } from "../../lib/data/chat.ts";
import { decode, encode, type Tokenizer, vocabSizeOf } from "../../lib/data/tokenizer.ts";

const none: Tokenizer = { idCount: 256, ends: [2, 7] };

Deno.test("without a tokenizer the ids stand for themselves, up to the first end token in a completion", () => {
  assertEquals(decode(none, [1, 17, 2, 5]), "1 17 2 5");
  assertEquals(decodeCompletion(none, [1, 17, 7, 5]), "1 17");
  assertEquals([vocabSizeOf(none), endIds(none), endsOf(none)], [256, [2, 7], { eos: 2, stop: [Int32Array.of(7)] }]);
  assertEquals(endsOf({ idCount: 9, ends: [] }), { eos: -1, stop: [] });
  assertEquals(decodeCompletion({ idCount: 9, ends: [] }, [1, 2]), "1 2");
});

Deno.test("without a tokenizer no text can be encoded", () => {
  const rule = "as the model came without a tokenizer: give it token ids";
  assertThrows(() => encode(none, "17"), TypeError, `Cannot encode a text ${rule}`);
  assertThrows(() => encodePrompt(none, "17"), TypeError, `Cannot encode a prompt ${rule}`);
  assertThrows(() => encodeCompletion(none, "17"), TypeError, `Cannot encode a text ${rule}`);
});
