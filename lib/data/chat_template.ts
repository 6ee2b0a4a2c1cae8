/**
 * Conversations in the words of a model's own chat template.
 */
import { type PretrainedTokenizer, reading } from "./pretrained.ts";
import { type Rendered, renderTemplate } from "./template/render.ts";
import { TemplateError } from "./template/template_error.ts";

/** A message as chat templates take it: any role, text or parts, tool calls, and whatever else a template reads. */
export interface ChatMessage {
  /** Who speaks: `system`, `user`, `assistant`, `tool`, or what else a template knows. */
  readonly role: string;
  /** A text, or parts with a `type`. */
  readonly content?: string | readonly Readonly<Record<string, unknown>>[] | null;
  /** More that the template reads, such as `tool_calls`. */
  readonly [name: string]: unknown;
}

/** How to render. */
export interface ChatOptions {
  /** Ends with what asks for the assistant's answer. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** Leaves the last message open, to be gone on with. Default false. */
  readonly continueFinalMessage?: boolean;
  /** JSON schemas of the tools that may be called. */
  readonly tools?: readonly unknown[];
  /** Documents to answer from. */
  readonly documents?: readonly unknown[];
  /** Further variables by name, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A stretch of a rendered conversation. */
export interface ChatSegment {
  /** `assistant` for what the assistant wrote, `context` for the rest. */
  readonly role: "assistant" | "context";
  /** Its text; joined, the segments are the whole. */
  readonly text: string;
}

/** Marks the end of a message that is to be gone on with; the blank shows whether the template trims. */
const OPEN_END = "CONTINUE_FINAL_MESSAGE_TAG ";

/** Whether a model has a chat template. */
export function hasChatTemplate(tokenizer: PretrainedTokenizer): boolean {
  return templateOf(tokenizer) !== undefined;
}

/** The template of that name, else the default one. */
function templateOf(tokenizer: PretrainedTokenizer, name = "default"): string | undefined {
  const { templates } = reading(tokenizer);
  return templates[name] ?? templates.default;
}

/**
 * A conversation as the model's chat template writes it, equal to transformers' `apply_chat_template(tokenize=False)`, or
 * not at all: what is computed otherwise here is refused by the name of the construct.
 *
 * `strftime_now` tells the time of the tokenizer's reading, so that a run can be repeated.
 *
 * @throws {RangeError} if there is no template, or it refuses the messages, fails, or does not come to an end
 * @example
 * ```ts
 * import { type PretrainedTokenizer, renderChat } from "@logratio/logratio";
 * const ask = (tokenizer: PretrainedTokenizer, question: string) =>
 *   renderChat(tokenizer, [{ role: "user", content: question }], { addGenerationPrompt: true }).text;
 * ```
 */
export function renderChat(
  tokenizer: PretrainedTokenizer,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): Rendered {
  const { addGenerationPrompt = false, continueFinalMessage = false, tools, documents, variables = {} } = options;
  const template = templateOf(tokenizer, tools ? "tool_use" : "default");
  if (template === undefined) {
    throw new RangeError("Cannot render a chat as the model must have a chat template: it has none");
  }
  if (continueFinalMessage && addGenerationPrompt) {
    throw new RangeError("Cannot render a chat as a message is either gone on with or asked for: both are wanted");
  }
  const { named, now } = reading(tokenizer);
  const clean = messages.map(plain);
  const given = continueFinalMessage ? leftOpen(clean) : clean;
  const all = { ...named, messages: given, tools: tools ?? null, documents: documents ?? null, ...variables };
  try {
    const rendered = renderTemplate(template, { ...all, add_generation_prompt: addGenerationPrompt }, now);
    return continueFinalMessage ? cutOpen(rendered) : rendered;
  } catch (error) {
    if (error instanceof TemplateError) throw new RangeError(templateSentence(error), { cause: error });
    throw error;
  }
}

/** A message without what is null; its reasoning, whatever it is called, under both names that templates read. */
function plain(message: ChatMessage): Readonly<Record<string, unknown>> {
  const said = Object.fromEntries(Object.entries(message).filter(([, item]) => item !== null && item !== undefined));
  const reasoning = said.reasoning_content ?? said.thinking ?? said.reasoning;
  return reasoning === undefined ? said : { thinking: reasoning, ...said, reasoning_content: reasoning };
}

/** What a template that gave no text is told about in. */
export function templateSentence({ reason, message }: TemplateError): string {
  const rule =
    { raised: `it refuses the messages: ${message}`, error: message, unsupported: message, limit: message }[reason];
  return `Cannot render chat template as ${rule}`;
}

/** The messages, with a mark behind the text of the last. */
function leftOpen(
  messages: readonly Readonly<Record<string, unknown>>[],
): readonly Readonly<Record<string, unknown>>[] {
  const last = messages.at(-1);
  const content = last?.content;
  if (typeof content === "string") return [...messages.slice(0, -1), { ...last, content: content + OPEN_END }];
  const parts = Array.isArray(content) ? content as readonly Readonly<Record<string, unknown>>[] : [];
  const at = parts.findLastIndex((part) => typeof part.text === "string");
  if (at === -1) throw new RangeError("Cannot go on with the last message as it must have a text: it has none");
  const marked = parts.map((part, i) => i === at ? { ...part, text: part.text + OPEN_END } : part);
  return [...messages.slice(0, -1), { ...last, content: marked }];
}

function cutOpen({ text, spans }: Rendered): Rendered {
  const at = text.lastIndexOf(OPEN_END.trimEnd());
  if (at === -1) {
    throw new RangeError("Cannot go on with the last message as the chat template must write it: it does not");
  }
  const kept = text.startsWith(OPEN_END, at) ? text.slice(0, at) : text.slice(0, at).trimEnd();
  const cut = spans.map(([start, end]) => [Math.min(start, kept.length), Math.min(end, kept.length)] as const);
  return { text: kept, spans: cut };
}

/**
 * A conversation in stretches of the assistant's own words, with what ends them, and of everything else.
 *
 * They come from the template: from its `{% generation %}` blocks, or else from what it adds to the conversation before
 * an assistant's turn once that is there. Nothing is ever looked for in the text.
 *
 * @throws {RangeError} if a template without such blocks writes earlier turns otherwise once others follow
 */
export function chatSegments(
  tokenizer: PretrainedTokenizer,
  messages: readonly ChatMessage[],
  options: Omit<ChatOptions, "continueFinalMessage"> = {},
): readonly ChatSegment[] {
  const rendered = renderChat(tokenizer, messages, options);
  const spans = marksGeneration(tokenizer, options)
    ? rendered.spans
    : addedSpans(tokenizer, messages, options, rendered);
  const segments: ChatSegment[] = [];
  let at = 0;
  for (const [start, end] of spans) {
    segments.push({ role: "context", text: rendered.text.slice(at, start) });
    segments.push({ role: "assistant", text: rendered.text.slice(start, end) });
    at = end;
  }
  segments.push({ role: "context", text: rendered.text.slice(at) });
  return segments.filter(({ text }) => text !== "");
}

/** Whether the template says itself what the assistant wrote. */
export function marksGeneration(tokenizer: PretrainedTokenizer, { tools }: ChatOptions = {}): boolean {
  return /\{%[-+]?\s*generation\b/.test(templateOf(tokenizer, tools ? "tool_use" : "default") ?? "");
}

/** What each assistant's turn adds to the conversation before it, which has asked for it. */
function addedSpans(
  tokenizer: PretrainedTokenizer,
  messages: readonly ChatMessage[],
  options: ChatOptions,
  whole: Rendered,
): Rendered["spans"] {
  const turns = messages.flatMap(({ role }, i) => role === "assistant" ? [i] : []);
  return turns.map((i) => {
    const upTo = (n: number, addGenerationPrompt: boolean): string =>
      n === messages.length && addGenerationPrompt === (options.addGenerationPrompt ?? false)
        ? whole.text
        : renderChat(tokenizer, messages.slice(0, n), { ...options, addGenerationPrompt }).text;
    const [before, after] = [upTo(i, true), upTo(i + 1, false)];
    if (!after.startsWith(before) || !whole.text.startsWith(after)) {
      throw new RangeError(
        "Cannot tell the assistant's turns as a chat template without generation blocks must write turns the same " +
          `whatever follows: turn ${i + 1} changes`,
      );
    }
    return [before.length, after.length] as const;
  });
}
