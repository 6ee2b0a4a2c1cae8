/** The stage where a model comes in: architecture, tokenizer and parameters that somebody has trained. */
import type { IdTokenizer } from "../data/id_tokenizer.ts";
import { readTokenizer } from "../data/read_tokenizer.ts";
import { type Tokenizer, vocabSizeOf } from "../data/tokenizer.ts";
import { contentHash } from "../flow/content_hash.ts";
import type { Note } from "../flow/event.ts";
import { attempt, type Stage } from "../flow/stage.ts";
import { type DecoderConfig, type DecoderParams, parameterCount } from "../model/decoder.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { scope } from "../tensor/scope.ts";
import { cast } from "../tensor/tensor.ts";
import { leaves } from "../tensor/tree.ts";
import type { PolicyState, RefState } from "./state.ts";

/** A model as its files have it. */
export interface StoredModel {
  /** Architecture. */
  readonly config: DecoderConfig;
  /** Parameters. */
  readonly params: DecoderParams;
  /** What `config.json` says, and how the tensors are stored. */
  readonly form: { readonly json: Readonly<Record<string, unknown>> };
  /** Texts of the files beside the weights, by name: `tokenizer.json`, `generation_config.json` and others, if there. */
  readonly texts: Readonly<Record<string, string>>;
}

/** Where a model comes from: a folder, a hub. It may tell how far it is. */
export type ModelSource<M extends StoredModel = StoredModel> = (
  tell: (sentence: string) => void,
) => Promise<Result<Failure, M>>;

/** How to take a model. */
export interface LoadPolicyOptions {
  /** What sentences call it. */
  readonly name: string;
  /** Most tokens of a sequence, if the model could read more. */
  readonly contextLength?: number;
  /** The content hash that it must have; absent or empty: any. */
  readonly hash?: string;
}

/** A policy with the form of the files that it came in, for those it is written to. */
export interface LoadedPolicyState<M extends StoredModel = StoredModel> extends PolicyState {
  /** How its files are written. */
  readonly form: M["form"];
}

/**
 * Loads the policy to begin with. Without a `tokenizer.json` it reads token ids alone. Its content hash is told as the
 * setting `modelHash`, and a model of another hash than the given one is refused.
 *
 * @example
 * ```ts
 * import { loadModel, loadPolicy } from "@logratio/logratio";
 * const policy = loadPolicy(() => loadModel("SmolLM2-135M"), { name: "SmolLM2-135M", contextLength: 1024 });
 * ```
 */
export function loadPolicy<M extends StoredModel>(
  source: ModelSource<M>,
  { name, contextLength = Infinity, hash = "" }: LoadPolicyOptions,
): Stage<object, LoadedPolicyState<M>> {
  return attempt("loadPolicy", async (_: object, { emit }) => {
    const loaded = await source((message) => emit({ type: "remark", message }));
    if (loaded._tag === "Left") return loaded;
    const { config, params, form } = loaded.right;
    const tokenizer = tokenizerOf(loaded.right, emit);
    if (tokenizer._tag === "Left") return tokenizer;
    if (vocabSizeOf(tokenizer.right) > config.vocabSize) {
      return inputFailure(
        `Cannot use ${name} as its tokenizer's ids must be below ${config.vocabSize}, the number of its embeddings: ` +
          `they go up to ${vocabSizeOf(tokenizer.right) - 1}`,
      );
    }
    const own = hashOf(loaded.right);
    if (hash !== "" && own !== hash) {
      return inputFailure(
        `Cannot use ${name} as it must have the content hash ${hash}, as when the run began: current value is ${own}`,
      );
    }
    const size = `${parameterCount(config).toLocaleString("en")} parameters`;
    emit({ type: "remark", message: `${name}: ${size}, content hash ${own}` });
    const asked = form.json.max_position_embeddings;
    if (typeof asked === "number" && asked > config.contextLength) {
      const most = config.contextLength.toLocaleString("en");
      emit({
        type: "remark",
        message: `${name} reads at most ${most} tokens here: in longer texts its angles are others`,
      });
    }
    emit({ type: "setting", name: "modelHash", value: own });
    const fitted = { ...config, contextLength: Math.min(config.contextLength, contextLength) };
    return right({ config: fitted, tokenizer: tokenizer.right, policy: params, form });
  }, { needs: [], adds: ["config", "tokenizer", "policy", "form"] });
}

/**
 * Loads a reference policy other than the model that the policy begins as; its architecture must be the policy's.
 *
 * @param options.name what sentences call it
 */
export function loadRef(
  source: ModelSource,
  { name }: Pick<LoadPolicyOptions, "name">,
): Stage<Pick<PolicyState, "config">, RefState> {
  return attempt("loadRef", async ({ config }: Pick<PolicyState, "config">, { emit }) => {
    const loaded = await source((message) => emit({ type: "remark", message }));
    if (loaded._tag === "Left") return loaded;
    const own: Readonly<Record<string, unknown>> = { ...loaded.right.config, contextLength: config.contextLength };
    const differing = Object.entries(config).filter(([part, value]) => contentHash(own[part]) !== contentHash(value));
    if (differing.length === 0) return right({ ref: loaded.right.params });
    const parts = differing.map(([part, value]) =>
      `${part} is ${JSON.stringify(own[part])}, not ${JSON.stringify(value)}`
    );
    const rule = "it must have the architecture of the policy";
    return inputFailure(`Cannot take ${name} as the reference as ${rule}: ${parts.join("; ")}`);
  }, { needs: ["config"], adds: ["ref"] });
}

/** The content hash of a model: of its numbers in 32 bits, however it is held in memory. */
function hashOf({ config, params, texts }: StoredModel): string {
  const hashes = leaves(params).map(([path, t]) => [path, scope(() => contentHash(cast(t, "f32")))]);
  return contentHash({ config, texts, params: hashes });
}

/** The tokenizer among a model's files, or what it has instead. */
function tokenizerOf({ config, form, texts }: StoredModel, emit: (note: Note) => void): Result<Failure, Tokenizer> {
  if (texts["tokenizer.json"] === undefined) {
    return right({ idCount: config.vocabSize, ends: endsOf(texts, form) } satisfies IdTokenizer);
  }
  const read = readTokenizer(texts);
  if (read._tag === "Left") return read;
  for (const message of read.right.warnings) emit({ type: "warning", message });
  return right(read.right.tokenizer);
}

/** The ids that end a completion: `eos_token_id`, a number or several. */
function endsOf(texts: StoredModel["texts"], form: StoredModel["form"]): readonly number[] {
  const generation: { readonly eos_token_id?: unknown } = JSON.parse(texts["generation_config.json"] ?? "{}");
  const ids = [generation.eos_token_id ?? form.json.eos_token_id ?? []].flat();
  return ids.filter((id): id is number => Number.isInteger(id));
}
