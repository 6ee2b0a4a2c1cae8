/**
 * The tokenizer in a model's folder: its files become data, once it is sure that they can be used.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, type Failure, inputFailure, left, type Result, right, traverse } from "../result.ts";
import { CHAT_TEMPLATE, CHAT_TOKENS } from "./chat_tokens.ts";
import { shown } from "./issue.ts";
import { templateSentence } from "./chat_template.ts";
import { patternFault } from "./pattern_cost.ts";
import { type PretrainedTokenizer, reading } from "./pretrained.ts";
import { beginsSequence } from "./pretrained_chat.ts";
import { parseTemplate } from "./template/parse.ts";
import { TemplateError } from "./template/template_error.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { tokenizerFromJson } from "./tokenizer_from_json.ts";

type Fields = Readonly<Record<string, unknown>>;
type Read<T> = Result<readonly string[], T>;

/** A tokenizer, and what is to be said about it. */
export interface ReadTokenizer {
  /** As data; what it needs to run is made when it is first used. */
  readonly tokenizer: Tokenizer;
  /** Sentences to print. */
  readonly warnings: readonly string[];
}

/** The files of a model's folder that concern text; only the first must be there. */
export const TOKENIZER_FILES: readonly string[] = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "generation_config.json",
];

/** Ids beyond this many are no vocabulary. */
const MOST_IDS = 4_000_000;

/**
 * The tokenizer of a model's folder: byte-level BPE, BPE of SentencePiece's kind, Unigram or WordPiece.
 *
 * @param files texts by file name: `tokenizer.json`, and of `TOKENIZER_FILES` those that are there
 * @param options `now`: what chat templates take for now, as `2024-07-26T12:30:45` (that day by default, so that a run can
 * be repeated)
 * @returns the tokenizer, or a sentence for everything that keeps the files from being one
 * @example
 * ```ts
 * import { readTokenizer, tokenizerJson, trainTokenizer } from "@logratio/logratio";
 * const file = JSON.stringify(tokenizerJson(trainTokenizer([], { vocabSize: 256 })));
 * readTokenizer({ "tokenizer.json": file }); // right({ tokenizer, warnings: [] })
 * ```
 */
export function readTokenizer(
  files: Readonly<Record<string, string>>,
  { now }: { readonly now?: string } = {},
): Result<Failure, ReadTokenizer> {
  const kept = Object.fromEntries(TOKENIZER_FILES.flatMap((name) => {
    const text = files[name];
    return text === undefined ? [] : [[name, text] as const];
  }));
  return pipe(
    parseFiles(kept),
    E.flatMap((json): Read<ReadTokenizer> => {
      const own = ownTokenizer(kept, json);
      if (own) return right({ tokenizer: own, warnings: [] });
      return pipe(
        checkFile(json["tokenizer.json"] ?? {}),
        E.flatMap(() => check({ files: kept, ...now !== undefined && { now } })),
      );
    }),
    E.match((errors) => inputFailure(...errors), right),
  );
}

function refuse(file: string, rule: string, value: unknown): Read<never> {
  return left([`Cannot read ${file} as ${rule}: current value is ${shown(value)}`]);
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

/** The JSON files, parsed. */
function parseFiles(files: PretrainedTokenizer["files"]): Read<Readonly<Record<string, Fields>>> {
  if (files["tokenizer.json"] === undefined) {
    return left(["Cannot read tokenizer as its folder must have tokenizer.json"]);
  }
  const names = Object.keys(files).filter((name) => name.endsWith(".json"));
  const parse = (name: string): Read<readonly [string, Fields]> => {
    try {
      const json: unknown = JSON.parse(files[name] as string);
      const isRecord = typeof json === "object" && json !== null && !Array.isArray(json);
      return isRecord ? right([name, json as Fields]) : refuse(name, "it must hold a record", json);
    } catch (error) {
      return left([`Cannot read ${name} as it must be JSON: ${(error as Error).message}`]);
    }
  };
  return pipe(traverse(names, parse), E.map(Object.fromEntries));
}

/** A tokenizer that `trainTokenizer` made: the chat tokens of this library, and no other chat template than its own. */
function ownTokenizer(
  files: PretrainedTokenizer["files"],
  json: Readonly<Record<string, Fields>>,
): Tokenizer | undefined {
  const read = tokenizerFromJson(json["tokenizer.json"]);
  if (read._tag === "Left") return undefined;
  const template = files["chat_template.jinja"] ?? json["tokenizer_config.json"]?.chat_template ?? CHAT_TEMPLATE;
  const isOwn = CHAT_TOKENS.every((name) => Object.hasOwn(read.right.specialTokens, name)) &&
    template === CHAT_TEMPLATE;
  return isOwn ? read.right : undefined;
}

/** What the tokenizers package would not notice, or say in words of its own. */
function checkFile(json: Fields): Read<unknown> {
  const model = fieldsOf(json.model);
  const ids = vocabulary(model);
  const added = Array.isArray(json.added_tokens) ? json.added_tokens.map(fieldsOf) : [];
  const off = [
    ...["dropout", "continuing_subword_prefix"].filter((name) => model.type === "BPE" && model[name]),
    ...["byte_fallback"].filter((name) => model.type === "Unigram" && model[name]),
  ];
  const kind = ["BPE", "Unigram", "WordPiece"].includes(model.type as string)
    ? right(0)
    : refuse("tokenizer.json", 'model.type must be "BPE", "Unigram", "WordPiece"', model.type);
  return all({
    kind,
    ids: checkIds([...ids, ...added.map((t) => [t.content, t.id] as const)]),
    unique: checkUnique(ids),
    merges: model.type === "BPE" ? checkMerges(model, new Set(ids.map(([token]) => token))) : right(0),
    patterns: traverse(patternsOf(json), (pattern) => {
      const fault = patternFault(pattern);
      return fault === undefined ? right(0) : refuse("tokenizer.json", fault, pattern);
    }),
    off: traverse(off, (name) => refuse("tokenizer.json", `model.${name} must be off`, model[name])),
    words: traverse(
      added.filter((token) => token.single_word === true),
      (token) => refuse("tokenizer.json", "an added token must not be single_word", token.content),
    ),
  });
}

/** The regular expressions of the steps before and after the model. */
function patternsOf({ normalizer, pre_tokenizer, post_processor, decoder }: Fields): readonly string[] {
  const patterns: string[] = [], left: unknown[] = [normalizer, pre_tokenizer, post_processor, decoder];
  while (left.length > 0) {
    const { Regex, ...fields } = fieldsOf(left.pop());
    if (typeof Regex === "string") patterns.push(Regex);
    left.push(...Object.values(fields));
  }
  return patterns;
}

/** The tokens of a model with their ids: a record, or Unigram's list. */
function vocabulary({ vocab, type }: Fields): readonly (readonly [token: unknown, id: unknown])[] {
  if (type === "Unigram") return (Array.isArray(vocab) ? vocab : []).map((entry, id) => [fieldsOf(entry)[0], id]);
  return Object.entries(fieldsOf(vocab));
}

function checkIds(entries: readonly (readonly [token: unknown, id: unknown])[]): Read<unknown> {
  if (entries.length === 0) return refuse("tokenizer.json", "model.vocab must hold tokens", undefined);
  const wrong = entries.find(([token, id]) =>
    !(typeof token === "string" && Number.isInteger(id) && (id as number) >= 0 && (id as number) < MOST_IDS)
  );
  if (wrong === undefined) return right(0);
  return refuse("tokenizer.json", `token ${shown(wrong[0])} must have an id from 0 to ${MOST_IDS - 1}`, wrong[1]);
}

function checkUnique(entries: readonly (readonly [token: unknown, id: unknown])[]): Read<unknown> {
  const tokens = new Map<unknown, unknown>();
  for (const [token, id] of entries) {
    if (tokens.has(id)) {
      return refuse(
        "tokenizer.json",
        `tokens ${shown(tokens.get(id))} and ${shown(token)} must have ids of their own`,
        id,
      );
    }
    tokens.set(id, token);
  }
  return right(0);
}

/** Every merge is of two tokens and makes a third; `"a b"` and `["a", "b"]` are one merge. */
function checkMerges({ merges }: Fields, tokens: ReadonlySet<unknown>): Read<unknown> {
  if (!Array.isArray(merges)) return refuse("tokenizer.json", "model.merges must be a list", merges);
  for (const merge of merges as readonly unknown[]) {
    const parts: readonly unknown[] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    if (parts.length !== 2 || ![...parts, parts.join("")].every((token) => tokens.has(token))) {
      return refuse("tokenizer.json", "a merge must be of two tokens and what it makes be a token", merge);
    }
  }
  return right(0);
}

/** The tokenizer, tried; what the package cannot do is an error of its own. */
function check(tokenizer: PretrainedTokenizer): Read<ReadTokenizer> {
  try {
    reading(tokenizer);
  } catch (error) {
    return left([`Cannot read tokenizer.json as it must be one that can be computed: ${(error as Error).message}`]);
  }
  const fault = templateFault(tokenizer);
  return fault === undefined ? right({ tokenizer, warnings: remarks(tokenizer) }) : left([fault]);
}

/** What keeps the chat template from being used at all. */
function templateFault(tokenizer: PretrainedTokenizer): string | undefined {
  try {
    const { templates } = reading(tokenizer);
    for (const name of ["default", "tool_use"]) if (templates[name] !== undefined) parseTemplate(templates[name]);
    return undefined;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return `${templateSentence(error)}. A chat_template.jinja in the folder takes its place`;
  }
}

function remarks(tokenizer: PretrainedTokenizer): readonly string[] {
  const { vocabSize, engine, templates, lead, now, normalizer } = reading(tokenizer);
  const gaps = vocabSize - engine.get_vocab().keys().filter((token) => token !== undefined).toArray().length;
  const all = Object.values(templates).join();
  const plain =
    "a prompt is its plain text, several turns are a dialogue of Human: and Assistant:, and a completion is " +
    "its text and the end token";
  return [
    ...gaps > 0 ? [`${gaps} ids of the tokenizer belong to no token: they decode to nothing`] : [],
    ...JSON.stringify(normalizer ?? null).includes('"type":"Precompiled"')
      ? ["The tokenizer's Precompiled normalizer is computed as NFKC, which a few rare characters may show"]
      : [],
    ...all === "" ? [`The model has no chat template: ${plain}`] : [],
    ...all !== "" && lead.length > 0 && !beginsSequence(tokenizer)
      ? ["The chat template does not begin with what the tokenizer puts before a text: it is put before prompts, once"]
      : [],
    ...all.includes("strftime_now") ? [`The chat template writes the date: it writes ${now.slice(0, 10)}`] : [],
  ];
}
