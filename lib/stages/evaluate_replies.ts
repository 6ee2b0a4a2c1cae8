/** What aligned and reference policy answer to prompts they never saw, judged by a reward. */
import { decodeCompletion, encodePrompt, endsOf } from "../data/chat.ts";
import { type Estimate, meanEstimate, type Share, shareOfCeiling, shareWon, winRate } from "../evaluation/interval.ts";
import { scan, type Stage } from "../flow/stage.ts";
import { generate } from "../model/generate.ts";
import type { DecoderParams } from "../model/decoder.ts";
import { divide, meanOf } from "../tensor/mean.ts";
import { fold, type Key } from "../tensor/random.ts";
import { logpsOf } from "./reference.ts";
import type { PolicyState, RefState } from "./state.ts";

/** A prompt to be judged on, and the group it is reported under. */
export interface EvalPrompt {
  /** What is asked. */
  readonly text: string;
  /** The group. */
  readonly family: string;
}

/** Options of `evaluateReplies`. */
export interface EvaluateRepliesOptions {
  /** Prompts that training never saw. */
  readonly prompts: readonly EvalPrompt[];
  /** How good a completion is; higher is better. */
  readonly reward: (prompt: string, completion: string) => number;
  /** The best completion of a prompt: what a perfect policy says. Its win rate is the ceiling. */
  readonly perfect: (prompt: EvalPrompt) => string;
  /** Shares of replies worth watching, by name: true counts, undefined is not a case. */
  readonly rates?: Readonly<Record<string, (prompt: string, completion: string) => boolean | undefined>>;
  /** Most tokens of a reply, its end token included. */
  readonly maxNewTokens: number;
}

/** A figure of the reference policy and of the aligned one. */
export interface BeforeAfter<T> {
  /** Of the reference. */
  readonly before: T;
  /** Of the policy. */
  readonly after: T;
}

/** What a policy said. */
export interface Answer {
  /** The completion, without its end token. */
  readonly text: string;
  /** Its reward. */
  readonly score: number;
  /** Its length, the end token included. */
  readonly tokens: number;
}

/** A prompt with the answers of both policies. */
export interface Reply extends BeforeAfter<Answer> {
  /** What was asked. */
  readonly prompt: string;
  /** The group of the prompt. */
  readonly family: string;
  /** log π − log π_ref of the policy's reply, nats: its mean is the KL divergence. */
  readonly logRatio: number;
}

/** What the replies say. Intervals are of 95 %. */
export interface ReplyEvaluation {
  /** Mean score by family. */
  readonly families: Readonly<Record<string, BeforeAfter<Estimate>>>;
  /** Mean score of all replies. */
  readonly mean: BeforeAfter<Estimate>;
  /** Aligned against reference; the ceiling is a perfect policy's win rate, the share how much of it was reached. */
  readonly winRate: Share & { readonly ceiling: number; readonly share: number };
  /** KL(π ‖ π_ref) of a completion, nats: the mean log ratio of the policy's own replies. */
  readonly kl: { readonly estimate: number; readonly standardError: number };
  /** Mean tokens of a reply. */
  readonly tokens: BeforeAfter<number>;
  /** Shares of replies by the names of `options.rates`, in [0, 1]; NaN where nothing is a case. */
  readonly rates: Readonly<Record<string, BeforeAfter<number>>>;
  /** All prompts with their replies, in order. */
  readonly replies: readonly Reply[];
}

const mean = (x: readonly number[]): number => divide(meanOf(x));

/** Both sides of the replies through one function. */
function bothSides<T>(
  replies: readonly Reply[],
  f: (side: "before" | "after", replies: readonly Reply[]) => T,
): BeforeAfter<T> {
  return { before: f("before", replies), after: f("after", replies) };
}

function summarise(key: Key, replies: readonly Reply[], options: EvaluateRepliesOptions): ReplyEvaluation {
  const { prompts, reward, perfect, rates = {} } = options;
  const scores = bothSides(replies, (side, list) => list.map((r) => r[side].score));
  const scoreOf = (side: "before" | "after", list: readonly Reply[]): Estimate =>
    meanEstimate(list.map((r) => r[side].score));
  const win = winRate(fold(key, "bootstrap"), [scores.after, scores.before]);
  const best = prompts.map((prompt) => reward(prompt.text, perfect(prompt)));
  const ceiling = shareWon(best.map((x, i) => x - (scores.before[i] as number))).estimate;
  const ratio = meanEstimate(replies.map((r) => r.logRatio));
  const families = [...new Set(prompts.map((p) => p.family))];
  const rateOf = (counts: (prompt: string, completion: string) => boolean | undefined): BeforeAfter<number> =>
    bothSides(replies, (side, list) => {
      const cases = list.map((r) => counts(r.prompt, r[side].text)).filter((x) => x !== undefined);
      return mean(cases.map(Number));
    });
  return {
    families: Object.fromEntries(
      families.map((family) => [family, bothSides(replies.filter((r) => r.family === family), scoreOf)]),
    ),
    mean: bothSides(replies, scoreOf),
    winRate: { ...win, ceiling, share: shareOfCeiling(win.estimate, ceiling) },
    kl: { estimate: ratio.estimate, standardError: ratio.standardError },
    tokens: bothSides(replies, (side, list) => mean(list.map((r) => r[side].tokens))),
    rates: Object.fromEntries(Object.entries(rates).map(([name, counts]) => [name, rateOf(counts)])),
    replies,
  };
}

/** Prompts answered in one step. */
const CHUNK = 100;

function answerChunk(
  key: Key,
  state: PolicyState & RefState,
  prompts: readonly EvalPrompt[],
  options: EvaluateRepliesOptions,
): readonly Reply[] {
  const { config, tokenizer, policy, ref } = state;
  const ids = prompts.map((p) => encodePrompt(tokenizer, p.text));
  const sampling = { key, ...endsOf(tokenizer), maxNewTokens: options.maxNewTokens };
  const answers = (params: DecoderParams): readonly Int32Array[] =>
    generate({ config, params }, ids, sampling).map(([reply]) => reply?.ids as Int32Array);
  const [before, after] = [answers(ref), answers(policy)];
  const examples = ids.map((prompt, i) => ({ prompt, completions: [after[i] as Int32Array] }));
  const [now, then] = [logpsOf(policy, config, examples), logpsOf(ref, config, examples)];
  const judged = (prompt: string, reply: Int32Array): Answer => {
    const text = decodeCompletion(tokenizer, reply);
    return { text, score: options.reward(prompt, text), tokens: reply.length };
  };
  return prompts.map(({ text, family }, i) => ({
    prompt: text,
    family,
    before: judged(text, before[i] as Int32Array),
    after: judged(text, after[i] as Int32Array),
    logRatio: (now[i] as number) - (then[i] as number),
  }));
}

/**
 * Lets policy and reference answer the same prompts at temperature 1 with the same keys, and compares.
 *
 * @throws {RangeError} if there is no prompt
 */
export function evaluateReplies(
  options: EvaluateRepliesOptions,
): Stage<PolicyState & RefState, { readonly replies: ReplyEvaluation }> {
  const { prompts } = options;
  if (prompts.length === 0) throw new RangeError("Cannot evaluate replies as there must be at least one prompt");
  return scan("evaluateReplies", {
    init: () => ({ carry: [] as readonly Reply[], steps: Math.ceil(prompts.length / CHUNK) }),
    step: (replies, { step, state, key }) => {
      const chunk = prompts.slice(step * CHUNK, (step + 1) * CHUNK);
      return { carry: [...replies, ...answerChunk(key, state, chunk, options)], metrics: {} };
    },
    done: (replies, _, { key }) => ({ replies: summarise(key, replies, options) }),
  }, { needs: ["config", "tokenizer", "policy", "ref"], adds: ["replies"] });
}
