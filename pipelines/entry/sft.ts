/**
 * Supervised fine-tuning: `deno run jsr:@logratio/logratio/sft`.
 *
 * @module
 */
import { settings, sft } from "../sft.ts";
import { textSizes } from "../sizes.ts";
import { sftSummary } from "../summary.ts";
import { main } from "../main.ts";

await main(sft, settings, sftSummary, textSizes);
