/**
 * Log-probabilities of completions, token by token: `deno run -R jsr:@logratio/logratio/score --model DIR --data rows.jsonl`.
 *
 * @module
 */
import { main } from "../main.ts";
import { score, settings } from "../score.ts";
import { scoreSummary } from "../score_summary.ts";
import { scoreSizes } from "../sizes.ts";

await main(score, settings, scoreSummary, scoreSizes);
