/**
 * Reading a `tokenizer.json` back.
 */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, type Failure, inputFailure, left, type Result, right, traverse } from "../result.ts";
import { bytesOf } from "./byte_level.ts";
import { shown } from "./issue.ts";
import type { BytePairTokenizer } from "./byte_pair.ts";

type Fields = Readonly<Record<string, unknown>>;
type Read<T> = Result<readonly string[], T>;

/**
 * The tokenizer of a `tokenizer.json`: byte-level BPE without normalizer or post-processor, as GPT-2's kind and
 * `tokenizerJson` have it.
 *
 * @param json the parsed file
 * @returns the tokenizer, or a sentence for everything in the file that would make its ids come out differently
 */
export function tokenizerFromJson(json: unknown): Result<Failure, BytePairTokenizer> {
  return pipe(
    all({
      model: readModel(fieldsOf(fieldsOf(json).model)),
      special: readSpecial(json),
      steps: checkSteps(fieldsOf(json)),
    }),
    E.flatMap(({ model, special }) => assemble(model.ids, model.merges, special)),
    E.match((errors) => inputFailure(...errors), right),
  );
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function refuse(rule: string, value: unknown): Read<never> {
  return left([`Cannot read tokenizer.json as ${rule}: current value is ${shown(value)}`]);
}

/** Whatever would change the ids must be as `tokenizerJson` writes it; absent and empty are the same. */
function checkSteps(json: Fields): Read<unknown> {
  const model = fieldsOf(json.model);
  const [before, after] = [fieldsOf(json.pre_tokenizer), fieldsOf(json.decoder)];
  const off = ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"];
  return all({
    type: model.type === "BPE" ? right(0) : refuse('model.type must be "BPE"', model.type),
    before: before.type === "ByteLevel" && !before.add_prefix_space && before.use_regex !== false
      ? right(0)
      : refuse("pre_tokenizer must be ByteLevel with its regular expression and no prefix space", json.pre_tokenizer),
    after: after.type === "ByteLevel" ? right(0) : refuse("decoder must be ByteLevel", json.decoder),
    post: !json.post_processor || fieldsOf(json.post_processor).type === "ByteLevel"
      ? right(0)
      : refuse("post_processor must be null or ByteLevel", json.post_processor),
    normalizer: json.normalizer ? refuse("normalizer must be null", json.normalizer) : right(0),
    off: traverse(off, (name) => model[name] ? refuse(`model.${name} must be off`, model[name]) : right(0)),
  });
}

function readModel(
  model: Fields,
): Read<{ readonly ids: ReadonlyMap<string, number>; readonly merges: readonly (readonly [string, string])[] }> {
  const entries = Object.entries(fieldsOf(model.vocab));
  const wrong = entries.find(([, id]) => !Number.isSafeInteger(id));
  return all({
    ids: wrong || entries.length === 0
      ? refuse("model.vocab must give every token an integer id", wrong?.[1] ?? model.vocab)
      : right(new Map(entries as [string, number][])),
    merges: Array.isArray(model.merges)
      ? traverse(model.merges, readMerge)
      : refuse("model.merges must be a list", model.merges),
  });
}

/** A merge is `"a b"` or, in newer files, `["a", "b"]`. */
function readMerge(merge: unknown): Read<readonly [string, string]> {
  const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
  const [a, b, ...more]: readonly unknown[] = Array.isArray(parts) ? parts : [];
  return typeof a === "string" && typeof b === "string" && more.length === 0
    ? right([a, b])
    : refuse("a merge must be two tokens", merge);
}

function readSpecial(json: unknown): Read<readonly (readonly [string, number])[]> {
  const added = fieldsOf(json).added_tokens ?? [];
  if (!Array.isArray(added)) return refuse("added_tokens must be a list", added);
  return traverse(
    added.map(fieldsOf),
    (token) =>
      typeof token.content === "string" && Number.isSafeInteger(token.id) && token.special === true
        ? right([token.content, token.id as number] as const)
        : refuse("an added token must be special, with content and id", token),
  );
}

/** Puts the parts together, and looks whether ids leave no gap, all bytes are there and merges stay in the vocabulary. */
function assemble(
  ids: ReadonlyMap<string, number>,
  merges: readonly (readonly [string, string])[],
  special: readonly (readonly [string, number])[],
): Read<BytePairTokenizer> {
  const names = new Set(special.map(([name]) => name));
  const byId = [...new Map([...ids, ...special])].sort(([, a], [, b]) => a - b);
  const gap = byId.findIndex(([, id], i) => id !== i);
  const ordinary = [...ids.keys()].filter((token) => !names.has(token));
  const bytes = new Set(ordinary.map((token) => bytesOf(token)).filter((b) => b?.length === 1).map((b) => b?.[0]));
  const unspelled = ordinary.find((token) => bytesOf(token) === undefined);
  const known = (token: string): boolean => ids.has(token) && !names.has(token);
  return pipe(
    all({
      gaps: gap === -1 ? right(0) : refuse(`ids must be 0, 1, 2, … and ${gap} be next`, byId[gap]?.[1]),
      bytes: bytes.size === 256 ? right(0) : refuse("model.vocab must hold all 256 bytes", bytes.size),
      spelled: unspelled === undefined ? right(0) : refuse("a token must be spelled in the byte alphabet", unspelled),
      merges: traverse(
        merges,
        ([a, b]) =>
          known(a) && known(b) && known(a + b)
            ? right(0)
            : refuse("a merge and what it makes must be in model.vocab", `${a} ${b}`),
      ),
    }),
    E.map(() => ({
      vocab: byId.map(([token]) => token),
      merges: merges.map(([a, b]) => [ids.get(a) as number, ids.get(b) as number] as const),
      specialTokens: Object.fromEntries(special),
    })),
  );
}
