/**
 * Reinforcement learning from human feedback, with PPO: `deno run jsr:@logratio/logratio/ppo`.
 *
 * @module
 */
import { ppo, settings } from "../ppo.ts";
import { ppoSummary } from "../ppo_summary.ts";
import { reinforcementSizes } from "../sizes.ts";
import { main } from "../main.ts";

await main(ppo, settings, ppoSummary, reinforcementSizes);
