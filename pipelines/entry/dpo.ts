/**
 * Direct preference optimisation: `deno run jsr:@logratio/logratio/dpo`.
 *
 * @module
 */
import { dpo, settings } from "../dpo.ts";
import { alignmentSizes } from "../sizes.ts";
import { summary } from "../summary.ts";
import { main } from "../main.ts";

await main(dpo, settings, summary, alignmentSizes);
