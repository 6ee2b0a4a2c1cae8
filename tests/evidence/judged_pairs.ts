/** Pairs of replies to judge reward models by, and how far a model is from the annotator's own probabilities on them. */
import {
  decodeCompletion,
  encodeCompletion,
  encodePrompt,
  endsOf,
  fold,
  generate,
  key,
  logOddsOf,
  type Pair,
  probabilityOf,
  type RewardState,
} from "../../mod.ts";
import { ANNOTATOR } from "../../fixtures/world/annotator.ts";
import { verdict } from "../../fixtures/world/gold.ts";
import { parsePrompt } from "../../fixtures/world/grammar.ts";
import type { Prompt } from "../../fixtures/world/prompt.ts";
import { worldPolicy, worldProbability, worldQuestions } from "../../fixtures/world/shipped.ts";

/** A reward model against the annotator's probabilities. */
export interface Judged {
  /** Pairs. */
  readonly n: number;
  /** To be expected on labels drawn anew. */
  readonly accuracy: number;
  /** What nobody can beat. */
  readonly bayes: number;
  /** Of p̂ − p. */
  readonly rootMeanSquare: number;
  /** The same of each kind of prompt. */
  readonly byKind: Readonly<Record<string, number>>;
  /** Pairs in which somebody says a right value bare or hedged, and their part of the mean square. */
  readonly rough: { readonly share: number; readonly ofMeanSquare: number };
}

/** Two different replies of the warm start to each question of a world, where it has two. */
export function freshPairs(world: number): readonly Pair[] {
  const { config, tokenizer, policy } = worldPolicy();
  const { prompts, maxNewTokens } = worldQuestions({ world, prompts: 600 });
  const ids = prompts.map(({ text }) => encodePrompt(tokenizer, text));
  const sampling = { key: fold(key(world), "replies"), samples: 2, maxNewTokens, ...endsOf(tokenizer) };
  return generate({ config, params: policy }, ids, sampling).flatMap((replies, i): Pair[] => {
    const [chosen, rejected] = replies.map((reply) => decodeCompletion(tokenizer, reply.ids)) as [string, string];
    return chosen === rejected ? [] : [{ id: `${i}`, prompt: prompts[i]?.text as string, chosen, rejected }];
  });
}

/** A reward model against the annotator's probabilities on pairs of text, whichever side comes first. */
export function judgedOn({ reward }: Pick<RewardState, "reward">, pairs: readonly Pair[]): Judged {
  const { config, tokenizer } = worldPolicy();
  const rows = pairs.map((pair) => ({
    id: pair.id,
    prompt: encodePrompt(tokenizer, pair.prompt),
    chosen: encodeCompletion(tokenizer, pair.chosen),
    rejected: encodeCompletion(tokenizer, pair.rejected),
  }));
  const truth = pairs.map(worldProbability(ANNOTATOR)), z = logOddsOf(reward, config, rows);
  const squares = truth.map((p, i) => (probabilityOf(z[i] as number) - p) ** 2);
  const asked = pairs.map(({ prompt }) => parsePrompt(prompt as string) as Prompt);
  const isRough = pairs.map((pair, i) =>
    [pair.chosen, pair.rejected].some((reply) => verdict(asked[i] as Prompt, reply as string) === "rough")
  );
  const kinds = Map.groupBy(pairs.keys(), (i) => (asked[i] as Prompt).kind);
  const byKind = Array.from(kinds, ([kind, own]) => [kind, Math.sqrt(mean(own.map((i) => squares[i] as number)))]);
  return {
    n: pairs.length,
    accuracy: mean(truth.map((p, i) => 0.5 + Math.sign(z[i] as number) * (p - 0.5))),
    bayes: mean(truth.map((p) => Math.max(p, 1 - p))),
    rootMeanSquare: Math.sqrt(mean(squares)),
    byKind: Object.fromEntries(byKind),
    rough: {
      share: mean(isRough.map(Number)),
      ofMeanSquare: mean(squares.map((x, i) => isRough[i] ? x : 0)) / mean(squares),
    },
  };
}

const mean = (xs: readonly number[]): number => xs.reduce((sum, x) => sum + x, 0) / xs.length;
