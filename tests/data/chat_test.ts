import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeCompletion, encodeCompletion, encodePrompt, type Message } from "../../lib/data/chat.ts";
import { CHAT_TOKENS } from "../../lib/data/chat_tokens.ts";
import { encodePair } from "../../lib/data/token_pair.ts";
import { decode } from "../../lib/data/tokenizer.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { anyString, CORPUS } from "./texts.ts";

const tokenizer = trainTokenizer(CORPUS, { vocabSize: 320, specialTokens: CHAT_TOKENS });
const shown = (ids: Iterable<number>): string => decode(tokenizer, ids);
const count = (ids: Int32Array, name: string): number =>
  ids.filter((id) => id === tokenizer.specialTokens[name]).length;

Deno.test("encodePrompt() opens a user turn and asks the assistant", () => {
  assertEquals(shown(encodePrompt(tokenizer, "2 + 2?")), "<|user|>2 + 2?<|assistant|>");
  assertEquals(encodePrompt(tokenizer, [{ role: "user", content: "2 + 2?" }]), encodePrompt(tokenizer, "2 + 2?"));
});

Deno.test("encodePrompt() writes all turns of a conversation, the system's first", () => {
  const messages: readonly Message[] = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
    { role: "user", content: "Bye" },
  ];
  assertEquals(
    shown(encodePrompt(tokenizer, messages)),
    "Be brief.<|user|>Hi<|assistant|>Hello<|end|><|user|>Bye<|assistant|>",
  );
});

Deno.test("decodeCompletion() of encodeCompletion() is the text, whatever it holds", () => {
  fc.assert(fc.property(fc.oneof(anyString, fc.constantFrom(...CHAT_TOKENS)), (text) => {
    const ids = encodeCompletion(tokenizer, text);
    assertEquals(ids.at(-1), tokenizer.specialTokens["<|end|>"]);
    assertEquals(count(ids, "<|end|>"), 1);
    assertEquals(decodeCompletion(tokenizer, ids), text.toWellFormed());
  }));
});

Deno.test("decodeCompletion() stops at the end token, takes a cut one whole, and shows a stray special token", () => {
  const ids = encodeCompletion(tokenizer, "four");
  const user = tokenizer.specialTokens["<|user|>"] as number;
  assertEquals(decodeCompletion(tokenizer, [...ids, ...ids]), "four");
  assertEquals(decodeCompletion(tokenizer, ids.slice(0, -1)), "four");
  assertEquals(decodeCompletion(tokenizer, [user, ...ids]), "<|user|>four");
});

Deno.test("text cannot open a turn: a prompt has one user and one assistant token whatever it says", () => {
  fc.assert(fc.property(fc.array(fc.oneof(anyString, fc.constantFrom(...CHAT_TOKENS))), (parts) => {
    const ids = encodePrompt(tokenizer, parts.join(""));
    assertEquals(CHAT_TOKENS.map((name) => count(ids, name)), [0, 1, 1]);
  }));
});

Deno.test("encodePrompt() refuses no messages, a late system message, and a tokenizer without the tokens", () => {
  assertThrows(
    () => encodePrompt(tokenizer, []),
    RangeError,
    "Cannot encode a prompt as it must have at least one message",
  );
  const late: readonly Message[] = [{ role: "user", content: "a" }, { role: "system", content: "b" }];
  assertThrows(
    () => encodePrompt(tokenizer, late),
    RangeError,
    "Cannot encode a prompt as a system message must come first: it is message 1",
  );
  assertThrows(
    () => encodePrompt(trainTokenizer([], { vocabSize: 256 }), "a"),
    RangeError,
    "Cannot encode a chat as the tokenizer must have the special token <|user|>: it has none",
  );
});

Deno.test("encodePair() encodes prompt and completions apart and keeps the rest", () => {
  const pair = encodePair(tokenizer, { id: "3", prompt: "Hi", chosen: "Hello", rejected: "No", label: 0.75 });
  assertEquals([pair.prompt, pair.chosen, pair.rejected].map(shown), [
    "<|user|>Hi<|assistant|>",
    "Hello<|end|>",
    "No<|end|>",
  ]);
  assertEquals([pair.id, pair.label], ["3", 0.75]);
});
