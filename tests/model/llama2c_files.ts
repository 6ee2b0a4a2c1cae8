/** A model of llama2.c with its tokenizer, as the files of a folder in Hugging Face's form. */
import { modelFiles, type PretrainedTokenizer } from "../../mod.ts";
import { readLlama2c } from "./llama2c.ts";

/** A piece of llama2.c's tokenizer: its spelling, and the greater its score, the earlier it is merged. */
interface Piece {
  readonly text: string;
  readonly score: number;
}

/** Ids below this are `<unk>`, `<s>`, `</s>` and the 256 bytes. */
const FIRST = 259;

/** The pieces of a tokenizer's file: the length of the longest, then score, length and bytes of each. */
function piecesOf(bytes: Uint8Array<ArrayBuffer>): readonly Piece[] {
  const view = new DataView(bytes.buffer), utf8 = new TextDecoder();
  const pieces: Piece[] = [];
  for (let at = 4; at < bytes.length;) {
    const length = view.getInt32(at + 4, true);
    pieces.push({ text: utf8.decode(bytes.subarray(at + 8, at + 8 + length)), score: view.getFloat32(at, true) });
    at += 8 + length;
  }
  return pieces;
}

const SPACE = "▁";

/** How a piece is spelled in `tokenizer.json`. */
function spelling({ text }: Piece, id: number): string {
  return id < FIRST ? text.trim() : text.replaceAll(" ", SPACE);
}

/** Every way to put a piece together from two, those of the greatest score first. */
function mergesOf(pieces: readonly Piece[]): readonly string[][] {
  const ids = new Map(pieces.map((piece, id) => [spelling(piece, id), id]));
  return pieces.map((piece, id) => ({ text: spelling(piece, id), score: piece.score, id })).slice(FIRST)
    .toSorted((a, b) => b.score - a.score)
    .flatMap(({ text }) => {
      const letters = [...text];
      const ways = letters.slice(1).map((_, i) => [letters.slice(0, i + 1).join(""), letters.slice(i + 1).join("")]);
      return ways.filter(([left, right]) => ids.has(left as string) && ids.has(right as string));
    });
}

/**
 * SentencePiece's BPE with byte fallback and a blank before the text. The model begins every story with `<s>` and never
 * writes `</s>`: the next `<s>` is where a story ends.
 */
function tokenizerOf(pieces: readonly Piece[]): PretrainedTokenizer {
  const special = ["<unk>", "<s>", "</s>"].map((content, id) => (
    { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  ));
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "Prepend", prepend: SPACE }, {
        type: "Replace",
        pattern: { String: " " },
        content: SPACE,
      }],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }, {
        Sequence: { id: "B", type_id: 0 },
      }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: "<unk>",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(pieces.map((piece, id) => [spelling(piece, id), id])),
      merges: mergesOf(pieces),
    },
  };
  const config = { tokenizer_class: "PreTrainedTokenizerFast", bos_token: "<s>", eos_token: "<s>", unk_token: "<unk>" };
  return {
    files: {
      "tokenizer.json": JSON.stringify(json),
      "tokenizer_config.json": JSON.stringify({ ...config, add_bos_token: true, clean_up_tokenization_spaces: false }),
    },
  };
}

/** The files of a folder, by name. */
export function llama2cFiles(
  weights: Uint8Array<ArrayBuffer>,
  tokenizer: Uint8Array<ArrayBuffer>,
): ReturnType<typeof modelFiles> {
  const { config, params } = readLlama2c(weights, "f32");
  return modelFiles({ config, policy: params, tokenizer: tokenizerOf(piecesOf(tokenizer)) });
}

/** Writes files into a folder. */
export async function writeFiles(folder: string, files: ReturnType<typeof modelFiles>): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const whole = typeof content === "string" ? content : new Blob(Array.from(content, (chunk) => chunk.slice()));
    await Deno.writeFile(`${folder}/${name}`, new Uint8Array(await new Response(whole).arrayBuffer()));
  }
}
