/** When two prompts are the same. */
import { type Prompt, promptMessages } from "./chat.ts";

/**
 * A name that two prompts share when they ask the same: roles and words, in whatever blanks and in whatever way their
 * letters are composed. A string and the same text as a single user message are one prompt; token ids are the same prompt
 * where they are the same ids.
 */
export function promptName(prompt: Prompt | Int32Array): string {
  if (prompt instanceof Int32Array) return `[${prompt.join(",")}]`;
  return JSON.stringify(promptMessages(prompt).map(({ role, content }) => [role, plain(content)]));
}

/** Whether a text has blanks other than single spaces between words, or letters that may be composed. */
const UNEVEN = /[^!-~ ]|^ | $| {2}/;

function plain(text: string): string {
  return UNEVEN.test(text) ? text.normalize("NFC").replace(/\s+/g, " ").trim() : text;
}
