/** Rollouts: what the policy says to prompts now, with all that is needed to learn from it. */
import { decodeCompletion, endsOf, type Prompt } from "../data/chat.ts";
import { decode, encode } from "../data/tokenizer.ts";
import { attempt, scan, type Stage } from "../flow/stage.ts";
import { kernels } from "../kernels/provider.ts";
import { inputFailure, right } from "../result.ts";
import type { DecoderConfig, DecoderParams } from "../model/decoder.ts";
import { generate, type Generated } from "../model/generate.ts";
import { tokenLogps } from "../model/logps.ts";
import { checkSampling, type Sampling } from "../model/sampling.ts";
import { permutation } from "../tensor/random.ts";
import { type Example, pack } from "../tensor/ragged.ts";
import { scope } from "../tensor/scope.ts";
import { floats } from "../tensor/tensor.ts";
import type { PairState, PolicyState, RefState, RowState } from "./state.ts";

/** A prompt that the policy may be given. */
export interface PromptRow {
  /** Names it, in reports. */
  readonly id: string;
  /** As text. */
  readonly text: Prompt;
  /** As tokens. */
  readonly ids: Int32Array;
}

/** What to roll out from. */
export interface PromptState {
  /** Distinct prompts. */
  readonly prompts: readonly PromptRow[];
}

/** A completion that the policy gave, and how it came about. */
export interface Rollout extends Generated {
  /** The prompt. */
  readonly prompt: PromptRow;
  /** The completion as text, without what ended it. */
  readonly text: string;
  /** How its tokens were drawn. */
  readonly sampling: Sampling;
  /** log π(t) of each token as the trainer computes it, nats. */
  readonly tokenLogps: Float64Array;
  /** log π_ref(t) of each token, nats. */
  readonly refLogps: Float64Array;
}

/** The rollouts of an iteration. */
export interface RolloutState {
  /** The samples of one prompt stand side by side. */
  readonly rollouts: readonly Rollout[];
}

/** What to roll out. */
export interface RolloutOptions extends Sampling {
  /** Prompts of an iteration, drawn anew each time; all there are if there are fewer. */
  readonly prompts: number;
  /** Completions of each. Default 1. */
  readonly samples?: number;
  /** Most tokens of a completion, its end token included. */
  readonly maxNewTokens: number;
  /** Texts that end a completion, wherever their tokens are drawn in a row. Default: none. */
  readonly stop?: readonly string[];
  /**
   * A temperature, top-k or top-p draws from another distribution q than the π that is trained. It must be said what to
   * make of that: the advantages of each token are weighed by min(π/q, cap), its truncated importance.
   */
  readonly correction?: { readonly type: "importance"; readonly cap: number };
}

/**
 * The distinct prompts of the training pairs that leave room for an answer; a warning names the others. It fails where
 * none does.
 */
export function collectPrompts(): Stage<
  Pick<PairState, "pairs"> & Pick<RowState, "rows"> & Pick<PolicyState, "config" | "tokenizer">,
  PromptState
> {
  type Needs = Pick<PairState, "pairs"> & Pick<RowState, "rows"> & Pick<PolicyState, "config" | "tokenizer">;
  return attempt("collectPrompts", ({ pairs, rows, config, tokenizer }: Needs, { emit }) => {
    const texts = new Map(
      pairs.map(({ id, prompt }) => [id, prompt instanceof Int32Array ? decode(tokenizer, prompt) : prompt]),
    );
    const distinct = new Map<string, PromptRow>();
    for (const { id, prompt: ids } of rows) {
      const name = ids.join(" ");
      if (!distinct.has(name)) distinct.set(name, { id, text: texts.get(id) as Prompt, ids });
    }
    const all = [...distinct.values()];
    const prompts = all.filter(({ ids }) => ids.length < config.contextLength);
    if (prompts.length === 0) {
      const context = `the context of ${config.contextLength} tokens`;
      return inputFailure(
        `Cannot roll out as a prompt must leave room for an answer in ${context}: of ${all.length} none does`,
      );
    }
    const full = all.filter((prompt) => !prompts.includes(prompt));
    if (full.length > 0) {
      const names = full.slice(0, 20).map(({ id }) => id).join(", ");
      emit({
        type: "warning",
        message: `${full.length} prompts fill the context of ${config.contextLength} tokens and are not rolled out: ` +
          `those of rows ${names}. A larger context would hold them.`,
      });
    }
    return right({ prompts });
  }, { needs: ["pairs", "rows", "config", "tokenizer"], adds: ["prompts"] });
}

/** Rollouts as examples: neighbours with one prompt share its computation. */
export function examplesOf(rollouts: readonly Pick<Rollout, "prompt" | "ids">[]): readonly Example[] {
  const examples: { readonly id: string; readonly prompt: Int32Array; readonly completions: Int32Array[] }[] = [];
  for (const { prompt: { id, ids: prompt }, ids } of rollouts) {
    const last = examples.at(-1);
    if (last?.id === id) last.completions.push(ids);
    else examples.push({ id, prompt, completions: [ids] });
  }
  return examples;
}

/** Completion b holds the tokens offsets[b] … offsets[b+1]−1 of the rollouts' tokens end to end, `[B+1]`. */
export function offsetsOf(rollouts: readonly Pick<Rollout, "ids">[]): Int32Array {
  const offsets = new Int32Array(rollouts.length + 1);
  rollouts.forEach(({ ids }, b) => offsets[b + 1] = (offsets[b] as number) + ids.length);
  return offsets;
}

/** Whether tokens are drawn from π itself. */
function isPlain(spec: Sampling): boolean {
  const { temperature, topK, topP } = checkSampling(spec);
  return temperature === 1 && topK === Infinity && topP === 1;
}

/** min(π/q, cap) of each token of a rollout: 1 where tokens were drawn from π itself. */
export function importanceOf(rollout: Rollout, cap: number): Float64Array {
  const { sampling, sampledLogps } = rollout;
  if (isPlain(sampling)) return new Float64Array(sampledLogps.length).fill(1);
  return rollout.tokenLogps.map((logp, t) => Math.min(Math.exp(logp - (sampledLogps[t] as number)), cap));
}

/** Most nats by which generation and trainer may differ about one token: they round differently, no more. */
const agreement = (): number => Math.max(1e-3, kernels("f32").batchError);

/** The first token that was drawn with another probability than the trainer computes; undefined if there is none. */
export function disagreement(rollouts: readonly Rollout[], decodeToken: (id: number) => string): string | undefined {
  const most = agreement();
  for (const { prompt, ids, sampledLogps, tokenLogps } of rollouts) {
    const t = sampledLogps.findIndex((logp, t) => !(Math.abs(logp - (tokenLogps[t] as number)) <= most));
    if (t >= 0) {
      return `Cannot learn from rollouts as generation and trainer must agree on every token: in the reply to ` +
        `${prompt.id}, token ${t} ("${decodeToken(ids[t] as number)}") was drawn at ${sampledLogps[t]} nats, and the ` +
        `trainer computes ${tokenLogps[t]}`;
    }
  }
  return undefined;
}

/** log π(t) of all tokens of all completions, in order. */
function tokenLogpsOf(params: DecoderParams, config: DecoderConfig, examples: readonly Example[]): Float64Array {
  return scope(() => Float64Array.from(floats(tokenLogps(params, config, pack(examples)))));
}

/** Completions rolled out in one step, about. */
const CHUNK = 64;

type Needs = PolicyState & RefState & PromptState;

/** Some prompts answered, and the answers scored under policy and reference. */
function roll(state: Needs, prompts: readonly PromptRow[], options: Parameters<typeof generate>[2]): Rollout[] {
  const { config, tokenizer, policy, ref } = state;
  const { temperature, topK, topP } = checkSampling(options);
  const sampling = { temperature, ...topK < Infinity && { topK }, ...topP < 1 && { topP } };
  const answers = generate({ config, params: policy }, prompts.map(({ ids }) => ids), options);
  const drawn = prompts.flatMap((prompt, i) => (answers[i] ?? []).map((answer) => ({ ...answer, prompt })));
  const [offsets, examples] = [offsetsOf(drawn), examplesOf(drawn)];
  const [now, then] = [tokenLogpsOf(policy, config, examples), tokenLogpsOf(ref, config, examples)];
  return drawn.map((answer, b): Rollout => {
    const own = (all: Float64Array): Float64Array => all.slice(offsets[b], offsets[b + 1]);
    const text = decodeCompletion(tokenizer, answer.ids);
    return { ...answer, text, sampling, tokenLogps: own(now), refLogps: own(then) };
  });
}

/**
 * Draws prompts and lets the policy complete them: with a KV cache, each prompt computed once for all its samples.
 *
 * A rollout carries the log-probabilities it was drawn with and those the trainer computes for the same tokens. Where
 * tokens are drawn from π itself both must agree, else the run stops and names the first token that differs.
 *
 * @throws {RangeError} if tokens are to be drawn from another distribution and no correction is named
 * @see Ouyang et al. 2022, "Training language models to follow instructions", section 3.5
 * @example
 * ```ts
 * import { advantages, pipeline, ppoUpdate, repeat, rollout, score, tokenRewards } from "@logratio/logratio";
 * // The loop of PPO: eight times, 64 prompts are answered and learned from.
 * const iteration = pipeline("iteration", [
 *   rollout({ prompts: 64, maxNewTokens: 32 }),
 *   score(),
 *   tokenRewards(),
 *   advantages(),
 *   ppoUpdate({ lr: 1e-4, minibatch: 16, totalSteps: 8 * 4 * (64 / 16) }), // iterations · epochs · minibatches
 * ]);
 * const loop = repeat("iterations", 8, iteration);
 * ```
 */
export function rollout(options: RolloutOptions): Stage<PolicyState & RefState & PromptState, RolloutState> {
  const { prompts: count, stop = [], correction, samples = 1, maxNewTokens, ...spec } = options;
  const plain = isPlain(spec);
  const size = Math.max(1, Math.floor(CHUNK / samples));
  if (!plain && correction === undefined) {
    throw new RangeError(
      "Cannot roll out with a temperature, topK or topP as the trained policy is not the one that is drawn from: " +
        'leave them out, or say correction: { type: "importance", cap: 2 }',
    );
  }
  return scan("rollout", {
    init: ({ prompts }: Needs, { key }) => {
      const order = permutation(key, prompts.length).slice(0, count);
      return { carry: { order, rollouts: [] as readonly Rollout[] }, steps: Math.ceil(order.length / size) };
    },
    step: ({ order, rollouts }, { step, state, key }) => {
      const { tokenizer, prompts } = state;
      const chosen = Array.from(order.slice(step * size, (step + 1) * size), (i) => prompts[i] as PromptRow);
      const stops = stop.map((text) => Int32Array.from(encode(tokenizer, text)));
      const { eos, stop: ends } = endsOf(tokenizer);
      const fresh = roll(state, chosen, { ...spec, samples, maxNewTokens, stop: [...ends, ...stops], eos, key });
      const wrong = plain ? disagreement(fresh, (id) => decodeCompletion(tokenizer, Int32Array.of(id))) : undefined;
      return {
        carry: { order, rollouts: [...rollouts, ...fresh] },
        metrics: {},
        rows: chosen.map(({ id }) => id),
        fault: wrong === undefined ? undefined : [wrong],
      };
    },
    done: ({ rollouts }) => ({ rollouts }),
  }, { needs: ["config", "tokenizer", "policy", "ref", "prompts"], adds: ["rollouts"] });
}
