/**
 * The turns of a conversation as tokens. Every turn opens with a special token, which text cannot spell:
 *
 *     system text <|user|> user text <|assistant|> assistant text <|end|> <|user|> …  <|assistant|>
 *
 * A prompt ends with `<|assistant|>`: what comes next is the completion, text and `<|end|>`.
 */
import { decode, encode, type Tokenizer } from "./tokenizer.ts";

/** One turn of a conversation; a system message may only come first. */
export type Message = { readonly role: "system" | "user" | "assistant"; readonly content: string };

/** What is answered: one user turn as a string, or the messages so far. */
export type Prompt = string | readonly Message[];

/** The end of a completion, known as EOS. */
export const END = "<|end|>";
/** Opens a user turn. */
export const USER = "<|user|>";
/** Opens an assistant turn. */
export const ASSISTANT = "<|assistant|>";
/** The special tokens of the chat format, as `trainTokenizer` takes them. */
export const CHAT_TOKENS: readonly string[] = [END, USER, ASSISTANT];

/** A prompt as messages: a string is one user turn. */
export function promptMessages(prompt: Prompt): readonly Message[] {
  return typeof prompt === "string" ? [{ role: "user", content: prompt }] : prompt;
}

/**
 * The id of a special token.
 *
 * @throws {RangeError} if the tokenizer has no such token
 */
export function specialId(tokenizer: Tokenizer, name: string): number {
  const { specialTokens } = tokenizer;
  if (!Object.hasOwn(specialTokens, name)) {
    const names = Object.keys(specialTokens).join(", ") || "none";
    throw new RangeError(`Cannot encode a chat as the tokenizer must have the special token ${name}: it has ${names}`);
  }
  return specialTokens[name] as number;
}

/**
 * The ids of a prompt, up to and including the `<|assistant|>` that asks for a completion.
 *
 * @param prompt a string, or messages with a system message only in first place
 * @returns ids, `[T]`
 * @throws {RangeError} if there is no message, a system message comes later, or the tokenizer lacks a special token
 * @example
 * ```ts
 * import { CHAT_TOKENS, decode, encodePrompt, trainTokenizer } from "@logratio/logratio";
 * const tokenizer = trainTokenizer([], { vocabSize: 259, specialTokens: CHAT_TOKENS });
 * decode(tokenizer, encodePrompt(tokenizer, "Is it raining?")); // "<|user|>Is it raining?<|assistant|>"
 * ```
 */
export function encodePrompt(tokenizer: Tokenizer, prompt: Prompt): Int32Array {
  const messages = promptMessages(prompt);
  if (messages.length === 0) throw new RangeError("Cannot encode a prompt as it must have at least one message");
  const late = messages.findIndex(({ role }, i) => role === "system" && i > 0);
  if (late !== -1) {
    throw new RangeError(`Cannot encode a prompt as a system message must come first: it is message ${late}`);
  }
  return Int32Array.from([
    ...messages.flatMap((message) => encodeTurn(tokenizer, message)),
    specialId(tokenizer, ASSISTANT),
  ]);
}

function encodeTurn(tokenizer: Tokenizer, { role, content }: Message): readonly number[] {
  const ids = [...encode(tokenizer, content)];
  if (role === "system") return ids;
  if (role === "user") return [specialId(tokenizer, USER), ...ids];
  return [specialId(tokenizer, ASSISTANT), ...ids, specialId(tokenizer, END)];
}

/** The ids of a completion, `[T]`: its text, then `<|end|>`. */
export function encodeCompletion(tokenizer: Tokenizer, text: string): Int32Array {
  return Int32Array.from([...encode(tokenizer, text), specialId(tokenizer, END)]);
}

/**
 * The text of a completion: up to the first `<|end|>`, or all of it when it was cut off before. Another special token is
 * written by its name, for it is a fault that should be seen.
 *
 * @param ids `[T]`
 */
export function decodeCompletion(tokenizer: Tokenizer, ids: Iterable<number>): string {
  const all = [...ids];
  const end = all.indexOf(specialId(tokenizer, END));
  return decode(tokenizer, end === -1 ? all : all.slice(0, end));
}
