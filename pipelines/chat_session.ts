/** A conversation, line by line. */
import { fold, type Key, key, type Message, uniform } from "../mod.ts";
import type { ChatTerminal, ChatValues } from "./chat.ts";
import { type Answer, answer } from "./chat_answer.ts";
import type { ChatModel } from "./chat_model.ts";
import type { Recorder } from "./chat_record.ts";
import { EXIT, say } from "./terminal.ts";

/** Who takes part. */
export interface Party {
  /** One, or two to choose from. */
  readonly models: readonly ChatModel[];
  readonly record: Recorder | undefined;
}

/** Where a conversation stands. */
interface Conversation {
  readonly messages: readonly Message[];
  /** Answers asked for so far, whatever became of them: each has a key of its own. */
  readonly asked: number;
}

const COMMANDS = `/reset          begin anew
/system TEXT    tell the model something before the conversation, and begin anew
/undo           take back the last question and its answer
/retry          another answer to the last question
/quit           leave, as Ctrl-D
A line that begins with // is said with one /
`;

/** Talks until there are no more lines. Returns the exit code. */
export async function chat(terminal: ChatTerminal, values: ChatValues, party: Party): Promise<number> {
  const lines = terminal.lines[Symbol.asyncIterator]();
  const next = async (prompt: string): Promise<string | undefined> => {
    if (terminal.isInteractive) terminal.err(prompt);
    const line = await lines.next();
    return line.done ? undefined : line.value;
  };
  let at: Conversation = { messages: begun(values.system), asked: 0 };
  for (let line = await next("> "); line !== undefined; line = await next("> ")) {
    const isCommand = line.startsWith("/") && !line.startsWith("//");
    if (/^\/(?:quit|exit)\s*$/.test(line)) return EXIT.done;
    const asked = isCommand ? commanded(terminal, line, at) : said(line, at);
    const isQuestion = asked.messages.at(-1)?.role === "user";
    const then = isQuestion ? await answered(terminal, { values, party, next }, asked) : asked;
    if (typeof then === "number") return then;
    at = then;
  }
  if (terminal.isInteractive) terminal.err("\n");
  return EXIT.done;
}

const begun = (system: string): readonly Message[] => system === "" ? [] : [{ role: "system", content: system }];

function said(line: string, at: Conversation): Conversation {
  const content = line.startsWith("//") ? line.slice(1) : line;
  return content.trim() === "" ? at : { ...at, messages: [...at.messages, { role: "user", content }] };
}

/** What a command makes of a conversation. */
function commanded(terminal: ChatTerminal, line: string, at: Conversation): Conversation {
  const [, name, text = ""] = /^\/(\S*)\s*([\s\S]*)$/.exec(line) ?? [];
  const system = at.messages.filter(({ role }) => role === "system");
  switch (name) {
    case "reset":
      return { ...at, messages: system };
    case "system":
      return { ...at, messages: begun(text) };
    case "undo":
    case "retry": {
      const last = at.messages.findLastIndex(({ role }) => role === "user");
      if (last === -1) {
        say(terminal, [`Cannot ${name} as there must be a question before: there is none`], EXIT.done);
        return at;
      }
      return { ...at, messages: at.messages.slice(0, name === "undo" ? last : last + 1) };
    }
    case "help":
      terminal.err(COMMANDS);
      return at;
    default:
      say(terminal, [`Cannot do /${name} as there is no such command: /help lists them`], EXIT.done);
      return at;
  }
}

/** What an answer needs beside the conversation. */
interface Asking {
  readonly values: ChatValues;
  readonly party: Party;
  readonly next: (prompt: string) => Promise<string | undefined>;
}

/** The conversation with an answer, or an exit code. */
async function answered(terminal: ChatTerminal, asking: Asking, at: Conversation): Promise<Conversation | number> {
  const { models } = asking.party;
  const asked = at.asked + 1;
  const turn = fold(fold(key(asking.values.seed), "turn"), asked);
  const before = { messages: at.messages.slice(0, -1), asked };
  try {
    if (models.length === 1) {
      const { text } = await spoken(terminal, models[0] as ChatModel, { ...asking, turn, messages: at.messages });
      return { messages: [...at.messages, { role: "assistant", content: text }], asked };
    }
    const chosen = await choice(terminal, { ...asking, turn, messages: at.messages });
    if (typeof chosen === "number") return chosen;
    return chosen === undefined
      ? before
      : { messages: [...at.messages, { role: "assistant", content: chosen }], asked };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    say(terminal, [error.message], EXIT.done);
    return before;
  }
}

/** A question that is put. */
interface Question extends Asking {
  readonly messages: readonly Message[];
  readonly turn: Key;
}

/** A model's answer, shown as it comes, with a remark where it was cut. */
async function spoken(terminal: ChatTerminal, model: ChatModel, { values, messages, turn }: Question): Promise<Answer> {
  const stop = new AbortController();
  terminal.onInterrupt(() => stop.abort());
  try {
    const { temperature, topP, topK, maxNewTokens } = values;
    const given = await answer(model, messages, {
      ...{ temperature, topP, topK, maxNewTokens, key: turn, signal: stop.signal },
      show: (text) => text === "" || terminal.out(text),
    });
    terminal.out("\n");
    const cut = {
      length: `cut at ${maxNewTokens} tokens, or where the context ends`,
      stopped: "stopped",
      eos: "",
      stop: "",
    }[given.end];
    const forgotten = given.forgotten === 0 ? [] : [`The first ${given.forgotten} turns no longer fit the context`];
    say(terminal, [...cut === "" ? [] : [`(${cut})`], ...forgotten], EXIT.done);
    return given;
  } finally {
    terminal.onInterrupt(undefined);
  }
}

/** Both models' answers, of which one is chosen; undefined if there was nothing to choose, a number to leave. */
async function choice(terminal: ChatTerminal, question: Question): Promise<string | number | undefined> {
  const { party, next, messages, turn } = question;
  const isTurned = (uniform(fold(turn, "order"), 1)[0] as number) < 0.5;
  const order = isTurned ? party.models.toReversed() : party.models;
  const answers: string[] = [];
  for (const [i, model] of order.entries()) {
    terminal.out(`${"AB"[i]}: `);
    answers.push((await spoken(terminal, model, { ...question, turn: fold(turn, i) })).text);
  }
  const [a, b] = answers as [string, string];
  if (a === b) {
    say(terminal, ["Both say the same, so that there is nothing to choose"], EXIT.done);
    return a;
  }
  if (a.trim() === "" || b.trim() === "") {
    say(terminal, ["One says nothing, so that there is nothing to choose"], EXIT.done);
    return a.trim() === "" ? b : a;
  }
  const pick = await picked(terminal, next);
  if (pick === undefined) return EXIT.done;
  const names = order.map(({ name }) => name) as [string, string];
  terminal.err(`A was ${names[0]}, B was ${names[1]}\n`);
  if (pick === "s") return a;
  const [chosen, rejected, models] = pick === "b" ? [b, a, [names[1], names[0]] as const] : [a, b, names];
  const kept = await party.record?.({ prompt: messages, chosen, rejected, label: pick === "=" ? 0.5 : 1, models });
  if (kept?._tag === "Left") return say(terminal, kept.left.sentences, EXIT[kept.left.kind]);
  return chosen;
}

/** What is chosen; undefined when there are no more lines. */
async function picked(terminal: ChatTerminal, next: Asking["next"]): Promise<"a" | "b" | "=" | "s" | undefined> {
  for (let line = await next(QUESTION); line !== undefined; line = await next(QUESTION)) {
    const word = line.trim().toLowerCase();
    if (word === "a" || word === "b" || word === "=" || word === "s") return word;
    say(terminal, [`Cannot take "${line}" for a choice as it must be a, b, = or s`], EXIT.done);
  }
  return undefined;
}

const QUESTION = "Which is better: a, b, = for a tie, s to skip? ";
