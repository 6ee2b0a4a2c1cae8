/** How well the policy's implicit reward tells chosen from rejected on pairs it never saw. */
import { type Share, shareWon } from "../evaluation/interval.ts";
import { scan, type Stage } from "../flow/stage.ts";
import { divide, meanOf } from "../tensor/mean.ts";
import { byTokens, stepTokens } from "./chunks.ts";
import { weightsOf } from "./own_terms.ts";
import { exampleOf, logpsOf } from "./reference.ts";
import type { PolicyState, RefState, RowState } from "./state.ts";

/** What held-out pairs say. */
export interface PairEvaluation {
  /** Share of pairs whose implicit reward beta·log(π/π_ref) is higher for the chosen completion. */
  readonly accuracy: Share;
  /** The same for the rule that the shorter completion (in tokens) wins. */
  readonly shorterWins: Share;
  /** Mean of log π − log π_ref over held-out completions, nats: how far their probabilities moved. */
  readonly drift: { readonly chosen: number; readonly rejected: number };
}

const CHUNK = 64;

/** Log ratios of held-out completions, `[2·rows]`: chosen, rejected, chosen, … */
type Carry = Float64Array;

function summarise(ratios: Carry, { heldOutRows }: RowState): PairEvaluation {
  const pick = (which: 0 | 1): readonly number[] => heldOutRows.map((_, i) => ratios[2 * i + which] as number);
  const [chosen, rejected] = [pick(0), pick(1)], { weights } = weightsOf(heldOutRows);
  return {
    accuracy: shareWon(chosen.map((c, i) => c - (rejected[i] as number)), weights),
    shorterWins: shareWon(heldOutRows.map((row) => row.rejected.length - row.chosen.length), weights),
    drift: { chosen: divide(meanOf(chosen, weights)), rejected: divide(meanOf(rejected, weights)) },
  };
}

/**
 * Scores the held-out pairs under policy and reference; a pair's `weight` counts as in training. Warns when the policy has become less likely to give the
 * *chosen* completions: DPO moves the difference, and may lower both sides.
 */
export function evaluatePairs(): Stage<PolicyState & RefState & RowState, { readonly heldOut: PairEvaluation }> {
  return scan("evaluatePairs", {
    init: ({ heldOutRows }) => ({
      carry: new Float64Array(2 * heldOutRows.length),
      steps: Math.ceil(heldOutRows.length / CHUNK),
    }),
    step: (ratios: Carry, { step, state: { policy, ref, config, heldOutRows } }) => {
      const examples = heldOutRows.slice(step * CHUNK, (step + 1) * CHUNK).map(exampleOf);
      const [now, before] = [logpsOf(policy, config, examples), logpsOf(ref, config, examples)];
      const next = ratios.slice();
      next.set(now.map((x, i) => x - (before[i] as number)), 2 * step * CHUNK);
      return { carry: next, metrics: {} };
    },
    tokens: (_, { step, state: { heldOutRows } }) =>
      stepTokens(byTokens(heldOutRows.slice(step * CHUNK, (step + 1) * CHUNK))),
    done: (ratios, state, { emit }) => {
      const heldOut = summarise(ratios, state);
      if (heldOut.drift.chosen < -1) {
        emit({
          type: "warning",
          message: `The chosen replies became less likely: by ${(-heldOut.drift.chosen).toFixed(2)} nats on held-out ` +
            "pairs. A larger beta (klCoef of PPO), a smaller learning rate or fewer epochs keeps the policy nearer to " +
            "its reference.",
        });
      }
      return { heldOut };
    },
  }, { needs: ["config", "policy", "ref", "heldOutRows"], adds: ["heldOut"] });
}
