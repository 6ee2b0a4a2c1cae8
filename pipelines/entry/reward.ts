/**
 * A reward model from preference pairs: `deno run jsr:@logratio/logratio/reward`.
 *
 * @module
 */
import { reward, settings } from "../reward.ts";
import { rewardSizes } from "../sizes.ts";
import { rewardSummary } from "../reward_summary.ts";
import { main } from "../main.ts";

await main(reward, settings, rewardSummary, rewardSizes);
