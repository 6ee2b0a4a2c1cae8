/** How well a policy predicts demonstrations it never saw. */
import { scan, type Stage } from "../flow/stage.ts";
import { type Estimate, meanEstimate } from "../evaluation/interval.ts";
import type { DecoderConfig, DecoderParams } from "../model/decoder.ts";
import type { Example } from "../tensor/ragged.ts";
import { byTokens, stepTokens } from "./chunks.ts";
import { weightsOf } from "./own_terms.ts";
import { logpsOf } from "./reference.ts";
import type { DemonstrationState } from "./sft_update.ts";
import type { PolicyState, RefState } from "./state.ts";

/** Negative log-likelihood per token, nats, before and after. */
export interface LikelihoodEvaluation {
  /** Under the reference. */
  readonly before: Estimate;
  /** Under the policy. */
  readonly after: Estimate;
}

const CHUNK = 64;

/** Mean over demonstrations of −log π / tokens. */
function nll(params: DecoderParams, config: DecoderConfig, examples: readonly Example[]): readonly number[] {
  const scored = logpsOf(params, config, examples);
  return examples.map(({ completions: [tokens] }, i) => -(scored[i] as number) / (tokens?.length as number));
}

/** Scores held-out demonstrations under policy and reference; they weigh as in training. */
export function evaluateLikelihood(): Stage<
  PolicyState & RefState & Pick<DemonstrationState, "heldOutDemonstrations">,
  { readonly likelihood: LikelihoodEvaluation }
> {
  return scan("evaluateLikelihood", {
    init: ({ heldOutDemonstrations }) => ({
      carry: { before: [] as readonly number[], after: [] as readonly number[] },
      steps: Math.ceil(heldOutDemonstrations.length / CHUNK),
    }),
    step: ({ before, after }, { step, state: { policy, ref, config, heldOutDemonstrations } }) => {
      const chunk = heldOutDemonstrations.slice(step * CHUNK, (step + 1) * CHUNK).map(({ example }) => example);
      return {
        carry: { before: [...before, ...nll(ref, config, chunk)], after: [...after, ...nll(policy, config, chunk)] },
        metrics: {},
      };
    },
    tokens: (_, { step, state: { heldOutDemonstrations } }) =>
      stepTokens(byTokens(heldOutDemonstrations.slice(step * CHUNK, (step + 1) * CHUNK))),
    done: ({ before, after }, { heldOutDemonstrations }) => {
      const { weights } = weightsOf(heldOutDemonstrations);
      return { likelihood: { before: meanEstimate(before, weights), after: meanEstimate(after, weights) } };
    },
  }, { needs: ["config", "policy", "ref", "heldOutDemonstrations"], adds: ["likelihood"] });
}
