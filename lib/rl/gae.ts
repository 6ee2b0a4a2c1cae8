/** Generalised advantage estimation: how much better a token was than expected. */
import { bootstrapOf, type End } from "./end.ts";
import { actionsOf, sameLength } from "./segments.ts";

/** What is known of each token, and how each completion ended. */
export interface Steps {
  /** Reward of emitting token t, `[T]`. */
  readonly rewards: ArrayLike<number>;
  /** Value before token t, `[T]`. */
  readonly values: ArrayLike<number>;
  /** How completion b ended, `[B]`: after a truncated one the episode goes on at its `bootstrap` value. */
  readonly ends: readonly (End | { readonly type: "terminated" })[];
  /** 1 where the policy chose the token, 0 where it was given (another speaker's turn), `[T]`. Default: all chosen. */
  readonly actions?: ArrayLike<number>;
}

/** Advantages, and the returns that the critic learns: advantages + values. `[T]` each, 0 at tokens that were given. */
export type Advantages = Readonly<Record<"advantages" | "returns", Float64Array>>;

/**
 * Â_t = δ_t + γλ Â_{t+1},  δ_t = r_t + γ V_{t+1} − V_t, backwards over each completion's tokens, with V after the last
 * one 0, or the bootstrap value where it was truncated. R_t = Â_t + V_t.
 *
 * λ = 1 is return − value, λ = 0 the TD error. Tokens that the policy did not choose are no steps: credit passes over
 * them, and what stands there in `rewards` and `values` does not matter.
 * Tests: `tests/rl/gae_test.ts` (oracles `gae_*`, TRL).
 *
 * @param offsets completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`
 * @param options.gamma discount γ in [0, 1]; 1 for language
 * @param options.lambda λ in [0, 1]; bias for variance
 * @throws {RangeError} if a length does not fit, or γ or λ is out of range
 * @see Schulman et al. 2016, "High-dimensional continuous control using generalized advantage estimation", eq. 16
 * @example
 * ```ts
 * import { gae } from "@logratio/logratio";
 * const steps = { rewards: [0, 1], values: [0.3, 0.2], ends: [{ type: "terminated" }] } as const;
 * const { advantages } = gae(steps, Int32Array.of(0, 2), { gamma: 1, lambda: 0.95 }); // 0.66, 0.8
 * ```
 */
export function gae(
  steps: Steps,
  offsets: Int32Array,
  options: { readonly gamma: number; readonly lambda: number },
): Advantages {
  const { rewards, values, ends, actions } = steps;
  const { gamma, lambda } = options;
  for (const [name, x] of Object.entries({ gamma, lambda })) {
    if (!(x >= 0 && x <= 1)) {
      throw new RangeError(`Cannot compute gae as ${name} must be in [0, 1]: current value is ${x}`);
    }
  }
  const length = rewards.length;
  const completions = actionsOf(length, offsets, actions);
  sameLength({ values }, length);
  sameLength({ ends }, completions.length);
  const [advantages, returns] = [new Float64Array(length), new Float64Array(length)];
  completions.forEach((tokens, b) => {
    let [advantage, nextValue] = [0, bootstrapOf(ends[b] as End)];
    for (const t of tokens.toReversed()) {
      const value = values[t] as number;
      advantage = (rewards[t] as number) + gamma * nextValue - value + gamma * lambda * advantage;
      advantages[t] = advantage;
      returns[t] = advantage + value;
      nextValue = value;
    }
  });
  return { advantages, returns };
}
