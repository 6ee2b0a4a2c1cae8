/** Best of n as a way to reply: draw n completions, keep the one with the highest reward. Nothing is trained. */
import { decodeCompletion, encodePrompt, endsOf, type Prompt } from "../data/chat.ts";
import type { Reward } from "../data/reward.ts";
import { type Estimate, meanEstimate } from "../evaluation/interval.ts";
import { pipeline } from "../flow/pipeline.ts";
import { attempt, scan, type Stage } from "../flow/stage.ts";
import { generate } from "../model/generate.ts";
import type { Sampling } from "../model/sampling.ts";
import { type Failure, type Result, right } from "../result.ts";
import { bestOfNKlBound, bestOfNKlEstimate } from "../rl/best_of_n.ts";
import { divide, meanOf } from "../tensor/mean.ts";
import type { BeforeAfter } from "./evaluate_replies.ts";
import { scoreSamples } from "./reward_function.ts";
import type { PolicyState } from "./state.ts";

/** Options of `bestOfNSamples`. */
export interface BestOfNOptions<Needs extends PolicyState = PolicyState> extends Sampling {
  /** Completions drawn of each prompt. */
  readonly n: number;
  /** What to reply to. */
  readonly prompts: readonly { readonly id: string; readonly text: Prompt }[];
  /** What is best. Of a reward model: `(state) => right(learnedReward(state))`. */
  readonly reward: (state: Needs) => Result<Failure, Reward<Prompt>> | Promise<Result<Failure, Reward<Prompt>>>;
  /** Most tokens of a completion, its end token included. */
  readonly maxNewTokens: number;
  /** Longest time for one call of the reward. Default 60. */
  readonly timeoutSeconds?: number;
}

/** A completion that may be kept. */
export interface Candidate {
  /** As text, without its end token. */
  readonly text: string;
  /** Log of the probability with which it was drawn, nats: of the base that the best of n is compared with. */
  readonly logp: number;
}

/** The completions drawn, by prompt and in the order of the prompts. */
export interface CandidateState {
  /** `[prompts][n]`. */
  readonly candidates: readonly (readonly Candidate[])[];
}

/** A prompt, its first completion and its best. */
export interface BestOfNReply extends BeforeAfter<Candidate & { readonly reward: number }> {
  /** Names the prompt. */
  readonly id: string;
}

/** What keeping the best of n comes to: `before` is the first of the n, a draw of the base. */
export interface BestOfNEvaluation {
  /** Completions drawn of each prompt. */
  readonly n: number;
  /** Mean reward. Intervals are of 95 %. */
  readonly reward: BeforeAfter<Estimate>;
  /**
   * KL(best of n ‖ base) of a completion, nats: `bestOfNKlBound`, and the mean of `bestOfNKlEstimate`, which is nearer
   * where the best completions are probable ones. Neither knows of different completions with equal rewards, which make
   * the true one smaller; that, `bestOfN`, needs the probability of every completion there is.
   */
  readonly kl: { readonly bound: number; readonly estimate: number };
  /** All prompts, in order. */
  readonly replies: readonly BestOfNReply[];
}

/** What `bestOfNSamples` adds. */
export interface BestOfNState extends CandidateState {
  /** The best of them, and what it gained. */
  readonly bestOfN: BestOfNEvaluation;
}

/** Completions drawn in one step, about. */
const CHUNK = 256;

/**
 * Draws n completions of each prompt, scores them, and keeps the best of each: the first of those with the highest reward.
 * A prompt is computed once for its n completions. A reward that fails ends the run with the prompt's id.
 *
 * Tests: `tests/stages/best_of_n_test.ts`, against the exact best of n over all completions of a small vocabulary.
 *
 * @throws {RangeError} if n is no whole number ≥ 1 or there is no prompt
 * @see Stiennon et al. 2020, "Learning to summarize from human feedback"
 */
export function bestOfNSamples<Needs extends PolicyState = PolicyState>(
  options: BestOfNOptions<Needs>,
): Stage<Needs, BestOfNState> {
  const { n, prompts } = options;
  bestOfNKlBound(n); // checks n
  if (prompts.length === 0) throw new RangeError("Cannot take the best of n as there must be at least one prompt");
  const stages: readonly Stage<never, object>[] = [drawCandidates(options), keepBest(options)];
  return pipeline("bestOfN", stages) as Stage<Needs, BestOfNState>;
}

function drawCandidates(options: Omit<BestOfNOptions, "reward">): Stage<PolicyState, CandidateState> {
  const { n, prompts, maxNewTokens, temperature, topK, topP } = options;
  const size = Math.max(1, Math.floor(CHUNK / n));
  return scan("drawCandidates", {
    init: () => ({ carry: [] as CandidateState["candidates"], steps: Math.ceil(prompts.length / size) }),
    step: (candidates, { step, state: { config, policy, tokenizer }, key }) => {
      const chunk = prompts.slice(step * size, (step + 1) * size);
      const ids = chunk.map(({ text }) => encodePrompt(tokenizer, text));
      const sampling = { key, ...endsOf(tokenizer), samples: n, maxNewTokens, temperature, topK, topP };
      const drawn = generate({ config, params: policy }, ids, sampling).map((samples) =>
        samples.map(({ ids, sampledLogps }): Candidate => (
          { text: decodeCompletion(tokenizer, ids), logp: sampledLogps.reduce((a, b) => a + b) }
        ))
      );
      return { carry: [...candidates, ...drawn], metrics: {}, rows: chunk.map(({ id }) => id) };
    },
    done: (candidates) => ({ candidates }),
  }, { needs: ["config", "policy", "tokenizer"], adds: ["candidates"] });
}

function keepBest<Needs extends PolicyState>(
  options: BestOfNOptions<Needs>,
): Stage<Needs & CandidateState, Pick<BestOfNState, "bestOfN">> {
  const { n, prompts, reward: source, timeoutSeconds } = options;
  return attempt("keepBest", async (state: Needs & CandidateState, { signal }) => {
    const { candidates } = state;
    const reward = await source(state);
    if (reward._tag === "Left") return reward;
    const samples = candidates.flatMap((own, i) => {
      const { id, text } = prompts[i] as typeof prompts[number];
      return own.map(({ text: completion }) => ({ id, prompt: text, completion }));
    });
    const scored = await scoreSamples(reward.right, samples, { timeoutSeconds, signal });
    if (scored._tag === "Left") return scored;
    const replies = candidates.map((own, i): BestOfNReply => {
      const rewards = scored.right.slice(i * n, (i + 1) * n);
      const at = rewards.indexOf(Math.max(...rewards));
      const reply = (k: number): BestOfNReply["after"] => (
        { ...own[k] as Candidate, reward: rewards[k] as number }
      );
      return { id: (prompts[i] as typeof prompts[number]).id, before: reply(0), after: reply(at) };
    });
    return right({ bestOfN: evaluate(n, replies) });
  });
}

function evaluate(n: number, replies: readonly BestOfNReply[]): BestOfNEvaluation {
  return {
    n,
    reward: {
      before: meanEstimate(replies.map(({ before }) => before.reward)),
      after: meanEstimate(replies.map(({ after }) => after.reward)),
    },
    kl: {
      bound: bestOfNKlBound(n),
      estimate: divide(meanOf(replies.map(({ after }) => bestOfNKlEstimate(after.logp, n)))),
    },
    replies,
  };
}
