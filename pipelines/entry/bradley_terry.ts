/**
 * Strengths of items from comparisons: `deno run jsr:@logratio/logratio/bradley_terry`.
 *
 * @module
 */
import { bradleyTerry, settings } from "../bradley_terry.ts";
import { summary } from "../bradley_terry_report.ts";
import { main } from "../main.ts";

await main(bradleyTerry, settings, summary);
