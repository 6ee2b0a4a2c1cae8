/** Answers of a model, as their tokens are drawn. */
import { decodeCompletion, encodePrompt, endIds, endsOf, type Key, type Message, textStream } from "../mod.ts";
import type { ChatModel } from "./chat_model.ts";

/** How to answer. */
export interface AnswerOptions {
  readonly key: Key;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly maxNewTokens: number;
  /** Stops the answer where it stands. */
  readonly signal: AbortSignal;
}

/** An answer. */
export interface Answer {
  readonly text: string;
  /** Why it ended. */
  readonly end: "eos" | "stop" | "length" | "stopped";
  /** Turns that did not fit the context any more. */
  readonly forgotten: number;
}

/** Tokens of the context that are kept for the answer, at the least. */
const ROOM = 16;

/**
 * The answer to a conversation; pieces are given to `show` as they come.
 *
 * @throws {RangeError} if the chat template refuses the messages, or the last alone does not fit the context
 */
export async function answer(
  model: ChatModel,
  messages: readonly Message[],
  { show, signal, key, topK, ...options }: AnswerOptions & { readonly show: (text: string) => void },
): Promise<Answer> {
  const { tokenizer } = model;
  const { prompt, forgotten } = fitting(model, messages);
  const sampling = { ...options, ...endsOf(tokenizer), ...topK > 0 && { topK }, key };
  const ends = endIds(tokenizer);
  const [stream, ids, tokens] = [textStream(tokenizer), [] as number[], model.draw(prompt, sampling)];
  let waited = performance.now();
  let drawn = tokens.next();
  for (; !drawn.done && !signal.aborted; drawn = tokens.next()) {
    const { id } = drawn.value;
    ids.push(id);
    if (!ends.includes(id)) show(stream.push(id));
    if (performance.now() - waited > 30) { // a signal comes only when the program waits
      await new Promise((resolve) => setTimeout(resolve, 0));
      waited = performance.now();
    }
  }
  show(stream.end());
  return { text: decodeCompletion(tokenizer, ids), end: drawn.done ? drawn.value.end : "stopped", forgotten };
}

/** The ids of a conversation, without its oldest turns if it does not fit with an answer; a system message stays. */
function fitting(
  { config, tokenizer }: ChatModel,
  messages: readonly Message[],
): { readonly prompt: Int32Array; readonly forgotten: number } {
  const system = messages[0]?.role === "system" ? 1 : 0;
  const most = config.contextLength - Math.min(ROOM, config.contextLength >> 2);
  let forgotten = 0;
  while (true) {
    const prompt = encodePrompt(tokenizer, [...messages.slice(0, system), ...messages.slice(system + forgotten)]);
    if (prompt.length <= most) return { prompt, forgotten };
    if (system + forgotten + 2 >= messages.length) {
      throw new RangeError(
        `Cannot answer as a turn must leave room in a context of ${config.contextLength} tokens: it has ${prompt.length}`,
      );
    }
    forgotten += 2; // a question and its answer
  }
}
