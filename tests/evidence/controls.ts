/** What alignment must beat: policies that learned nothing from the order of the pairs, or the wrong thing. */
import {
  decodeCompletion,
  demonstrateChosen,
  encodePrompt,
  endsOf,
  type EvalPrompt,
  type Example,
  freezeRef,
  generate,
  type Key,
  loadPairs,
  logpsOf,
  pipeline,
  type PolicyState,
  sftUpdate,
  type Share,
  tokenize,
  winRate,
} from "../../mod.ts";
import type { settings } from "../../pipelines/dpo.ts";
import { overflowOf, pairsOf, vocabulary, warmStart } from "../../pipelines/setup.ts";
import { PHRASES } from "../../fixtures/world/answers.ts";
import { gold } from "../../fixtures/world/gold.ts";

type Settings = typeof settings.values;

/** Supervised fine-tuning on the chosen replies, twice over: it reads as many completion tokens as DPO does. */
export const sftOnChosen = (s: Settings) =>
  pipeline("sftOnChosen", [
    loadPairs(pairsOf(s), { heldOut: s.heldOut }),
    vocabulary(s),
    tokenize(overflowOf(s)),
    warmStart(s),
    freezeRef(),
    demonstrateChosen(),
    sftUpdate({ lr: s.lr, epochs: 2 * s.epochs, batchSize: s.batchSize }),
  ]);

/** Prompts, and how the reference policy's replies to them score. */
export interface Field {
  readonly prompts: readonly EvalPrompt[];
  readonly before: readonly number[];
}

/** The win rate of the constant reply that scores best on these very prompts: a bound for all of its kind. */
export function bestConstant(key: Key, { prompts, before }: Field): Share & { readonly reply: string } {
  const candidates = [...Object.values(PHRASES).flat(), "", "Yes.", "No.", "I do not know.", "Sorry."];
  const rates = candidates.map((reply) => {
    const scores = prompts.map((prompt) => gold(prompt.text, reply));
    return { ...winRate(key, [scores, before]), reply };
  });
  return rates.reduce((a, b) => b.estimate > a.estimate ? b : a);
}

/** The reference policy at a lower temperature, as far from itself (in nats a reply) as the aligned policy is. */
export function sharpened(
  key: Key,
  { config, tokenizer, policy }: PolicyState,
  { prompts, before, kl }: Field & { readonly kl: number },
): Share & { readonly temperature: number; readonly kl: number } {
  const ids = prompts.map((prompt) => encodePrompt(tokenizer, prompt.text));
  const sampling = { key, maxNewTokens: 24, ...endsOf(tokenizer) };
  const at = (temperature: number) => {
    const replies = generate({ config, params: policy }, ids, { ...sampling, temperature }).flat();
    const examples = ids.map((prompt, i): Example => ({ prompt, completions: [replies[i]?.ids as Int32Array] }));
    const plain = logpsOf(policy, config, examples);
    const ratios = replies.map((r, i) => r.sampledLogps.reduce((a, b) => a + b, 0) - (plain[i] as number));
    const scores = replies.map((r, i) => gold(prompts[i]?.text as string, decodeCompletion(tokenizer, r.ids)));
    return { temperature, scores, kl: ratios.reduce((a, b) => a + b, 0) / ratios.length };
  };
  let [low, high] = [0.05, 1];
  for (let i = 0; i < 8; i++) {
    const middle = (low + high) / 2;
    if (at(middle).kl > kl) low = middle;
    else high = middle;
  }
  const found = at((low + high) / 2);
  return { ...winRate(key, [found.scores, before]), temperature: found.temperature, kl: found.kl };
}
