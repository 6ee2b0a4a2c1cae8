/** Tokenizers of `../shared/reference/templates`, where that folder and the permission to read are there. */
import { assertEquals } from "@std/assert";
import { decode, encode, isPretrained, type Tokenizer } from "../../lib/data/tokenizer.ts";
import { encodePrompt } from "../../lib/data/chat.ts";
import { reading } from "../../lib/data/pretrained.ts";
import { readTokenizer } from "../../lib/data/read_tokenizer.ts";

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
      const { engine } = reading(tokenizer as Extract<Tokenizer, { files: unknown }>);
      const trailing = ["wordpiece", "unigram-metaspace"].includes(folder) ? 1 : 0; // [SEP], </s>
      for (const c of reference.cases) {
        const ids = [...encode(tokenizer, c.text)];
        assertEquals([c.name, ids], [c.name, c.ids]);
        assertEquals(engine.tokenize(c.text), c.tokens);
        assertEquals([c.name, decode(tokenizer, c.ids)], [c.name, c.decoded]);
        const skipped = decode(tokenizer, c.ids, { skipSpecialTokens: true });
        assertEquals([c.name, skipped], [c.name, c.decoded_skip_special ?? c.decoded]);
        const whole: readonly number[] = c.ids_with_special ?? c.ids;
        assertEquals([...encodePrompt(tokenizer, c.text)], whole.slice(0, whole.length - trailing));
      }
      for (const { ids, decoded } of reference.prefixes_of_an_encoding_decoded) {
        assertEquals(decode(tokenizer, ids), decoded);
      }
    },
  });
}
