/** The stage that reads, once and before the loop, how surprising the rows were to the policy. */
import { scan, type Stage } from "../flow/stage.ts";
import { surprisals } from "../model/surprise.ts";
import { pack } from "../tensor/ragged.ts";
import { byTokens, stepTokens, tokensIn } from "./chunks.ts";
import { exampleOf } from "./reference.ts";
import type { FitRow, RewardState, ValidationState } from "./reward_state.ts";
import type { PolicyState } from "./state.ts";

/** Rows read in one step. */
const CHUNK = 64;

type Needs = Pick<PolicyState, "config" | "policy"> & RewardState & Pick<ValidationState, "fitRows">;

/** The rows to learn from, with the surprisals of their tokens under the policy, if the reward model reads any. */
export function readSurprise(): Stage<Needs, Pick<ValidationState, "fitRows">> {
  return scan("readSurprise", {
    init: ({ fitRows, reward }: Needs) => {
      const rows = reward.surprise === undefined ? [] : fitRows;
      return {
        carry: rows.map((row) => new Float32Array(tokensIn(row))) as readonly Float32Array[],
        steps: Math.ceil(rows.length / CHUNK),
      };
    },
    step: (read, { step, state: { config, policy, fitRows } }) => {
      const chunk = fitRows.slice(step * CHUNK, (step + 1) * CHUNK);
      const parts = byTokens(chunk).map((part) => Array.from(surprisals(policy, config, pack(part.map(exampleOf)))));
      const found = Float32Array.from(parts.flat());
      let at = 0;
      const own = chunk.map(({ prompt, chosen, rejected }) =>
        found.slice(at, at += prompt.length + chosen.length + rejected.length)
      );
      return { carry: read.toSpliced(step * CHUNK, own.length, ...own), metrics: {} };
    },
    tokens: (_, { step, state: { fitRows } }) => stepTokens(byTokens(fitRows.slice(step * CHUNK, (step + 1) * CHUNK))),
    done: (read, { fitRows }) => ({
      fitRows: fitRows.map((row, i): FitRow => ({ ...row, ...read[i] && { surprisals: read[i] } })),
    }),
  }, { needs: ["config", "policy", "reward", "fitRows"], adds: ["fitRows"] });
}
