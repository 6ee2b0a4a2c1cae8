/**
 * Prompts and completions in the words of a pretrained model: by its chat template, or as plain text where it has none.
 *
 * The border lies where the template's generation prompt ends: the prompt is what the template writes before an answer,
 * the completion what it adds once the answer is there. Where no token of the whole crosses that border, as when a special
 * token stands on either side, the ids of both together are those of transformers for the whole conversation; where one
 * would, the completion is encoded on its own.
 */
import type { Message, Prompt } from "./chat.ts";
import { type ChatMessage, type ChatOptions, hasChatTemplate, marksGeneration, renderChat } from "./chat_template.ts";
import { encodePretrained, type PretrainedTokenizer, reading } from "./pretrained.ts";
import { tokenOffsets } from "./token_offsets.ts";

const messagesOf = (prompt: Prompt): readonly Message[] =>
  typeof prompt === "string" ? [{ role: "user", content: prompt }] : prompt;

/** A conversation as tokens. */
export interface EncodedChat {
  /** Token ids, `[T]`. */
  readonly ids: Int32Array;
  /** 1 for the tokens that the assistant wrote, `[T]`; undefined where the template does not mark them. */
  readonly assistantMask?: Int32Array;
}

/**
 * A conversation as the ids of its rendering, as transformers' `apply_chat_template` gives them, and where the template
 * marks generation with the assistant's tokens: those that hold a character of a `{% generation %}` block.
 *
 * @throws {RangeError} if the template gives no text, or the marks cannot be told from the tokens
 */
export function encodeChat(
  tokenizer: PretrainedTokenizer,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): EncodedChat {
  const { text, spans } = renderChat(tokenizer, messages, options);
  const ids = encodePretrained(tokenizer, text);
  if (!marksGeneration(tokenizer, options)) return { ids };
  const offsets = tokenOffsets(tokenizer, text);
  if (offsets === undefined) {
    throw new RangeError("Cannot mark the assistant's tokens as the tokenizer changes the text that it encodes");
  }
  const inside = ([start, end]: readonly [number, number]): boolean =>
    spans.some((span) => start < span[1] && end > span[0]);
  return { ids, assistantMask: Int32Array.from(offsets, (offset) => inside(offset) ? 1 : 0) };
}

/** The text of a prompt: up to where the answer begins. */
export function promptText(tokenizer: PretrainedTokenizer, prompt: Prompt): string {
  return hasChatTemplate(tokenizer)
    ? renderChat(tokenizer, messagesOf(prompt), { addGenerationPrompt: true }).text
    : plainText(prompt);
}

/** Without a template, one turn is its text, and more are a dialogue as hh-rlhf writes it. */
function plainText(prompt: Prompt): string {
  const messages = messagesOf(prompt);
  const [only] = messages;
  if (messages.length === 1 && only?.role === "user") return only.content;
  const marks = { system: "", user: "\n\nHuman: ", assistant: "\n\nAssistant: " };
  return `${messages.map(({ role, content }) => marks[role] + content).join("")}\n\nAssistant:`;
}

/** Whether the template writes what the tokenizer puts before a text; a template that refuses a plain question may. */
export function beginsSequence(tokenizer: PretrainedTokenizer): boolean {
  try {
    const ids = encodePretrained(tokenizer, promptText(tokenizer, "?"));
    return reading(tokenizer).lead.every((id, i) => ids[i] === id);
  } catch {
    return true;
  }
}

/** The ids of a prompt, with what begins every sequence once, whether the template writes it or the tokenizer adds it. */
export function pretrainedPromptIds(tokenizer: PretrainedTokenizer, prompt: Prompt): Int32Array {
  const { lead } = reading(tokenizer);
  const ids = encodePretrained(tokenizer, promptText(tokenizer, prompt));
  const written = lead.every((id, i) => ids[i] === id);
  return written ? ids : Int32Array.from([...lead, ...ids]);
}

/**
 * What the template adds to a prompt when it is answered. A template may write the prompt otherwise then, as Mistral's,
 * which puts the system message before the last user turn: then what it adds to the last user turn alone is taken.
 */
export function completionText(tokenizer: PretrainedTokenizer, prompt: Prompt, text: string): string {
  if (!hasChatTemplate(tokenizer)) return text;
  const messages = messagesOf(prompt);
  const added = (before: readonly Message[]): string | undefined => {
    const asked = promptText(tokenizer, before);
    const answered = renderChat(tokenizer, [...before, { role: "assistant", content: text }]).text;
    return answered.startsWith(asked) ? answered.slice(asked.length) : undefined;
  };
  const found = added(messages) ?? added(messages.slice(-1));
  if (found !== undefined) return found;
  throw new RangeError(
    "Cannot encode a completion as the chat template must add it to the prompt: it writes both anew",
  );
}

/** The ids of what answers a prompt, with an end token. */
export function continuationIds(tokenizer: PretrainedTokenizer, prompt: Prompt, text: string): Int32Array {
  const [before, after] = [promptText(tokenizer, prompt), completionText(tokenizer, prompt, text)];
  const ids = idsAfter(tokenizer, before, after);
  const ends = pretrainedEnds(tokenizer);
  const closed = hasChatTemplate(tokenizer) && closingOf(tokenizer).some((id) => ends.includes(id));
  return closed ? ids : Int32Array.from([...ids, ...ends.slice(0, 1)]);
}

/** The ids of a text behind another, none of them across the border. */
function idsAfter(tokenizer: PretrainedTokenizer, all: string, text: string): Int32Array {
  const before = sinceSpecial(tokenizer, all);
  const [start, whole] = [encodePretrained(tokenizer, before), encodePretrained(tokenizer, before + text)];
  return start.every((id, i) => whole[i] === id) ? whole.slice(start.length) : idsWithin(tokenizer, text);
}

/** A text from its last special token on: nothing before it has a part in how what comes after is encoded. */
function sinceSpecial(tokenizer: PretrainedTokenizer, text: string): string {
  const { engine, specialIds } = reading(tokenizer);
  const last = [...specialIds].map((id) => text.lastIndexOf(engine.id_to_token(id) as string));
  return text.slice(Math.max(0, ...last));
}

/** What cannot merge with a word that follows, for most tokenizers. */
const BORDERS = ["\n", ".", ")", "0"];

/** The ids of a text inside of another: without the space that some tokenizers put before a text. */
function idsWithin(tokenizer: PretrainedTokenizer, text: string): Int32Array {
  for (const border of BORDERS) {
    const [start, whole] = [encodePretrained(tokenizer, border), encodePretrained(tokenizer, border + text)];
    if (start.every((id, i) => whole[i] === id)) return whole.slice(start.length);
  }
  return encodePretrained(tokenizer, text);
}

// A memory of pure functions' results, as in `pretrained.ts`.
const closings = new WeakMap<PretrainedTokenizer, readonly number[]>();

/** The ids that the template writes behind an answer: what two answers have in common there. */
function closingOf(tokenizer: PretrainedTokenizer): readonly number[] {
  const known = closings.get(tokenizer);
  if (known) return known;
  const made = closing(tokenizer);
  closings.set(tokenizer, made);
  return made;
}

function closing(tokenizer: PretrainedTokenizer): readonly number[] {
  try {
    const [a, b] = ["a", "b"].map((text) => completionText(tokenizer, "?", text)) as [string, string];
    let from = a.length;
    while (from > 0 && a[from - 1] === b[b.length - (a.length - from) - 1]) from--;
    return [...encodePretrained(tokenizer, a.slice(from))];
  } catch {
    return []; // a template that refuses so plain a conversation
  }
}

/**
 * The tokens that end a completion: first the special token that the template writes behind an answer, or else
 * `eos_token`; then what else the files name.
 */
export function pretrainedEnds(tokenizer: PretrainedTokenizer): readonly number[] {
  const { ends, specialIds } = reading(tokenizer);
  const own = hasChatTemplate(tokenizer) ? closingOf(tokenizer).find((id) => specialIds.has(id)) : undefined;
  return [...new Set([...own === undefined ? [] : [own], ...ends])];
}
