/** The stage that makes a reward of every token: the score at the end, the price of KL on the way. */
import { scan, type Stage } from "../flow/stage.ts";
import type { End, MissingEos } from "../rl/end.ts";
import { type KlControl, updateKlControl } from "../rl/kl_control.ts";
import { type TokenRewardOptions, tokenRewardsOf } from "../rl/token_rewards.ts";
import { whiten } from "../rl/whiten.ts";
import { divide, divideMeans } from "../tensor/mean.ts";
import type { CriticState } from "./init_critic.ts";
import { offsetsOf, type Rollout, type RolloutState } from "./rollout.ts";
import type { ScoreState } from "./score.ts";

/** What every token earned, and how every completion ended. */
export interface TokenRewardState {
  /** The rewards of all tokens end to end, `[T]`. */
  readonly tokenRewards: Float64Array;
  /** How each completion ended, `[B]`; what follows a truncated one is for the critic to say. */
  readonly ends: readonly End[];
}

/** What a completion without an end token is: cut off and to be continued, or ended at a price. */
export type Truncation = { readonly type: "bootstrap" } | MissingEos;

/** Options of `tokenRewards`. */
export interface TokenRewardStageOptions extends Pick<TokenRewardOptions, "kl" | "scoreClamp"> {
  /** Where KL is charged: in the rewards, by `klControl`, or not here because it is a term of the loss. Default `reward`. */
  readonly klPlace?: "reward" | "loss";
  /** Default: the score less 1, in the unit of the scores. */
  readonly missingEos?: Truncation;
  /** Whether rewards are divided by their deviation, their mean kept; a single one stays. Default false. */
  readonly whitenRewards?: boolean;
}

/** A stop sequence ends a completion as its end token does. */
function endOf({ end }: Rollout, score: number, missingEos: Truncation): End {
  if (end !== "length") return { type: "terminated", score };
  return missingEos.type === "bootstrap"
    ? { type: "truncated", bootstrap: 0 }
    : { type: "truncatedAsEnd", score, missingEos };
}

/**
 * r_t = −klCoef · k_t, and at the last token of a completion + its score; the price of KL goes on as its control says.
 *
 * @see `tokenRewardsOf`, `updateKlControl`
 * @example
 * ```ts
 * import { tokenRewards } from "@logratio/logratio";
 * const strict = tokenRewards({ scoreClamp: 5, missingEos: { type: "replace", score: -5 } });
 * const patient = tokenRewards({ missingEos: { type: "bootstrap" } }); // what is cut off goes on at the critic's value
 * ```
 */
export function tokenRewards(
  options: TokenRewardStageOptions = {},
): Stage<
  RolloutState & ScoreState & Pick<CriticState, "klControl">,
  TokenRewardState & Pick<CriticState, "klControl">
> {
  const { klPlace = "reward", missingEos = { type: "subtract", penalty: 1 }, whitenRewards = false, ...more } = options;
  type Needs = RolloutState & ScoreState & Pick<CriticState, "klControl">;
  type Carry = TokenRewardState & { readonly klControl: KlControl };
  return scan("tokenRewards", {
    init: ({ klControl }: Needs) => ({
      carry: { tokenRewards: new Float64Array(0), ends: [] as readonly End[], klControl } satisfies Carry as Carry,
      steps: 1,
    }),
    step: (_, { state: { rollouts, scores, klControl } }) => {
      const all = (of: (rollout: Rollout) => Float64Array): readonly number[] => rollouts.flatMap((r) => [...of(r)]);
      const ends = rollouts.map((rollout, b) => endOf(rollout, scores[b] as number, missingEos));
      const tokens = { tokenLogps: all((r) => r.tokenLogps), refLogps: all((r) => r.refLogps), ends };
      const klCoef = klPlace === "reward" ? klControl.klCoef : 0;
      const { rewards, metrics } = tokenRewardsOf(tokens, offsetsOf(rollouts), { ...more, klCoef });
      const kl = divide(metrics["objective/kl"] ?? { sum: NaN, count: 0 });
      return {
        carry: {
          tokenRewards: whitenRewards && rewards.length > 1 ? whiten(rewards, { shiftMean: false }) : rewards,
          ends,
          klControl: updateKlControl(klControl, { kl, completions: rollouts.length }),
        },
        metrics: { ...divideMeans(metrics), "objective/kl_coef": klControl.klCoef },
      };
    },
    done: (carry) => carry,
  }, { needs: ["rollouts", "scores", "klControl"], adds: ["tokenRewards", "ends", "klControl"] });
}
