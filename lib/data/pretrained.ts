/**
 * A tokenizer that came with a model: its files as data, run by `@huggingface/tokenizers`.
 */
import { Tokenizer as Engine } from "@huggingface/tokenizers";
import { exactSteps } from "./tokenizer_steps.ts";

/** A tokenizer of any `tokenizer.json`, as plain data. */
export type PretrainedTokenizer = {
  /** Texts of `tokenizer.json` and of the files beside it that concern text, by file name. */
  readonly files: Readonly<Record<string, string>>;
  /** What chat templates take for now, as `2024-07-26T12:30:45`; it is data, so that a run can be repeated. */
  readonly now?: string;
};

/** What the files say, read once. */
export type Reading = {
  readonly engine: Engine;
  readonly vocabSize: number;
  /** The steps before and after the model, as `tokenizer.json` has them. */
  readonly normalizer: unknown;
  readonly decoder: unknown;
  /** Special tokens by name: `bos_token`, `eos_token`, … */
  readonly named: Readonly<Record<string, string>>;
  readonly specialIds: ReadonlySet<number>;
  /** Ids of `eos_token` and of `eos_token_id` in `generation_config.json`; the first is the tokenizer's own. */
  readonly ends: readonly number[];
  /** Ids that the tokenizer puts before a text when asked for special tokens. */
  readonly lead: readonly number[];
  /** Chat templates by name. */
  readonly templates: Readonly<Record<string, string>>;
  /** What `strftime_now` tells. */
  readonly now: string;
};

type Fields = Readonly<Record<string, unknown>>;

/** The day that Llama 3's templates fall back to. */
const NOW = "2024-07-26T00:00:00";

// A memory of a pure function's results: it shows only in the time taken, and goes when the tokenizer goes.
const readings = new WeakMap<PretrainedTokenizer, Reading>();

/**
 * What the files of a tokenizer say.
 *
 * @throws {Error} if the files are none that `readTokenizer` accepts
 */
export function reading(tokenizer: PretrainedTokenizer): Reading {
  const known = readings.get(tokenizer);
  if (known) return known;
  const made = { ...read(tokenizer.files), now: tokenizer.now ?? NOW };
  readings.set(tokenizer, made);
  return made;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function read(files: PretrainedTokenizer["files"]): Omit<Reading, "now"> {
  const json = (name: string): Fields => fieldsOf(JSON.parse(files[name] ?? "{}"));
  const config = json("tokenizer_config.json");
  const named = namedTokens({ ...json("special_tokens_map.json"), ...config });
  // An empty config: what old configs say beside the tokenizer.json is not done by Rust's tokenizers either.
  const engine = new Engine(exactSteps(json("tokenizer.json")), {});
  repairDecoder(engine.decoder, engine.get_added_tokens_decoder());
  const idOf = (name: string): number | undefined =>
    named[name] === undefined ? undefined : engine.token_to_id(named[name]);
  const eos = idOf("eos_token");
  const more = [json("generation_config.json").eos_token_id as number | readonly number[] ?? []].flat();
  const { normalizer, decoder } = json("tokenizer.json");
  return {
    engine,
    normalizer,
    decoder,
    named,
    vocabSize: engine.get_vocab().values().reduce((most, id) => Math.max(most, id + 1), 0),
    specialIds: new Set(engine.get_added_tokens_decoder().values().filter((t) => t.special).map((t) => t.id)),
    ends: [...new Set([...eos === undefined ? [] : [eos], ...more])],
    lead: leadOf(engine, config.add_bos_token === true ? idOf("bos_token") : undefined),
    templates: templatesOf(files, config),
  };
}

/** `bos_token` and its like; a config gives them as strings or as records. */
function namedTokens(config: Fields): Readonly<Record<string, string>> {
  const contents = Object.entries(config).filter(([name]) => name.endsWith("_token"))
    .map(([name, token]) => [name, typeof token === "string" ? token : fieldsOf(token).content] as const);
  return Object.fromEntries(contents.filter(([, content]) => typeof content === "string")) as Record<string, string>;
}

/** What stands before a text: by the post-processor, or as `add_bos_token` in the config would have it. */
function leadOf(engine: Engine, bos: number | undefined): readonly number[] {
  const [bare, whole] = [engine.encode("a", { add_special_tokens: false }).ids, engine.encode("a").ids];
  const lead = whole.slice(0, whole.findIndex((_, at) => bare.every((id, i) => whole[at + i] === id)));
  return bos === undefined || lead.includes(bos) ? lead : [bos, ...lead];
}

/** A model has its templates in a file of their own or, in older form, in the config. */
function templatesOf(files: PretrainedTokenizer["files"], config: Fields): Readonly<Record<string, string>> {
  const file = files["chat_template.jinja"];
  if (file !== undefined) return { default: file };
  const given = config.chat_template;
  if (typeof given === "string") return { default: given };
  return Object.fromEntries((Array.isArray(given) ? given : []).map(({ name, template }) => [name, template]));
}

type Decoder = NonNullable<Engine["decoder"]>;

/**
 * Puts right what the package does otherwise than Rust's tokenizers: bytes that are not UTF-8 are one U+FFFD each, U+FEFF
 * at the start of bytes stays, and added tokens pass a byte-level decoder inside a sequence whole.
 */
function repairDecoder(decoder: Decoder | null, added: ReadonlyMap<number, Decoder["added_tokens"][number]>): void {
  if (decoder === null) return;
  decoder.added_tokens = [...added.values()];
  if (decoder.config.type === "ByteFallback") decoder.decode_chain = joinBytes;
  if ("decoders" in decoder) { for (const part of decoder.decoders as readonly Decoder[]) repairDecoder(part, added); }
}

const BYTE = /^<0x([0-9A-F]{2})>$/i;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Runs of tokens such as `<0xE2>` become the characters they spell. */
function joinBytes(tokens: string[]): string[] {
  const texts: string[] = [];
  const run: number[] = [];
  const flush = (): void => {
    if (run.length === 0) return;
    try {
      texts.push(strict.decode(Uint8Array.from(run)));
    } catch {
      texts.push("\ufffd".repeat(run.length));
    }
    run.length = 0;
  };
  for (const token of tokens) {
    const byte = BYTE.exec(token)?.[1];
    if (byte === undefined) flush(), texts.push(token);
    else run.push(parseInt(byte, 16));
  }
  flush();
  return texts;
}

/** The token ids of a text, `[T]`, without those that begin or end a sequence. */
export function encodePretrained(tokenizer: PretrainedTokenizer, text: string): Int32Array {
  const { engine } = reading(tokenizer);
  const { ids, tokens } = engine.encode(text.toWellFormed(), { add_special_tokens: false });
  const unknown = ids.findIndex((id) => id === undefined);
  if (unknown !== -1) {
    throw new RangeError(
      `Cannot encode text as the tokenizer must have a token for "${tokens[unknown]}": it has none, and no unk_token`,
    );
  }
  return Int32Array.from(ids);
}

/** The text of token ids, without special tokens if so said. */
export function decodePretrained(
  tokenizer: PretrainedTokenizer,
  ids: Iterable<number>,
  skipSpecialTokens: boolean,
): string {
  const { engine, specialIds } = reading(tokenizer);
  const known = Array.from(ids).filter((id) =>
    engine.id_to_token(id) !== undefined && !(skipSpecialTokens && specialIds.has(id))
  );
  return known.length === 0 ? "" : engine.decode(known, { clean_up_tokenization_spaces: false });
}

/** One more than the largest id. */
export function pretrainedVocabSize(tokenizer: PretrainedTokenizer): number {
  return reading(tokenizer).vocabSize;
}
