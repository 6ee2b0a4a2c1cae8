/** The stage that reads, once and before the loop, how surprising the rows were to the policy. */
import { scan, type Stage } from "../flow/stage.ts";
import { surprisals } from "../model/surprise.ts";
import { completionTokens, type Example, pack } from "../tensor/ragged.ts";
import { byTokens, stepTokens } from "./chunks.ts";
import { distinctCompletions } from "./distinct_completions.ts";
import type { FitRow, RewardState, ValidationState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** Prompts read in one step. */
const CHUNK = 64;

type Needs = Pick<PolicyState, "config" | "policy"> & RewardState & Pick<ValidationState, "fitRows">;

/** What is read so far: of each completion its tokens' surprisals, in the order of the examples. */
interface Reading {
  readonly examples: readonly Example[];
  readonly read: readonly Float32Array[];
}

/** The surprisals of every completion of some examples. */
function readOf({ policy, config }: Pick<Needs, "policy" | "config">, examples: readonly Example[]): Float32Array[] {
  const batch = pack(examples);
  const all = surprisals(policy, config, batch);
  const told = Float32Array.from(completionTokens(batch), (token) => all[token] as number);
  return Array.from(batch.offsets.subarray(1), (end, i) => told.slice(batch.offsets[i], end));
}

/** Of the prompt's tokens, which nobody said, then of the chosen and the rejected completion's. */
function joined(prompt: Int32Array, [chosen, rejected]: readonly [Float32Array, Float32Array]): Float32Array {
  const whole = new Float32Array(prompt.length + chosen.length + rejected.length);
  whole.set(chosen, prompt.length);
  whole.set(rejected, prompt.length + chosen.length);
  return whole;
}

/** The rows to learn from, with the surprisals of their tokens under the policy, if the reward model reads any. */
export function readSurprise(): Stage<Needs, Pick<ValidationState, "fitRows">> {
  return scan("readSurprise", {
    init: ({ fitRows, reward }: Needs) => {
      const { examples } = distinctCompletions(reward.surprise === undefined ? [] : fitRows);
      return { carry: { examples, read: [] } as Reading, steps: Math.ceil(examples.length / CHUNK) };
    },
    step: ({ examples, read }, { step, state }) => {
      const parts = byTokens(examples.slice(step * CHUNK, (step + 1) * CHUNK));
      return { carry: { examples, read: [...read, ...parts.flatMap((part) => readOf(state, part))] }, metrics: {} };
    },
    tokens: ({ examples }, { step }) => stepTokens(byTokens(examples.slice(step * CHUNK, (step + 1) * CHUNK))),
    done: ({ read }, { fitRows }) => {
      if (read.length === 0) return { fitRows };
      const { numbers } = distinctCompletions(fitRows);
      const of = (n: number): Float32Array => read[n] as Float32Array;
      return {
        fitRows: fitRows.map((row, i): FitRow => {
          const [chosen, rejected] = numbers[i] as readonly [number, number];
          return { ...row, surprisals: joined(row.prompt, [of(chosen), of(rejected)]) };
        }),
      };
    },
  }, { needs: ["config", "policy", "reward", "fitRows"], adds: ["fitRows"] });
}
