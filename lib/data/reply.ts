/** A prompt with one completion, in all the forms that a row can have them. */
import { left, right } from "../result.ts";
import { type Message, type Prompt, promptMessages } from "./chat.ts";
import { agrees, dialogueTurns, isBlank, withPrompt } from "./dialogue.ts";
import { fault, type Read } from "./field.ts";
import { shown, unreadable } from "./issue.ts";

/** What was said, and what was answered. */
export type Reply = { readonly prompt: Prompt; readonly completion: string };

/**
 * A completion after its prompt: a string, a message, or a whole dialogue that repeats the prompt or, without one, ends
 * with the completion.
 *
 * @param field what sentences call the completion
 */
export function joinReply(prompt: Prompt | undefined, completion: Prompt, field: string): Read<Reply> {
  const reply = typeof completion !== "string"
    ? lastTurn(prompt, withPrompt(prompt === undefined ? [] : promptMessages(prompt), completion), field)
    : prompt !== undefined
    ? right({ prompt, completion })
    : ofDialogue(completion, field);
  if (reply._tag === "Left") return reply;
  if (isBlank(reply.right.prompt)) return fault("a prompt must not be empty", reply.right.prompt);
  return isBlank(reply.right.completion)
    ? left([{ reason: "emptyReply", rule: `a reply must not be empty: ${field} is` }])
    : reply;
}

function ofDialogue(text: string, field: string): Read<Reply> {
  const turns = dialogueTurns(text);
  if (turns !== undefined) return lastTurn(undefined, turns, field);
  const rule =
    'field "prompt" is missing, and without it there must be a dialogue of "\\n\\nHuman:" and "\\n\\nAssistant:"';
  return left([unreadable(`${rule} turns: ${field} is ${shown(text)}`)]);
}

function lastTurn(prompt: Prompt | undefined, turns: readonly Message[], field: string): Read<Reply> {
  const last = turns.at(-1), before = turns.slice(0, -1);
  if (last?.role !== "assistant") {
    return left([{ reason: "oddDialogue", rule: `the last turn must be the assistant's: that of ${field} is not` }]);
  }
  if (before.length === 0) return fault("a dialogue must have a turn before the reply", last.content);
  return prompt === undefined || agrees(prompt, before)
    ? right({ prompt: before, completion: last.content })
    : fault('field "prompt" must say what the turns before the reply say', prompt);
}
