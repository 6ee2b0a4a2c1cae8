/** What a model makes of given completions: the log-probability of each token, and their sum. */
import { NO_TOKENIZER } from "../data/id_tokenizer.ts";
import { encodeRows } from "../data/encode_rows.ts";
import { encodeReplies, type ReplyRow, type TokenReplyRow } from "../data/reply_rows.ts";
import { firstSentences, type Loaded, type LoadReport, SHOWN, tally } from "../data/report.ts";
import { isIdTokenizer } from "../data/tokenizer.ts";
import { withinVocabulary } from "../data/within_vocabulary.ts";
import { attempt, scan, type Stage } from "../flow/stage.ts";
import { tokenLogps } from "../model/logps.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { fold, type Key } from "../tensor/random.ts";
import { type Example, pack } from "../tensor/ragged.ts";
import { scope } from "../tensor/scope.ts";
import { floats } from "../tensor/tensor.ts";
import { byTokens, stepTokens } from "./chunks.ts";
import type { PolicyState } from "./state.ts";
import { NEEDS_TOKENIZER } from "./tokenize.ts";

/** Rows to be scored. */
export interface ReplyRowState {
  /** As they came, texts or token ids. */
  readonly replyRows: readonly ReplyRow[];
  /** What became of the rows of the source. */
  readonly report: LoadReport;
}

/** Rows to be scored, as token ids. */
export interface TokenReplyRowState {
  /** In the order of the source. */
  readonly tokenReplyRows: readonly TokenReplyRow[];
}

/** What a model makes of a completion. */
export interface ReplyLogps {
  /** log π(completion | prompt), nats: the sum of `tokens`. */
  readonly logp: number;
  /** log π(token t | tokens before it) of each token of the completion, its end token included, nats. */
  readonly tokens: readonly number[];
}

/** What a model makes of a row's completions. */
export interface RowLogps {
  /** Names the row. */
  readonly id: string;
  /** By the names of the completions. */
  readonly replies: Readonly<Record<string, ReplyLogps>>;
}

/** The scores of all rows. */
export interface ReplyLogpsState {
  /** In the order of the source. */
  readonly replyLogps: readonly RowLogps[];
}

/** Loads rows to be scored. The key is for sources that draw. */
export function loadReplies(
  source: (key: Key) => Result<Failure, Loaded<ReplyRow>> | Promise<Result<Failure, Loaded<ReplyRow>>>,
): Stage<object, ReplyRowState> {
  return attempt("loadReplies", async (_: object, { key, emit }) => {
    const loaded = await source(fold(key, "source"));
    if (loaded._tag === "Left") return loaded;
    const { data, report } = loaded.right;
    if (report.source?.shape !== undefined) emit({ type: "remark", message: report.source.shape.sentence });
    return right({ replyRows: data, report });
  }, { needs: [], adds: ["replyRows", "report"] });
}

/**
 * The rows as token ids. A row that does not fit the context is never cut: what is left would be another completion.
 *
 * @param options.overflow what to do with such rows: stop, or leave them out and say so in the report
 */
export function tokenizeReplies(
  { overflow = "error" }: { readonly overflow?: "error" | "drop" } = {},
): Stage<
  ReplyRowState & Pick<PolicyState, "config" | "tokenizer">,
  TokenReplyRowState & Pick<ReplyRowState, "report">
> {
  type Needs = ReplyRowState & Pick<PolicyState, "config" | "tokenizer">;
  return attempt("tokenizeReplies", ({ replyRows, report, config, tokenizer }: Needs) => {
    const text = isIdTokenizer(tokenizer) ? replyRows.find(({ prompt }) => !(prompt instanceof Int32Array)) : undefined;
    if (text !== undefined) return inputFailure(`Cannot use row ${text.id} as ${NO_TOKENIZER}: ${NEEDS_TOKENIZER}`);
    const encoded = encodeRows(replyRows, (row) => encodeReplies(tokenizer, row));
    if (encoded._tag === "Left") return encoded;
    const rows = encoded.right;
    const checked = withinVocabulary(rows, config.vocabSize, ({ prompt, replies }) => ({ prompt, ...replies }));
    if (checked._tag === "Left") return checked;
    const lengthOf = ({ prompt, replies }: TokenReplyRow): number =>
      prompt.length + Math.max(...Object.values(replies).map(({ length }) => length));
    const long = rows.filter((row) => lengthOf(row) > config.contextLength);
    const rule = `prompt and completion must fit a context of ${config.contextLength} tokens`;
    if (long.length > 0 && (overflow === "error" || long.length === rows.length)) {
      const faults = long.slice(0, SHOWN).map((row) =>
        `Cannot use row ${row.id} as ${rule}: they have ${lengthOf(row)}`
      );
      const remedy = overflow === "error" ? ["Choose what to do: overflow drop leaves such rows out"] : [];
      return inputFailure(...firstSentences(faults, long.length), ...remedy);
    }
    const dropped = tally(long.map(({ id }) => ({ reason: "overlong" as const, id })));
    const kept = rows.filter((row) => lengthOf(row) <= config.contextLength);
    return right({
      tokenReplyRows: kept,
      report: { ...report, kept: kept.length, dropped: [...report.dropped, ...dropped] },
    });
  }, { needs: ["replyRows", "report", "config", "tokenizer"], adds: ["tokenReplyRows", "report"] });
}

const exampleOf = ({ prompt, replies }: TokenReplyRow): Example => ({ prompt, completions: Object.values(replies) });

/** Where the parts that are computed at once begin, and where the last one ends. */
function boundaries(rows: readonly TokenReplyRow[]): readonly number[] {
  let end = 0;
  return [0, ...byTokens(rows).map(({ length }) => end += length)];
}

/** The scores of some rows, whose token log-probabilities stand end to end. */
function scoresOf(rows: readonly TokenReplyRow[], tokenLogps: Float64Array): readonly RowLogps[] {
  let at = 0;
  return rows.map(({ id, replies }) => {
    const scored = Object.entries(replies).map(([name, { length }]) => {
      const tokens = Array.from(tokenLogps.subarray(at, at += length));
      return [name, { logp: tokens.reduce((a, b) => a + b, 0), tokens } satisfies ReplyLogps] as const;
    });
    return { id, replies: Object.fromEntries(scored) };
  });
}

/**
 * Scores the completions of all rows under the policy, a few thousand tokens at once; each prompt is computed once for all
 * its completions.
 *
 * @example
 * ```ts
 * import { loadModel, loadPolicy, loadReplies, pipeline, readTable, replyLogps, replyRowReader, tokenizeReplies } from "@logratio/logratio";
 * const scored = pipeline("score", [
 *   loadReplies(() => readTable("rows.jsonl", replyRowReader())),
 *   loadPolicy(() => loadModel("SmolLM2-135M"), { name: "SmolLM2-135M" }),
 *   tokenizeReplies(),
 *   replyLogps(),
 * ]);
 * ```
 */
export function replyLogps(): Stage<
  Pick<PolicyState, "config" | "policy"> & TokenReplyRowState,
  ReplyLogpsState
> {
  type Needs = Pick<PolicyState, "config" | "policy"> & TokenReplyRowState;
  return scan("replyLogps", {
    init: ({ tokenReplyRows }: Needs) => {
      const bounds = boundaries(tokenReplyRows);
      return { carry: { bounds, scored: [] as readonly RowLogps[] }, steps: bounds.length - 1 };
    },
    step: ({ bounds, scored }, { step, state: { config, policy, tokenReplyRows } }) => {
      const rows = tokenReplyRows.slice(bounds[step], bounds[step + 1]);
      const batch = pack(rows.map(exampleOf));
      const logps = scope(() => Float64Array.from(floats(tokenLogps(policy, config, batch))));
      return { carry: { bounds, scored: [...scored, ...scoresOf(rows, logps)] }, metrics: {} };
    },
    tokens: ({ bounds }, { step, state: { tokenReplyRows } }) =>
      stepTokens([tokenReplyRows.slice(bounds[step], bounds[step + 1])]),
    done: ({ scored }) => ({ replyLogps: scored }),
  }, { needs: ["config", "policy", "tokenReplyRows"], adds: ["replyLogps"] });
}
