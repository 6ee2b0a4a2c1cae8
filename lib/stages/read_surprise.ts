/** The stage that reads, once and before the loop, how surprising the rows were to the policy. */
import { scan, type Stage } from "../flow/stage.ts";
import { surprisals } from "../model/surprise.ts";
import { completionTokens, type Example, pack } from "../tensor/ragged.ts";
import { byTokens, stepTokens } from "./chunks.ts";
import { type DistinctCompletions, distinctCompletions, examplesAt } from "./distinct_completions.ts";
import type { FitSurprise, RewardState, SurpriseState, ValidationState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** Prompts read in one step. */
const CHUNK = 64;

type Needs = Pick<PolicyState, "config" | "policy"> & RewardState & Pick<ValidationState, "fitRows">;

/** What is read so far, and where the rest stands: every checkpoint holds it, so the rows themselves are not in it. */
type Reading = DistinctCompletions & Pick<FitSurprise, "surprisals">;

/** The surprisals of every completion of some examples. */
function readOf({ policy, config }: Pick<Needs, "policy" | "config">, examples: readonly Example[]): Float32Array[] {
  const batch = pack(examples);
  const all = surprisals(policy, config, batch);
  const told = Float32Array.from(completionTokens(batch), (token) => all[token] as number);
  return Array.from(batch.offsets.subarray(1), (end, i) => told.slice(batch.offsets[i], end));
}

/** The examples of a step, in parts that are computed at once. */
function partsOf({ places }: Reading, fitRows: Needs["fitRows"], step: number): readonly (readonly Example[])[] {
  return byTokens(examplesAt(fitRows, places.slice(step * CHUNK, (step + 1) * CHUNK)));
}

/** Adds the surprisals of the tokens of the rows to learn from under the policy, if the reward model reads any. */
export function readSurprise(): Stage<Needs, SurpriseState> {
  return scan("readSurprise", {
    init: ({ fitRows, reward }: Needs) => {
      const distinct = distinctCompletions(reward.surprise === undefined ? [] : fitRows);
      return { carry: { ...distinct, surprisals: [] } as Reading, steps: Math.ceil(distinct.places.length / CHUNK) };
    },
    step: (carry, { step, state }) => {
      const read = partsOf(carry, state.fitRows, step).flatMap((part) => readOf(state, part));
      return { carry: { ...carry, surprisals: [...carry.surprisals, ...read] }, metrics: {} };
    },
    tokens: (carry, { step, state: { fitRows } }) => stepTokens(partsOf(carry, fitRows, step)),
    done: ({ surprisals, numbers }) => ({ fitSurprise: { surprisals, numbers } }),
  }, { needs: ["config", "policy", "reward", "fitRows"], adds: ["fitSurprise"] });
}
