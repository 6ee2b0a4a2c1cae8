/**
 * Whole dialogues, and where their prompt ends: at the last turn, never inside one.
 */
import { left, right, traverse } from "../result.ts";
import { type Message, type Prompt, promptMessages } from "./chat.ts";
import { fault, type Fields, type Read } from "./field.ts";
import { shown, unreadable } from "./issue.ts";

/** A prompt with its two completions. */
export type Texts = { readonly prompt: Prompt; readonly chosen: string; readonly rejected: string };

/** Turn markers of hh-rlhf, at the start of a text or after an empty line. */
const MARKER = /(?:^|\n\n)(Human|Assistant):/;

/** The turns of an hh-rlhf dialogue, without the space around their texts; `undefined` if the text does not start with one. */
export function dialogueTurns(text: string): readonly Message[] | undefined {
  const [lead, ...parts] = text.split(MARKER);
  if (lead !== "" || parts.length === 0) return undefined;
  return Array.from({ length: parts.length / 2 }, (_, turn): Message => ({
    role: parts[2 * turn] === "Human" ? "user" : "assistant",
    content: (parts[2 * turn + 1] as string).trim(),
  }));
}

/** A list of messages, system only in first place. */
export function readMessages(value: readonly unknown[], field: string): Read<readonly Message[]> {
  if (value.length === 0) return fault(`field "${field}" must have at least one message`, value);
  return traverse(value, (message, i): Read<Message> => {
    const { role, content }: Fields = typeof message === "object" && message !== null ? message as Fields : {};
    const name = `message ${i} of field "${field}"`;
    if (role !== "system" && role !== "user" && role !== "assistant") {
      return fault(`${name} must have the role system, user or assistant`, role);
    }
    if (role === "system" && i > 0) {
      return fault(`${name} must not be a system message, which only comes first`, content);
    }
    return typeof content === "string"
      ? right({ role, content })
      : fault(`the content of ${name} must be a string`, content);
  });
}

/** A text of a row: a string, or a list of messages. */
export function readText(value: unknown, field: string): Read<Prompt> {
  if (typeof value === "string") return right(value);
  return Array.isArray(value)
    ? readMessages(value, field)
    : fault(`field "${field}" must be a string or a list of messages`, value);
}

/** Whether a text has nothing but blanks. */
export function isBlank(text: Prompt): boolean {
  return typeof text === "string" ? !/\S/.test(text) : text.every(({ content }) => !/\S/.test(content));
}

/** A completion given as one message continues the prompt; a longer list repeats it. */
export function withPrompt(turns: readonly Message[], completion: readonly Message[]): readonly Message[] {
  return completion.length === 1 ? [...turns, ...completion] : completion;
}

/** Whether an explicit prompt is the dialogue's: the same messages, or as a string the last of them. */
export function agrees(prompt: Prompt, turns: Prompt): boolean {
  const messages = promptMessages(turns);
  const last = messages.at(-1);
  if (typeof prompt === "string") return last?.role === "user" && last.content.trim() === prompt.trim();
  return prompt.length === messages.length &&
    prompt.every(({ role, content }, i) => role === messages[i]?.role && content === messages[i]?.content);
}

/**
 * Splits two dialogues that agree up to their last turn: what they share is the prompt.
 */
export function splitDialogues(chosen: readonly Message[], rejected: readonly Message[]): Read<Texts> {
  const odd = (rule: string): Read<never> => left([{ reason: "oddDialogue", rule }]);
  if (chosen.length !== rejected.length) {
    const turns = `chosen has ${chosen.length} turns, rejected has ${rejected.length}`;
    return odd(`chosen and rejected must have the same turns before the last: ${turns}`);
  }
  const last = chosen.length - 1;
  const differing = chosen.findIndex((turn, i) =>
    i < last && (turn.role !== rejected[i]?.role || turn.content !== rejected[i]?.content)
  );
  if (differing !== -1) {
    return odd(
      `chosen and rejected must have the same turns before the last: turn ${differing + 1} of ${last + 1} differs`,
    );
  }
  const [better, worse] = [chosen[last], rejected[last]];
  if (better?.role !== "assistant" || worse?.role !== "assistant") {
    const user = better?.role !== "assistant" ? "chosen" : "rejected";
    return odd(`the last turn of both must be the assistant's: that of ${user} is not`);
  }
  if (last === 0) return fault("a dialogue must have a turn before the reply", better.content);
  return right({ prompt: chosen.slice(0, last), chosen: better.content, rejected: worse.content });
}

/** Two texts without a prompt of their own: whole dialogues, or it cannot be known where their prompt ends. */
export function splitTexts(chosen: string, rejected: string): Read<Texts> {
  const [better, worse] = [dialogueTurns(chosen), dialogueTurns(rejected)];
  if (better && worse) return splitDialogues(better, worse);
  const plain = better ? "rejected" : "chosen";
  const rule =
    'field "prompt" is missing, and without it both must be dialogues of "\\n\\nHuman:" and "\\n\\nAssistant:" turns';
  return left([unreadable(`${rule}: ${plain} is ${shown(better ? rejected : chosen)}`)]);
}
