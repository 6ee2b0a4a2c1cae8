/** What a text was wrapped in, or broken by, on its way into the file. */
import { promptMessages } from "../data/chat.ts";
import type { Pair } from "../data/pair.ts";
import { type Finding, finding, rowsThat, rowsWhere } from "./finding.ts";

/** Special tokens of chat templates and tokenizers. An HTML `<s>…</s>` inside a text is none. */
const TOKENS = new RegExp(
  [
    String.raw`<\|[\w ]{1,40}\|>`,
    String.raw`<｜[^<>｜]{1,40}｜>`,
    String.raw`<(?:start|end)_of_(?:turn|text|image)>`,
    String.raw`\[/?INST\]|<</?SYS>>`,
    String.raw`<(?:eos|bos|pad|unk|endoftext)>|\[(?:EOS|BOS|PAD|UNK)\]`,
    String.raw`^\s*<s>(?!.*</s>.*\S)|</s>\s*$`,
  ].join("|"),
);

/** Turns of a dialogue inside a reply, or the name of the next speaker at its end. */
const TURNS = new RegExp(
  [
    String.raw`(?:^|\n)[^\S\n]*(?:Human|Assistant|User|System|Bot|AI)\s*:\s*$`,
    String.raw`\n[^\S\n]*(?:Human|Assistant|User|USER|ASSISTANT):\s`,
    String.raw`^\s*(?:Assistant|ASSISTANT|Bot|AI)\s*:`,
    String.raw`(?:^|\n)### ?(?:Instruction|Response|Input|Human|Assistant|User|System)\b`,
    String.raw`(?:^|\n)[^\S\n]*(?:assistant|user|system)\n`,
  ].join("|"),
);

/** A prompt this long is not repeated by chance. */
const LONG = 24;

/** Chat-template tokens, turn markers and repeated prompts inside texts: what a model would learn to write. */
export function templateDebris(pairs: readonly Pair[]): readonly Finding[] {
  const replies = ({ chosen, rejected }: Pair): readonly string[] => [chosen, rejected];
  const tokens = rowsWhere(
    pairs,
    (pair) =>
      [...replies(pair), ...promptMessages(pair.prompt).map(({ content }) => content)].some((text) =>
        TOKENS.test(withoutCode(text))
      ),
  );
  const turns = rowsWhere(pairs, (pair) => replies(pair).some((text) => TURNS.test(withoutCode(text))));
  const echoes = rowsWhere(pairs, (pair) => {
    const asked = (promptMessages(pair.prompt).at(-1)?.content ?? "").trim();
    return asked.length >= LONG && replies(pair).every((text) => text.trimStart().startsWith(asked));
  });
  const kind = "template-debris", severity = "error";
  return [
    ...finding(pairs, tokens, {
      ...{ kind, severity },
      sentence: `${rowsThat(tokens.length, "hold")} special tokens of a chat template or tokenizer as text.`,
      remedy: "Cut them out: the trainer's own template adds them, and here the model learns to spell them.",
    }),
    ...finding(pairs, turns, {
      ...{ kind, severity },
      sentence: `${rowsThat(turns.length, "hold")} a turn marker inside a reply, or the name of a speaker.`,
      remedy: "End each reply before the next turn begins, and cut the speaker's name: else the model talks to itself.",
    }),
    ...finding(pairs, echoes, {
      ...{ kind, severity },
      sentence: `${rowsThat(echoes.length, "repeat")} the prompt at the start of both replies.`,
      remedy: "Cut the prompt off the replies: with a prompt field it would be trained on twice.",
    }),
  ];
}

/** UTF-8 read as Latin-1 or Windows-1252 (`Ã©`, `â€™`, `ðŸ`), replacement characters, lone surrogates, control characters. */
const BROKEN = new RegExp(
  [
    "\u00c3[\u0080-\u00bf\u20ac\u0192\u2020\u2021\u02c6\u2030\u0160\u0152\u017d\u02dc\u2122\u0161\u0153\u017e]",
    "\u00c2[\u00a0-\u00bf]",
    "\u00e2[\u0080\u20ac][\u0080-\u00bf\u0153\u2122\u02dc\u201c\u201d\u0161\u00a6\u00a2\u0152\u2020]",
    "\u00f0[\u009f\u0178][\u0080-\u00bf\u2018-\u201d\u02dc\u2122\u0161\u0153\u20ac]",
    "(?:[\u00d0\u00d1][\u0080-\u00bf\u0152\u0161\u0178\u20ac\u201a\u0192]){2}",
    "\u00ef\u00bb\u00bf|\ufffd",
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0080-\u0084\u0086-\u009f]",
  ].join("|"),
);

/** Characters of HTML that a page would show as something else. */
const ENTITIES = /&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,6}|#x[0-9a-fA-F]{2,6});|<br ?\/?>|<\/(?:p|div|span|li|ul|a)>/;

/** Texts that were decoded wrongly, or not at all. */
export function encodingDebris(pairs: readonly Pair[]): readonly Finding[] {
  const texts = ({ prompt, chosen, rejected }: Pair): readonly string[] => [
    ...promptMessages(prompt).map(({ content }) => content),
    chosen,
    rejected,
  ];
  const broken = rowsWhere(pairs, (pair) => texts(pair).some((text) => BROKEN.test(text) || !text.isWellFormed()));
  const escaped = rowsWhere(
    pairs,
    ({ chosen, rejected }) =>
      [chosen, rejected].some((text) => ENTITIES.test(withoutCode(text)) || doublyEscaped(text)),
  );
  return [
    ...finding(pairs, broken, {
      kind: "encoding-debris",
      severity: "warning",
      sentence: `${
        rowsThat(broken.length, "hold")
      } text decoded with the wrong character set (Ã©, â€™), replacement or control characters.`,
      remedy: "Read the source again as UTF-8; what shows � cannot be mended, and these rows are best dropped.",
    }),
    ...finding(pairs, escaped, {
      kind: "encoding-debris",
      severity: "warning",
      sentence: `${rowsThat(escaped.length, "hold")} HTML (&amp;, <br>) or escapes (\\n) as plain text outside code.`,
      remedy: "Unescape these texts once: the model learns to write the escapes.",
    }),
  ];
}

/** Written `\n` where no real line ends: JSON that was encoded twice. */
function doublyEscaped(text: string): boolean {
  return text.includes("\\n") && !text.includes("\n") && /[.!?:;,)]\s*\\n(?:\\n)?\s*\S/.test(withoutCode(text));
}

/** The text without fenced and quoted code, where such signs are meant. */
function withoutCode(text: string): string {
  return text.includes("`") ? text.replace(/```[\s\S]*?(?:```|$)|`[^`\n]*`/g, " ") : text;
}
