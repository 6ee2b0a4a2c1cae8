/**
 * The turns of a conversation as tokens. Every turn opens with a special token, which text cannot spell:
 *
 *     system text <|user|> user text <|assistant|> assistant text <|end|> <|user|> …  <|assistant|>
 *
 * A prompt ends with `<|assistant|>`: what comes next is the completion, text and `<|end|>`.
 */
import type { BytePairTokenizer } from "./byte_pair.ts";
import { ASSISTANT, END, USER } from "./chat_tokens.ts";
import { reading } from "./pretrained.ts";
import { NO_TOKENIZER } from "./id_tokenizer.ts";
import { continuationIds, pretrainedEnds, pretrainedPromptIds } from "./pretrained_chat.ts";
import { decode, encode, isIdTokenizer, isPretrained, type Tokenizer } from "./tokenizer.ts";

/** One turn of a conversation; a system message may only come first. */
export type Message = { readonly role: "system" | "user" | "assistant"; readonly content: string };

/** What is answered: one user turn as a string, or the messages so far. */
export type Prompt = string | readonly Message[];

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
  const specialTokens = specialTokensOf(tokenizer);
  if (!Object.hasOwn(specialTokens, name)) {
    const names = Object.keys(specialTokens).join(", ") || "none";
    throw new RangeError(`Cannot encode a chat as the tokenizer must have the special token ${name}: it has ${names}`);
  }
  return specialTokens[name] as number;
}

function specialTokensOf(tokenizer: Tokenizer): Readonly<Record<string, number>> {
  if (isIdTokenizer(tokenizer)) return {};
  if (!isPretrained(tokenizer)) return tokenizer.specialTokens;
  const { engine, specialIds } = reading(tokenizer);
  return Object.fromEntries(Array.from(specialIds, (id) => [engine.id_to_token(id) as string, id]));
}

/**
 * The tokens that end a completion. The first is the one that `encodeCompletion` writes: of a pretrained model the one that
 * its chat template writes behind an answer, or `eos_token`; it may know more, from its `generation_config.json`.
 *
 * @returns ids, at least one unless a model without a tokenizer names none
 * @throws {RangeError} if the tokenizer has none
 */
export function endIds(tokenizer: Tokenizer): readonly number[] {
  if (isIdTokenizer(tokenizer)) return tokenizer.ends;
  if (!isPretrained(tokenizer)) return [specialId(tokenizer, END)];
  const ends = pretrainedEnds(tokenizer);
  if (ends.length > 0) return ends;
  throw new RangeError(
    "Cannot end a completion as tokenizer_config.json must name an eos_token that the tokenizer has: it names none",
  );
}

/** What `generate` must know to end completions where this tokenizer does: `eos`, and further end tokens as `stop`. */
export function endsOf(tokenizer: Tokenizer): { readonly eos: number; readonly stop: readonly Int32Array[] } {
  const [eos = -1, ...more] = endIds(tokenizer); // no token is −1: where nothing ends a completion, its length does
  return { eos, stop: more.map((id) => Int32Array.of(id)) };
}

/**
 * The ids of a prompt, up to and including what asks for a completion: `<|assistant|>`, or what a model's chat template
 * writes there.
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
  if (isIdTokenizer(tokenizer)) throw new TypeError(`Cannot encode a prompt as ${NO_TOKENIZER}: give it token ids`);
  if (isPretrained(tokenizer)) return pretrainedPromptIds(tokenizer, prompt);
  return Int32Array.from([
    ...messages.flatMap((message) => encodeTurn(tokenizer, message)),
    specialId(tokenizer, ASSISTANT),
  ]);
}

function encodeTurn(tokenizer: BytePairTokenizer, { role, content }: Message): readonly number[] {
  const ids = [...encode(tokenizer, content)];
  if (role === "system") return ids;
  if (role === "user") return [specialId(tokenizer, USER), ...ids];
  return [specialId(tokenizer, ASSISTANT), ...ids, specialId(tokenizer, END)];
}

/**
 * The ids of a completion, `[T]`: its text, then the end token. No token crosses the border to the prompt.
 *
 * @param prompt what it answers; a pretrained tokenizer may encode the first word otherwise after another border
 */
export function encodeCompletion(tokenizer: Tokenizer, text: string, prompt: Prompt = ""): Int32Array {
  return isPretrained(tokenizer)
    ? continuationIds(tokenizer, prompt, text)
    : Int32Array.from([...encode(tokenizer, text), specialId(tokenizer, END)]);
}

/**
 * The text of a completion: up to the first end token, or all of it when it was cut off before. Another special token is
 * written by its name, for it is a fault that should be seen.
 *
 * @param ids `[T]`
 */
export function decodeCompletion(tokenizer: Tokenizer, ids: Iterable<number>): string {
  const ends = endIds(tokenizer);
  const all = [...ids];
  const end = all.findIndex((id) => ends.includes(id));
  return decode(tokenizer, end === -1 ? all : all.slice(0, end));
}
