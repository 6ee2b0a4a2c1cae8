/** A policy whose every probability is known, and rollouts of it. */
import type { Rollout } from "../../lib/stages/rollout.ts";
import { ended, idOf, tokenizer, unigram, untied } from "./tiny.ts";

/** π(a) = ½, π(b) = ¼, π(end) = ¼, whatever came before. */
export const policy = unigram({ a: 0.5, b: 0.25 });

/** π_ref(a) = ¼, π_ref(b) = ½, π_ref(end) = ¼. */
export const ref = unigram({ a: 0.25, b: 0.5 });

export const model = { config: untied, tokenizer, policy, ref };

const LOGPS = { policy: { a: Math.log(0.5), b: Math.log(0.25) }, ref: { a: Math.log(0.25), b: Math.log(0.5) } };

/** A prompt of one letter. */
export const promptOf = (id: string): Rollout["prompt"] => ({ id, text: id, ids: Int32Array.of(idOf(id)) });

/** The rollout of a text of a's and b's that ended by itself, as the policy would have drawn it. */
export function rolloutOf(text: string, change: Partial<Rollout> = {}): Rollout {
  const logps = (under: "policy" | "ref"): Float64Array =>
    Float64Array.from([...[...text].map((c) => LOGPS[under][c as "a" | "b"]), Math.log(0.25)]);
  const tokenLogps = logps("policy");
  return {
    prompt: promptOf("p"),
    ids: ended(text),
    text,
    end: "eos",
    sampling: { temperature: 1 },
    sampledLogps: tokenLogps,
    tokenLogps,
    refLogps: logps("ref"),
    ...change,
  };
}
