/**
 * Prompts and completions by a tokenizer that came with a model.
 */
import type { Prompt } from "./chat.ts";
import { encodePretrained, type PretrainedTokenizer, reading } from "./pretrained.ts";

/** The ids of a prompt. */
export function pretrainedPromptIds(tokenizer: PretrainedTokenizer, prompt: Prompt): Int32Array {
  return Int32Array.from([...reading(tokenizer).lead, ...encodePretrained(tokenizer, plainText(prompt))]);
}

/** The ids of what answers a prompt, with the end token. */
export function continuationIds(tokenizer: PretrainedTokenizer, prompt: Prompt, text: string): Int32Array {
  const before = encodePretrained(tokenizer, plainText(prompt));
  const whole = encodePretrained(tokenizer, plainText(prompt) + text);
  const { ends } = reading(tokenizer);
  const agree = before.every((id, i) => whole[i] === id);
  return Int32Array.from([
    ...agree ? whole.slice(before.length) : encodePretrained(tokenizer, text),
    ...ends.slice(0, 1),
  ]);
}

function plainText(prompt: Prompt): string {
  return typeof prompt === "string" ? prompt : prompt.map(({ content }) => content).join("\n\n");
}
