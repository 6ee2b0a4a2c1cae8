import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decodeCompletion,
  encodeCompletion,
  encodePrompt,
  endIds,
  type Message,
  specialId,
} from "../../lib/data/chat.ts";
import { type ChatMessage, type ChatOptions, chatSegments, renderChat } from "../../lib/data/chat_template.ts";
import type { PretrainedTokenizer } from "../../lib/data/pretrained.ts";
import { encodeChat } from "../../lib/data/pretrained_chat.ts";
import { readTokenizer } from "../../lib/data/read_tokenizer.ts";
import { decode, encode } from "../../lib/data/tokenizer.ts";
import { encodePair } from "../../lib/data/token_pair.ts";
import { type Expected, fixture, type Kind, type Style, tokenizerOf } from "./template/fixture.ts";

const MODES: Readonly<Record<string, ChatOptions>> = {
  plain: {},
  prompt: { addGenerationPrompt: true },
  open: { continueFinalMessage: true },
};
type Case = Expected & {
  readonly style: Style;
  readonly chat: keyof typeof fixture.conversations;
  readonly mode: string;
};

for (const kind of Object.keys(fixture.kinds) as readonly Kind[]) {
  Deno.test(`${kind}: 124 conversations in four templates: texts, ids and masks are transformers', or an error where it has one`, () => {
    for (const { style, chat, mode, text, ids, mask, error } of fixture.kinds[kind].chats as readonly Case[]) {
      const tokenizer = tokenizerOf(kind, fixture.templates[style]);
      const { messages, tools } = fixture.conversations[chat] as {
        readonly messages: ChatMessage[];
        readonly tools?: object[];
      };
      const options = { ...MODES[mode], ...tools && { tools } };
      const name = `${style}, ${chat}, ${mode}`;
      if (error !== undefined) {
        const said = /^TemplateError: (.*)/.exec(error)?.[1];
        assertThrows(() => renderChat(tokenizer, messages, options), RangeError, said, name);
        continue;
      }
      const found = encodeChat(tokenizer, messages, options);
      if (text !== undefined) assertEquals([name, renderChat(tokenizer, messages, options).text], [name, text]);
      assertEquals([name, [...found.ids]], [name, ids]);
      if (mask !== undefined) assertEquals([name, [...found.assistantMask ?? []]], [name, mask]);
    }
  });
}

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });
const turns = tokenizerOf("byteLevel", fixture.templates.turns, { add_bos_token: false });
const begin = tokenizerOf("byteLevel", fixture.templates.begin);
const last = tokenizerOf("byteLevel", fixture.templates.last);
const spelled = (tokenizer: PretrainedTokenizer, ids: Int32Array): string => decode(tokenizer, ids);

Deno.test("prompt and completion part where the generation prompt ends, and are together the ids of the whole", () => {
  const messages = [user("Hi"), assistant("Hello."), user("Tide?")];
  for (
    const [tokenizer, completion] of [[turns, "High.<|close|>\n"], [begin, " High.<|end|>"], [
      last,
      "High.<|close|>\n<|end|>",
    ]] as const
  ) {
    const [prompt, answer] = [encodePrompt(tokenizer, messages), encodeCompletion(tokenizer, "High.", messages)];
    assertEquals(spelled(tokenizer, answer), completion);
    const whole = encodeChat(tokenizer, [...messages, assistant("High.")]).ids;
    const bos = specialId(tokenizer, "<|begin|>");
    assertEquals([...prompt, ...answer].filter((id) => id !== bos), [...whole].filter((id) => id !== bos));
    assertEquals(decodeCompletion(tokenizer, answer).trim(), "High.");
  }
});

Deno.test("what begins a sequence is there once, whether the template writes it or the tokenizer adds it", () => {
  const pieces = tokenizerOf("sentencepiece", fixture.templates.turns);
  for (const [tokenizer, times] of [[turns, 1], [begin, 1], [last, 1], [pieces, 0]] as const) {
    const ids = encodePrompt(tokenizer, "Tide?");
    const bos = specialId(tokenizer, "<|begin|>");
    assertEquals([ids.filter((id) => id === bos).length, ids[0] === bos], [times, times === 1]);
  }
});

Deno.test("the end token is the one that the template writes behind an answer, and is there once", () => {
  const ends = (tokenizer: PretrainedTokenizer): readonly string[] =>
    endIds(tokenizer).map((id) => decode(tokenizer, [id]));
  assertEquals([ends(turns), ends(begin), ends(last)], [["<|close|>", "<|end|>"], ["<|end|>"], [
    "<|close|>",
    "<|end|>",
  ]]);
  const open = tokenizerOf("byteLevel", "{% for m in messages %}{{ m.content }}{% endfor %}");
  assertEquals(spelled(open, encodeCompletion(open, "a", "b")), "a<|end|>");
  assertEquals([...encodeCompletion(begin, "a", "b")].filter((id) => id === endIds(begin)[0]).length, 1);
});

Deno.test("a template that writes the prompt otherwise once it is answered gives what it adds to the last turn", () => {
  const messages: readonly Message[] = [{ role: "system", content: "Be brief." }, user("Tide?")];
  assertEquals(spelled(last, encodePrompt(last, messages)), "<|begin|><|open|>Be brief.\nTide?<|close|>");
  assertEquals(spelled(last, encodeCompletion(last, "High.", messages)), "High.<|close|>\n<|end|>");
  const anew = "{% if messages[-1].role == 'assistant' %}{{ messages | length }}{% endif %}{{ messages[0].content }}";
  assertThrows(
    () => encodeCompletion(tokenizerOf("byteLevel", anew), "a", "b"),
    RangeError,
    "the chat template must add it to the prompt",
  );
});

Deno.test("chatSegments() come from generation blocks, or from what each turn adds, and join to the whole", () => {
  const messages = [user("assistant: yes"), assistant("yes"), user("yes"), assistant("no")];
  const written = (tokenizer: PretrainedTokenizer): readonly string[] => {
    const segments = chatSegments(tokenizer, messages);
    assertEquals(segments.map(({ text }) => text).join(""), renderChat(tokenizer, messages).text);
    return segments.filter(({ role }) => role === "assistant").map(({ text }) => text);
  };
  assertEquals(written(turns), ["yes<|close|>", "no<|close|>"]);
  assertEquals(written(begin), [" yes<|end|>", " no<|end|>"]);
  assertThrows(() => written(last), RangeError, "must write turns the same whatever follows: turn 2 changes");
});

Deno.test("without a chat template a prompt is plain text, several turns are a dialogue, and the end token comes last", () => {
  for (const kind of ["byteLevel", "sentencepiece"] as const) {
    const tokenizer = tokenizerOf(kind);
    const { prompt, chosen, rejected } = encodePair(tokenizer, {
      id: "0",
      prompt: "The tide",
      chosen: " is high",
      rejected: "s",
    });
    assertEquals(decode(tokenizer, [...prompt, ...chosen], { skipSpecialTokens: true }), "The tide is high");
    assertEquals(decode(tokenizer, [...prompt, ...rejected], { skipSpecialTokens: true }), "The tides");
    assertEquals([chosen.at(-1), rejected.at(-1)], [endIds(tokenizer)[0], endIds(tokenizer)[0]]);
    const several = encodePrompt(tokenizer, [{ role: "system", content: "S" }, user("a"), assistant("b"), user("c")]);
    const dialogue = "S\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:";
    assertEquals(decode(tokenizer, several, { skipSpecialTokens: true }), dialogue);
  }
});

Deno.test("no token crosses the border: what would merge with the prompt is encoded on its own", () => {
  const tokenizer = tokenizerOf("byteLevel");
  assertEquals(
    [...encode(tokenizer, " keeper")].length < [...encode(tokenizer, " ke"), ...encode(tokenizer, "eper")].length,
    true,
  );
  const { prompt, chosen } = encodePair(tokenizer, { id: "0", prompt: " ke", chosen: "eper", rejected: "x" });
  assertEquals([decode(tokenizer, prompt), decode(tokenizer, chosen)], ["<|begin|> ke", "eper<|end|>"]);
});

Deno.test("readTokenizer() refuses a template by its construct's name, and says what is odd about one", () => {
  const { files } = tokenizerOf("byteLevel");
  const read = (template: string, now?: string): readonly string[] => {
    const found = readTokenizer({ ...files, "chat_template.jinja": template }, now === undefined ? {} : { now });
    return found._tag === "Left" ? found.left.sentences : found.right.warnings;
  };
  assertEquals(read("{{ messages | groupby('role') }}"), [
    "Cannot render chat template as the filter groupby is not supported. A chat_template.jinja in the folder takes its place",
  ]);
  assertEquals(read("{{ bos_token }}{{ messages[0].content }}"), []);
  const notBegun =
    "The chat template does not begin with what the tokenizer puts before a text: it is put before prompts, once";
  assertEquals(read("{{ messages[0].content }}"), [notBegun]);
  assertEquals(read("{{ bos_token }}{{ strftime_now('%Y') }}", "2031-01-02T03:04:05"), [
    "The chat template writes the date: it writes 2031-01-02",
  ]);
  assert(read("{% if x %}")[0]?.startsWith("Cannot render chat template as a block is not closed"));
});

Deno.test("a model may have templates by name: tool_use is taken for tools", () => {
  const named = [{ name: "default", template: "d" }, { name: "tool_use", template: "t{{ tools | length }}" }];
  const tokenizer = tokenizerOf("byteLevel", undefined, { chat_template: named });
  assertEquals(renderChat(tokenizer, [user("a")]).text, "d");
  assertEquals(renderChat(tokenizer, [user("a")], { tools: [{}, {}] }).text, "t2");
});

Deno.test("a message's reasoning is there under the names that templates read, whatever it is called", () => {
  const template = "{% for m in messages %}{{ m.thinking }},{{ m.reasoning_content }};{% endfor %}";
  const tokenizer = tokenizerOf("byteLevel", template);
  const messages = [{ reasoning_content: "a" }, { thinking: "b" }, { reasoning: "c" }, { reasoning: null }, {}];
  const written = renderChat(tokenizer, messages.map((more) => ({ role: "assistant", content: "x", ...more }))).text;
  assertEquals(written, "a,a;b,b;c,c;,;,;");
});
