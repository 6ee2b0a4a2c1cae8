/** The stage that tells how much better than expected every token was. */
import type { Metrics } from "../flow/event.ts";
import { scan, type Stage } from "../flow/stage.ts";
import { values } from "../model/heads.ts";
import type { End } from "../rl/end.ts";
import { explainedVariance } from "../rl/explained_variance.ts";
import { gae } from "../rl/gae.ts";
import { whiten, type WhitenOptions } from "../rl/whiten.ts";
import { pack } from "../tensor/ragged.ts";
import { floats } from "../tensor/tensor.ts";
import type { CriticState } from "./init_critic.ts";
import { examplesOf, importanceOf, offsetsOf, type RolloutState } from "./rollout.ts";
import type { PolicyState } from "./state.ts";
import type { TokenRewardState } from "./token_rewards.ts";

/** What every token of the rollouts, end to end, is to teach, `[T]` each. */
export interface AdvantageState {
  /** To the policy: whitened advantages. */
  readonly advantages: Float64Array;
  /** To the critic. */
  readonly returns: Float64Array;
  /** What the critic had expected. */
  readonly values: Float64Array;
}

/** Options of `advantages`. */
export interface AdvantageOptions {
  /** Discount γ. Default 1. */
  readonly gamma?: number;
  /** λ of the estimator. Default 0.95. */
  readonly lambda?: number;
  /** How advantages are whitened over all tokens of the iteration; false leaves them. Default: to mean 0 and variance 1. */
  readonly whiten?: Omit<WhitenOptions, "mask"> | false;
  /** Largest importance π/q of a token that was drawn from another distribution than π. Default 2. */
  readonly importanceCap?: number;
}

/** Rollouts valued in one step. */
const CHUNK = 128;

/** Values before all tokens, and after each completion. */
interface Valued {
  readonly before: Float64Array;
  readonly after: Float64Array;
}

/** The values so far, and after the last step what follows from them. */
interface Carry extends Valued {
  readonly estimated: AdvantageState | null;
}

type Needs = Pick<PolicyState, "config" | "policy"> & RolloutState & TokenRewardState & Pick<CriticState, "value">;

/** The values of some more rollouts. */
function valuesOf({ value, policy, config, rollouts }: Needs, step: number): Valued {
  const batch = pack(examplesOf(rollouts.slice(step * CHUNK, (step + 1) * CHUNK)));
  const { before, after } = values(value, policy, { config, batch });
  return { before: Float64Array.from(floats(before)), after: Float64Array.from(floats(after)) };
}

const join = (a: Float64Array, b: Float64Array): Float64Array => Float64Array.from([...a, ...b]);

/** What is said where no token was better than another. */
const EQUAL = "The advantages of all tokens are equal: the policy has nothing to learn from them.";

/** Whitened, unless all are equal: then there is nothing to prefer. */
function whitened(x: Float64Array, options: Omit<WhitenOptions, "mask">): Float64Array {
  return x.every((a) => a === x[0]) ? x.map(() => 0) : whiten(x, options);
}

/** How well the critic knew; nothing where there was nothing to know. */
function foreseen({ returns, values }: AdvantageState): Metrics {
  const explained = explainedVariance(returns, values);
  return explained === undefined ? {} : { "val/explained_variance": explained };
}

/**
 * Asks the critic, and estimates advantages and returns by `gae`. A truncated completion goes on at the critic's value
 * after its last token. Tokens that were not drawn from π count by their importance, after whitening. Where all
 * advantages are equal they are 0, and a warning says so.
 *
 * @see Schulman et al. 2016, "High-dimensional continuous control using generalized advantage estimation"
 * @example
 * ```ts
 * import { advantages } from "@logratio/logratio";
 * const estimate = advantages({ gamma: 1, lambda: 0.95 }); // whitened over all tokens of the iteration
 * const plain = advantages({ lambda: 1, whiten: false }); // returns less values
 * ```
 */
export function advantages(
  options: AdvantageOptions = {},
): Stage<
  Pick<PolicyState, "config" | "policy"> & RolloutState & TokenRewardState & Pick<CriticState, "value">,
  AdvantageState
> {
  const { gamma = 1, lambda = 0.95, whiten: how = {}, importanceCap = 2 } = options;
  const estimate = ({ rollouts, tokenRewards, ends }: Needs, { before, after }: Valued): AdvantageState => {
    const offsets = offsetsOf(rollouts);
    const known = ends.map((end, b): End => (
      end.type === "truncated" ? { ...end, bootstrap: after[b] as number } : end
    ));
    const found = gae({ rewards: tokenRewards, values: before, ends: known }, offsets, { gamma, lambda });
    const white = how === false ? found.advantages : whitened(found.advantages, how);
    const importance = rollouts.flatMap((rollout) => [...importanceOf(rollout, importanceCap)]);
    return { advantages: white.map((a, t) => a * (importance[t] as number)), returns: found.returns, values: before };
  };
  return scan("advantages", {
    init: ({ rollouts }: Needs) => ({
      carry: { before: new Float64Array(0), after: new Float64Array(0), estimated: null } as Carry,
      steps: Math.ceil(rollouts.length / CHUNK),
    }),
    step: ({ before, after }, { step, steps, state, emit }) => {
      const more = valuesOf(state, step);
      const valued = { before: join(before, more.before), after: join(after, more.after) };
      if (step + 1 < steps) return { carry: { ...valued, estimated: null }, metrics: {} };
      const estimated = estimate(state, valued);
      if (estimated.advantages.every((a) => a === 0)) emit({ type: "warning", message: EQUAL });
      return { carry: { ...valued, estimated }, metrics: foreseen(estimated) };
    },
    done: ({ estimated, ...nothing }, state) => estimated ?? estimate(state, nothing), // of no rollouts there is no step
  }, {
    needs: ["config", "policy", "rollouts", "tokenRewards", "ends", "value"],
    adds: ["advantages", "returns", "values"],
  });
}
