import { assertEquals, assertThrows } from "@std/assert";
import { encodeRows } from "../../lib/data/encode_rows.ts";
import { encodePair } from "../../lib/data/token_pair.ts";
import { inputFailure, right } from "../../lib/result.ts";
import { fixture, tokenizerOf } from "./template/fixture.ts";

const pair = (id: string, ...roles: readonly ("user" | "assistant")[]) => ({
  id,
  prompt: roles.map((role) => ({ role, content: "a" })),
  chosen: "b",
  rejected: "c",
});

Deno.test("encodeRows() gives all rows in tokens, or names those that the chat template refuses", () => {
  const tokenizer = tokenizerOf("byteLevel", fixture.templates.begin);
  const encode = (row: ReturnType<typeof pair>): number => encodePair(tokenizer, row).chosen.length;
  assertEquals(encodeRows([pair("0", "user")], encode), right([2])); // " b" and the end token
  const sentence = (id: string): string =>
    `Cannot use row ${id} as it must be encoded: Cannot render chat template as it refuses the messages: Turns must alternate`;
  assertEquals(
    encodeRows([pair("0", "user"), pair("1", "user", "user"), pair("2", "assistant")], encode),
    inputFailure(sentence("1"), sentence("2")),
  );
});

Deno.test("encodeRows() lets a mistake of the program through", () => {
  assertThrows(() => encodeRows([{ id: "0" }], () => (undefined as unknown as string).length), TypeError);
});
