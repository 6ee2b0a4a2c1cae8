/** Tokenizers of `../shared/reference/templates`, where that folder and the permission to read are there. */
import { assertEquals, assertThrows } from "@std/assert";
import { decode, encode, isPretrained, type Tokenizer } from "../../lib/data/tokenizer.ts";
import { encodePrompt } from "../../lib/data/chat.ts";
import { renderChat } from "../../lib/data/chat_template.ts";
import { type PretrainedTokenizer, reading } from "../../lib/data/pretrained.ts";
import { encodeChat } from "../../lib/data/pretrained_chat.ts";
import { readTokenizer } from "../../lib/data/read_tokenizer.ts";
import { renderTemplate } from "../../lib/data/template/render.ts";
import { TemplateError } from "../../lib/data/template/template_error.ts";
import { tokenOffsets } from "../../lib/data/token_offsets.ts";

const FOLDER = new URL("../../../shared/reference/templates/", import.meta.url);
const readable = (await Deno.permissions.query({ name: "read", path: FOLDER })).state === "granted" &&
  await Deno.stat(FOLDER).then(() => true, () => false);

// deno-lint-ignore no-explicit-any
type Json = any;
const text = (path: string): Promise<string> => Deno.readTextFile(new URL(path, FOLDER));

async function load(folder: string, file = "tokenizer.json"): Promise<Tokenizer> {
  const read = readTokenizer({
    "tokenizer.json": await text(`${folder}/${file}`),
    "tokenizer_config.json": await text(`${folder}/tokenizer_config.json`),
  });
  if (read._tag === "Left") throw new Error(read.left.sentences.join("\n"));
  return read.right.tokenizer;
}

const KINDS = [
  "gpt2-byte-bpe",
  "llama3-byte-bpe",
  "qwen2-byte-bpe",
  "unigram-metaspace",
  "wordpiece",
  "sp-bpe-byte-fallback",
];
for (const kind of [...KINDS, "gpt2-byte-bpe/legacy"]) {
  Deno.test({
    name: `shared reference: ${kind} gives the ids and texts of tokenizers on all strings`,
    ignore: !readable,
    fn: async () => {
      const [folder, legacy] = kind.split("/") as [string, string?];
      const tokenizer = await load(`tokenizers/${folder}`, legacy ? "tokenizer.legacy-merges.json" : undefined);
      const reference: Json = JSON.parse(await text(`tokenizers/${folder}/cases.json`));
      assertEquals(isPretrained(tokenizer), true);
      const { engine } = reading(tokenizer as PretrainedTokenizer);
      const trailing = ["wordpiece", "unigram-metaspace"].includes(folder) ? 1 : 0; // [SEP], </s>
      for (const c of reference.cases) {
        const ids = [...encode(tokenizer, c.text)];
        assertEquals([c.name, ids], [c.name, c.ids]);
        assertEquals(engine.tokenize(c.text), c.tokens);
        assertEquals([c.name, decode(tokenizer, c.ids)], [c.name, c.decoded]);
        const skipped = decode(tokenizer, c.ids, { skipSpecialTokens: true });
        assertEquals([c.name, skipped], [c.name, c.decoded_skip_special ?? c.decoded]);
        const whole: readonly number[] = c.ids_with_special ?? c.ids;
        const begun = whole.slice(0, whole.length - trailing);
        const isBegun = begun.length > c.ids.length && begun[0] === c.ids[0]; // the text spells what begins it: once, here
        assertEquals([...encodePrompt(tokenizer, c.text)], isBegun ? c.ids : begun);
      }
      assertEquals(tokenOffsets(tokenizer as PretrainedTokenizer, reference.offsets.text), reference.offsets.offsets);
      for (const { ids, decoded } of reference.prefixes_of_an_encoding_decoded) {
        assertEquals(decode(tokenizer, ids), decoded);
      }
    },
  });
}

const STYLES = [
  "chatml",
  "chatml_masked",
  "gemma",
  "gemma_folded_system",
  "llama3",
  "mistral",
  "phi3",
  "tools_generation",
];
const MODES = [
  ["plain", {}],
  ["generation_prompt", { addGenerationPrompt: true }],
  ["continue_final_message", { continueFinalMessage: true }],
] as const;
for (const style of STYLES) {
  for (const embedded of [false, true]) {
    Deno.test({
      name: `shared reference: ${style}${
        embedded ? ", its template in the config," : ""
      } is written as transformers does`,
      ignore: !readable,
      fn: async () => {
        const config = `chat/${style}/tokenizer_config${embedded ? ".embedded" : ""}.json`;
        const read = readTokenizer({
          "tokenizer.json": await text(`chat/${style}/tokenizer.json`),
          "tokenizer_config.json": await text(config),
          ...!embedded && { "chat_template.jinja": await text(`chat/${style}/chat_template.jinja`) },
        }, { now: "2024-07-26T12:30:45" });
        if (read._tag === "Left") throw new Error(read.left.sentences.join("\n"));
        const tokenizer = read.right.tokenizer as PretrainedTokenizer;
        const reference: Json = JSON.parse(await text(`chat/${style}/cases.json`));
        for (const c of reference.cases) {
          for (const [mode, options] of MODES) {
            const expected = c[mode];
            if (expected === undefined) continue;
            const all = { ...options, tools: c.tools, variables: c.kwargs };
            if (expected.error_type !== undefined) {
              const said = expected.error_type === "TemplateError" ? expected.error : undefined;
              assertThrows(() => renderChat(tokenizer, c.messages, all), RangeError, said);
              continue;
            }
            assertEquals([c.name, mode, renderChat(tokenizer, c.messages, all).text], [c.name, mode, expected.text]);
            if (expected.ids === undefined) continue;
            const { ids, assistantMask } = encodeChat(tokenizer, c.messages, all);
            assertEquals([c.name, mode, [...ids]], [c.name, mode, expected.ids]);
            assertEquals(assistantMask && [...assistantMask], expected.assistant_mask);
          }
        }
      },
    });
  }
}

Deno.test({
  name: "shared reference: of 169 features of Jinja 150 are written equal, 13 are refused by name, 6 fail as there",
  ignore: !readable,
  fn: async () => {
    const { cases }: Json = JSON.parse(await text("jinja_features.json"));
    const counts = { equal: 0, refused: 0, failed: 0 };
    for (const c of cases) {
      try {
        assertEquals([c.template, renderTemplate(c.template, c.variables, "2024-07-26T12:30:45").text], [
          c.template,
          c.text,
        ]);
        counts.equal++;
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        if (error.reason !== "unsupported") assertEquals([c.template, c.text], [c.template, undefined], error.message);
        counts[error.reason === "unsupported" ? "refused" : "failed"]++;
      }
    }
    assertEquals(counts, { equal: 150, refused: 13, failed: 6 });
  },
});
